#include <bit>
#include <string_view>

#include "model/tokenizer_spec.hpp"

namespace charter::model {
namespace {

// 64-bit FNV-1a; a length before each text keeps "ab","c" apart from "a","bc".
class Hasher {
 public:
  void add(uint64_t number) {
    for (int i = 0; i < 8; ++i) byte(static_cast<uint8_t>(number >> (8 * i)));
  }
  void add(std::string_view text) {
    add(text.size());
    for (const char c : text) byte(static_cast<uint8_t>(c));
  }
  [[nodiscard]] uint64_t value() const { return value_; }

 private:
  void byte(uint8_t b) { value_ = (value_ ^ b) * 0x100000001B3ull; }
  uint64_t value_ = 0xCBF29CE484222325ull;
};

}  // namespace

uint64_t tokenizer_hash(const TokenizerSpec& spec) {
  Hasher h;
  h.add(spec.tokens.size());
  for (const auto& token : spec.tokens) h.add(token);
  h.add(spec.merges.size());
  for (const auto& [left, right] : spec.merges) h.add(left), h.add(right);
  for (const auto& t : spec.added) {
    h.add(static_cast<uint64_t>(t.id)), h.add(t.text), h.add(t.special), h.add(t.normalized);
  }
  for (const auto& step : spec.pre) {
    h.add(static_cast<uint64_t>(step.kind)), h.add(step.pattern), h.add(step.individual_digits);
  }
  h.add(spec.nfc), h.add(spec.ignore_merges);
  if (const auto& m = spec.metaspace) {
    h.add(static_cast<uint64_t>(m->prepend)), h.add(m->normalizer), h.add(m->byte_fallback);
    h.add(m->fuse_unk), h.add(m->strip_first_space);
    h.add(m->unk_id ? static_cast<uint64_t>(*m->unk_id) : ~uint64_t{0});
    for (const float score : m->scores) h.add(uint64_t{std::bit_cast<uint32_t>(score)});
  }
  return h.value();
}

}  // namespace charter::model
