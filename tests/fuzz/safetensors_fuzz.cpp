// safetensors: header and every tensor of any bytes.
#include <ATen/ATen.h>

#include "model/safetensors.hpp"
#include "tests/fuzz/bounded.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace charter;
  if (size == 0) return 0;
  const fuzz::InputFile file(data, size);
  fuzz::bounded(size, [&] {
    for (const auto& [name, tensor] : model::read_safetensors(file.path()).tensors) {
      (void)tensor.sum();
    }
  });
  return 0;
}
