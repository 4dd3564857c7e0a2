#include "model/jinja/text.hpp"

#include <algorithm>
#include <cstring>

#include "model/jinja/unicode.hpp"
#include "model/utf8.hpp"

namespace charter::model::jinja {
namespace {

// Of white space that str.split takes; the bytes of the code point at `at`, 0 for another.
size_t space_at(std::string_view bytes, size_t at) {
  const Utf8Step step = utf8_step(bytes.substr(at));
  return step.status == Utf8Status::kCharacter && is_space(step.code) ? step.bytes : 0;
}

bool contains(const std::string& set, std::string_view character) {
  return find_text(set, character) != std::string::npos;
}

bool stripped(std::string_view character, const std::string* chars) {
  return chars != nullptr ? contains(*chars, character) : space_at(character, 0) > 0;
}

// Words with the bytes they begin and end at.
std::vector<std::pair<size_t, size_t>> words_of(std::string_view bytes) {
  std::vector<std::pair<size_t, size_t>> words;
  bool in_word = false;
  for (size_t i = 0; i < bytes.size();) {
    const size_t space = space_at(bytes, i);
    if (space > 0) {
      in_word = false;
      i += space;
      continue;
    }
    if (!in_word) words.push_back({i, i});
    in_word = true;
    i += utf8_step(bytes.substr(i)).bytes;
    words.back().second = i;
  }
  return words;
}

bool cased_at(std::string_view bytes, size_t at) {
  if (at >= bytes.size()) return false;
  const char32_t c = utf8_step(bytes.substr(at)).code;
  return is_class(c, Class::kUpper) || is_class(c, Class::kLower);
}

// A capital sigma at the end of a word has a small form of its own.
constexpr char32_t kSigma = 0x3a3;
constexpr const char* kFinalSigma = "\u03c2";

bool is_line_end(char32_t c) {
  return (c >= 0x0a && c <= 0x0d) || (c >= 0x1c && c <= 0x1e) || c == 0x85 || c == 0x2028 ||
         c == 0x2029;
}

}  // namespace

Text marked(std::string bytes, uint8_t mark) {
  Text text{.bytes = std::move(bytes), .marks = {}};
  if (mark != 0) text.marks.assign(text.bytes.size(), static_cast<char>(mark));
  return text;
}

Text cut(const Text& text, size_t begin, size_t end) {
  Text out{.bytes = text.bytes.substr(begin, end - begin), .marks = {}, .markup = text.markup};
  if (!text.marks.empty()) out.marks = text.marks.substr(begin, end - begin);
  return out;
}

void append(Text& to, const Text& from) {
  if (!from.marks.empty() || !to.marks.empty()) {
    to.marks.resize(to.bytes.size());
    to.marks += from.marks;
    to.marks.resize(to.bytes.size() + from.bytes.size());
  }
  to.bytes += from.bytes;
}

void append(Text& to, std::string_view bytes, uint8_t mark) {
  if (mark != 0 || !to.marks.empty()) {
    to.marks.resize(to.bytes.size());
    to.marks.append(bytes.size(), static_cast<char>(mark));
  }
  to.bytes += bytes;
}

std::vector<size_t> offsets_of(std::string_view bytes) {
  std::vector<size_t> out;
  out.reserve(bytes.size() + 1);
  for (size_t i = 0; i < bytes.size(); ++i) {
    if ((static_cast<uint8_t>(bytes[i]) & 0xc0) != 0x80) out.push_back(i);
  }
  out.push_back(bytes.size());
  return out;
}

size_t length_of(std::string_view bytes) {
  size_t count = 0;
  for (const char c : bytes) count += (static_cast<uint8_t>(c) & 0xc0) != 0x80 ? 1 : 0;
  return count;
}

size_t find_text(std::string_view text, std::string_view needle, size_t from) {
  if (from > text.size()) return std::string_view::npos;
  if (needle.empty()) return from;
  const void* at = ::memmem(text.data() + from, text.size() - from, needle.data(), needle.size());
  if (at == nullptr) return std::string_view::npos;
  return static_cast<size_t>(static_cast<const char*>(at) - text.data());
}

size_t find_last_text(std::string_view text, std::string_view needle) {
  const std::string back(text.rbegin(), text.rend());
  const size_t at = find_text(back, std::string(needle.rbegin(), needle.rend()));
  return at == std::string_view::npos ? at : text.size() - at - needle.size();
}

Text strip(const Text& text, const std::string* chars, bool left, bool right) {
  const std::string_view bytes = text.bytes;
  size_t begin = 0, end = bytes.size();
  while (left && begin < end) {
    const size_t size = utf8_step(bytes.substr(begin)).bytes;
    if (!stripped(bytes.substr(begin, size), chars)) break;
    begin += size;
  }
  while (right && end > begin) {
    size_t last = end - 1;
    while (last > begin && (static_cast<uint8_t>(bytes[last]) & 0xc0) == 0x80) --last;
    if (!stripped(bytes.substr(last, end - last), chars)) break;
    end = last;
  }
  return cut(text, begin, end);
}

std::vector<Text> split(const Text& text, const std::string* separator, int64_t limit) {
  std::vector<Text> out;
  if (separator == nullptr) {
    for (const auto& [begin, end] : words_of(text.bytes)) {
      if (limit >= 0 && static_cast<int64_t>(out.size()) == limit) {
        out.push_back(strip(cut(text, begin, text.size()), nullptr, true, false));
        return out;
      }
      out.push_back(cut(text, begin, end));
    }
    return out;
  }
  size_t done = 0;
  while (limit < 0 || static_cast<int64_t>(out.size()) < limit) {
    const size_t at = find_text(text.bytes, *separator, done);
    if (at == std::string::npos) break;
    out.push_back(cut(text, done, at));
    done = at + separator->size();
  }
  out.push_back(cut(text, done, text.size()));
  return out;
}

std::vector<Text> split_last(const Text& text, const std::string* separator, int64_t limit) {
  if (limit < 0) return split(text, separator, limit);
  std::vector<Text> out;
  if (separator == nullptr) {
    const auto words = words_of(text.bytes);
    const size_t kept = std::min(words.size(), static_cast<size_t>(limit));
    const size_t first = words.size() - kept;
    // What is left keeps the white space it begins with.
    if (first > 0) out.push_back(cut(text, 0, words[first - 1].second));
    for (size_t i = first; i < words.size(); ++i)
      out.push_back(cut(text, words[i].first, words[i].second));
    return out;
  }
  // Matches from the back: those of the reversed texts from the front.
  const std::string back(text.bytes.rbegin(), text.bytes.rend());
  const std::string needle(separator->rbegin(), separator->rend());
  std::vector<size_t> cuts;
  for (size_t from = 0; static_cast<int64_t>(cuts.size()) < limit;) {
    const size_t at = find_text(back, needle, from);
    if (at == std::string::npos) break;
    from = at + needle.size();
    cuts.push_back(text.size() - from);
  }
  size_t done = 0;
  for (auto at = cuts.rbegin(); at != cuts.rend(); ++at) {
    out.push_back(cut(text, done, *at));
    done = *at + separator->size();
  }
  out.push_back(cut(text, done, text.size()));
  return out;
}

std::vector<Text> split_lines(const Text& text, bool keep_ends) {
  std::vector<Text> out;
  size_t begin = 0;
  for (size_t i = 0; i < text.size();) {
    const Utf8Step step = utf8_step(std::string_view(text.bytes).substr(i));
    const size_t at = i;
    i += step.bytes;
    if (step.status != Utf8Status::kCharacter || !is_line_end(step.code)) continue;
    if (step.code == '\r' && i < text.size() && text.bytes[i] == '\n') ++i;
    out.push_back(cut(text, begin, keep_ends ? i : at));
    begin = i;
  }
  if (begin < text.size()) out.push_back(cut(text, begin, text.size()));
  return out;
}

Text with_case(const Text& text, Case how) {
  Text out{.bytes = {}, .marks = {}, .markup = text.markup};
  bool at_start = true;  // of the text, or of a word
  bool in_word = false;
  for (size_t i = 0; i < text.size();) {
    const Utf8Step step = utf8_step(std::string_view(text.bytes).substr(i));
    bool upper = how == Case::kUpper;
    if (how == Case::kCapitalize || how == Case::kTitle) upper = at_start;
    if (how == Case::kSwap) upper = is_class(step.code, Class::kLower);
    const bool ends = in_word && !cased_at(text.bytes, i + step.bytes);
    const std::string lower = step.code == kSigma && ends ? kFinalSigma : to_lower(step.code);
    append(out, upper ? to_upper(step.code) : lower, text.mark(i));
    in_word = cased_at(text.bytes, i);
    at_start = how == Case::kTitle && !in_word;
    i += step.bytes;
  }
  return out;
}

}  // namespace charter::model::jinja
