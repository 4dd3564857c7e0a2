// Canonical composition, UAX 15: decompose, sort combining marks, compose.
#include <algorithm>
#include <cstdint>
#include <iterator>
#include <unordered_map>
#include <vector>

#include "model/utf8.hpp"

namespace charter::model {
namespace {

struct Decomposition {
  char32_t code, first, second;  // second 0: a single character
  bool composes;                 // first + second make code again
};
struct ClassRun {
  char32_t begin, end;  // inclusive
  uint8_t combining_class;
};
#include "model/nfc_tables.inc"

constexpr char32_t kHangul = 0xAC00, kLead = 0x1100, kVowel = 0x1161, kTail = 0x11A7;
constexpr char32_t kLeads = 19, kVowels = 21, kTails = 28;

uint8_t class_of(char32_t c) {
  const auto* run = std::lower_bound(std::begin(kClassRuns), std::end(kClassRuns), c,
                                     [](const ClassRun& r, char32_t x) { return r.end < x; });
  return run != std::end(kClassRuns) && run->begin <= c ? run->combining_class : 0;
}

void decompose(char32_t c, std::u32string& out) {
  if (c >= kHangul && c < kHangul + kLeads * kVowels * kTails) {
    const char32_t s = c - kHangul;
    out += kLead + s / (kVowels * kTails);
    out += kVowel + s % (kVowels * kTails) / kTails;
    if (s % kTails) out += kTail + s % kTails;
    return;
  }
  const auto* row = std::lower_bound(std::begin(kDecompositions), std::end(kDecompositions), c,
                                     [](const Decomposition& d, char32_t x) { return d.code < x; });
  if (row == std::end(kDecompositions) || row->code != c) {
    out += c;
    return;
  }
  decompose(row->first, out);
  if (row->second) out += row->second;  // no second part decomposes further
}

// 0: they do not compose.
char32_t compose_pair(char32_t a, char32_t b) {
  if (a >= kLead && a < kLead + kLeads && b >= kVowel && b < kVowel + kVowels) {
    return kHangul + ((a - kLead) * kVowels + (b - kVowel)) * kTails;
  }
  const bool open_syllable =
      a >= kHangul && a < kHangul + kLeads * kVowels * kTails && (a - kHangul) % kTails == 0;
  if (open_syllable && b > kTail && b < kTail + kTails) return a + (b - kTail);
  static const std::unordered_map<uint64_t, char32_t> kPairs = [] {
    std::unordered_map<uint64_t, char32_t> out;
    for (const auto& d : kDecompositions) {
      if (d.composes) out[uint64_t{d.first} << 32 | d.second] = d.code;
    }
    return out;
  }();
  const auto it = kPairs.find(uint64_t{a} << 32 | b);
  return it == kPairs.end() ? 0 : it->second;
}

std::u32string decomposed(std::string_view text) {
  std::u32string out;
  while (!text.empty()) {
    const Utf8Step step = utf8_step(text);
    decompose(step.code, out);
    text.remove_prefix(step.bytes);
  }
  for (size_t i = 0; i < out.size();) {
    size_t end = i;
    while (end < out.size() && class_of(out[end]) != 0) ++end;
    std::stable_sort(out.begin() + static_cast<ptrdiff_t>(i),
                     out.begin() + static_cast<ptrdiff_t>(end),
                     [](char32_t a, char32_t b) { return class_of(a) < class_of(b); });
    i = std::max(end, i + 1);
  }
  return out;
}

void compose(std::u32string& text) {
  size_t starter = std::u32string::npos;
  size_t kept = 0;
  int last_class = -1;  // of the characters kept after the starter; -1: none
  for (size_t i = 0; i < text.size(); ++i) {
    const int cls = class_of(text[i]);
    if (starter != std::u32string::npos && last_class < cls) {
      if (const char32_t joined = compose_pair(text[starter], text[i])) {
        text[starter] = joined;
        continue;
      }
    }
    if (cls == 0) starter = kept;
    last_class = cls == 0 ? -1 : cls;
    text[kept++] = text[i];
  }
  text.resize(kept);
}

}  // namespace

std::string utf8_nfc(std::string_view text) {
  // No character below U+0300 combines with anything; 0xCC is the first lead byte from there on.
  const bool plain = std::none_of(text.begin(), text.end(),
                                  [](char c) { return static_cast<uint8_t>(c) >= 0xCC; });
  if (plain) return std::string(text);
  std::u32string points = decomposed(text);
  compose(points);
  std::string out;
  out.reserve(text.size());
  for (const char32_t c : points) utf8_append(out, c);
  return out;
}

}  // namespace charter::model
