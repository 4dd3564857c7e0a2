// GGUF: metadata, configuration, tokenizer and every tensor of any bytes.
#include <ATen/ATen.h>

#include "model/gguf_model.hpp"
#include "model/tokenizer.hpp"
#include "tests/fuzz/bounded.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace charter;
  if (size == 0) return 0;
  const fuzz::InputFile file(data, size);
  fuzz::bounded(size, [&] {
    const auto gguf = model::GgufFile::open(file.path());
    std::vector<at::Tensor> alive;  // together, as a model is
    for (const auto& tensor : gguf.tensors()) alive.push_back(gguf.read(tensor));
  });
  fuzz::bounded(size, [&] { (void)model::model_from_gguf(model::GgufFile::open(file.path())); });
  fuzz::bounded(size, [&] {
    const model::Tokenizer tokenizer(
        model::tokenizer_from_gguf(model::GgufFile::open(file.path())));
    (void)tokenizer.decode(tokenizer.encode("A line, 12 \xc3\xa9."));
  });
  return 0;
}
