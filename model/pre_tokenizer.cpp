#define PCRE2_CODE_UNIT_WIDTH 8
#include "model/pre_tokenizer.hpp"

#include <pcre2.h>

#include <stdexcept>

#include "model/input_error.hpp"

namespace charter::model {
namespace {

// \s of the reference's regex engines is the property White_Space; PCRE2's adds U+180E and, without
// PCRE2_UCP, depends on tables. So we write the set out.
constexpr std::string_view kWhiteSpace = R"(\x{9}-\x{D}\x{20}\x{85}\x{A0}\x{1680}\x{2000}-\x{200A})"
                                         R"(\x{2028}\x{2029}\x{202F}\x{205F}\x{3000})";

std::string with_white_space_spelled_out(std::string_view pattern) {
  std::string out;
  bool in_class = false;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '\\' && i + 1 < pattern.size()) {
      const char next = pattern[++i];
      if (next == 's') {
        out += in_class ? std::string(kWhiteSpace) : "[" + std::string(kWhiteSpace) + "]";
      } else if (next == 'S' && !in_class) {
        out += "[^" + std::string(kWhiteSpace) + "]";
      } else {
        out += {c, next};
      }
      continue;
    }
    if (c == '[') in_class = true;
    if (c == ']') in_class = false;
    out += c;
  }
  return out;
}

struct MatchDataDeleter {
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};

std::string pattern_of(const PreTokenizerStep& step) {
  if (step.kind == PreTokenizerStep::Kind::kSplit) return step.pattern;
  return step.individual_digits ? R"(\p{N})" : R"(\p{N}+)";
}

}  // namespace

struct PreTokenizer::Pattern {
  explicit Pattern(const std::string& source) : text(source) {
    const std::string spelled = with_white_space_spelled_out(source);
    int error = 0;
    PCRE2_SIZE at = 0;
    code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(spelled.data()), spelled.size(),
                         PCRE2_UTF | PCRE2_UCP, &error, &at, nullptr);
    if (!code) {
      PCRE2_UCHAR message[128];
      pcre2_get_error_message(error, message, sizeof(message));
      throw InputError("pre-tokenizer pattern \"" + source.substr(0, 80) + "\": position " +
                       std::to_string(at) + ": " + reinterpret_cast<const char*>(message));
    }
    // Where code may not be written at run time this fails and pcre2_match interprets.
    pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
  }
  ~Pattern() { pcre2_code_free(code); }
  Pattern(const Pattern&) = delete;
  Pattern& operator=(const Pattern&) = delete;

  std::string text;
  pcre2_code* code = nullptr;
};

PreTokenizer::PreTokenizer(const std::vector<PreTokenizerStep>& steps) {
  for (const auto& step : steps) patterns_.push_back(std::make_unique<Pattern>(pattern_of(step)));
}

PreTokenizer::~PreTokenizer() = default;

void PreTokenizer::split(std::string_view text,
                         const std::function<void(std::string_view)>& piece) const {
  split_from(0, text, piece);
}

void PreTokenizer::split_from(size_t step, std::string_view text,
                              const std::function<void(std::string_view)>& piece) const {
  if (text.empty()) return;
  if (step == patterns_.size()) return piece(text);
  const Pattern& pattern = *patterns_[step];
  const std::unique_ptr<pcre2_match_data, MatchDataDeleter> match(
      pcre2_match_data_create_from_pattern(pattern.code, nullptr));
  size_t done = 0;
  size_t from = 0;
  while (from <= text.size()) {
    const int found = pcre2_match(pattern.code, reinterpret_cast<PCRE2_SPTR>(text.data()),
                                  text.size(), from, PCRE2_NO_UTF_CHECK, match.get(), nullptr);
    if (found == PCRE2_ERROR_NOMATCH) break;
    if (found < 0) {
      throw InputError("pre-tokenizer pattern \"" + pattern.text.substr(0, 80) +
                       "\": too complex for this text (PCRE2 error " + std::to_string(found) + ")");
    }
    const PCRE2_SIZE* span = pcre2_get_ovector_pointer(match.get());
    if (span[1] == span[0]) {  // an empty match makes no piece; go on behind the next character
      from = span[1] + 1;
      while (from < text.size() && (static_cast<unsigned char>(text[from]) & 0xC0) == 0x80) ++from;
      continue;
    }
    split_from(step + 1, text.substr(done, span[0] - done), piece);
    split_from(step + 1, text.substr(span[0], span[1] - span[0]), piece);
    done = from = span[1];
  }
  split_from(step + 1, text.substr(done), piece);
}

}  // namespace charter::model
