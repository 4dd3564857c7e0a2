// GoogleTest's main with --isa=NAME: all tests on that set of kernels, for machines we do not have.
// Exits with 77, which CTest counts as skipped, where the CPU does not run it.
#include <gtest/gtest.h>

#include <iostream>
#include <stdexcept>
#include <string_view>

#include "model/kernels.hpp"

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  constexpr std::string_view kOption = "--isa=";
  if (argc > 1 && std::string_view(argv[1]).starts_with(kOption)) {
    try {
      charter::model::use_kernels(std::string_view(argv[1]).substr(kOption.size()));
    } catch (const std::invalid_argument& error) {
      std::cerr << error.what() << "\n";
      return 77;
    }
  }
  return RUN_ALL_TESTS();
}
