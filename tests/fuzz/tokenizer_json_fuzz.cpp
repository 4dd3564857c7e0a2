// tokenizer.json: any bytes as the file, then a text through what it describes.
#include <nlohmann/json.hpp>

#include "model/tokenizer.hpp"
#include "tests/fuzz/bounded.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace charter;
  // Compiled classes of Unicode characters: a constant, since the patterns' bytes are bounded.
  constexpr size_t kPatterns = (size_t{12} << 20) / 96;
  fuzz::bounded(size + kPatterns, [&] {
    const auto json = nlohmann::json::parse(data, data + size);
    const model::Tokenizer tokenizer(model::tokenizer_from_json(json, "tokenizer.json"));
    (void)tokenizer.decode(tokenizer.encode("A line, 12 \xc3\xa9.\n<|im_start|>"));
  });
  return 0;
}
