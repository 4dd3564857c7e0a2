// make_tiny_model GGUF DIRECTORY [HIDDEN]: a Hugging Face directory of a tiny random model with the
// vocabulary of GGUF. A whole run on it tests everything but the model.
#include <iostream>

#include "tests/system/tiny_model_files.hpp"

int main(int argc, char** argv) {
  if (argc != 3 && argc != 4) {
    std::cerr << "usage: make_tiny_model GGUF DIRECTORY [HIDDEN]\n";
    return 2;
  }
  try {
    const int64_t hidden = argc == 4 ? std::stoll(argv[3]) : 32;
    charter::model::save_hf_directory(charter::tiny_model_files(argv[1], hidden), argv[2]);
  } catch (const std::exception& e) {
    std::cerr << "make_tiny_model: " << e.what() << "\n";
    return 1;
  }
}
