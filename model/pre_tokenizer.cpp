#include "model/pre_tokenizer.hpp"

#include <oniguruma.h>

#include <cctype>
#include <optional>
#include <stdexcept>

#include "model/input_error.hpp"

namespace charter::model {
namespace {

using Byte = OnigUChar;

const Byte* bytes(std::string_view text) { return reinterpret_cast<const Byte*>(text.data()); }

// Oniguruma's tables are filled once, before the first pattern of any thread.
void initialize() {
  static const int kDone = [] {
    OnigEncoding utf8 = ONIG_ENCODING_UTF8;
    return onig_initialize(&utf8, 1);
  }();
  if (kDone != ONIG_NORMAL) throw std::runtime_error("Oniguruma: initialization failed");
}

struct RegionDeleter {
  void operator()(OnigRegion* region) const { onig_region_free(region, /*free_self=*/1); }
};

std::string pattern_of(const PreTokenizerStep& step) {
  if (step.kind == PreTokenizerStep::Kind::kSplit) return step.pattern;
  return step.individual_digits ? R"(\p{N})" : R"(\p{N}+)";
}

// The name of a property as Oniguruma compares it: letters and digits alone, in lower case.
std::string property_name(std::string_view text) {
  std::string name;
  for (const char c : text.substr(0, text.find('}'))) {
    if (std::isalnum(static_cast<unsigned char>(c))) {
      name += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
  }
  return name;
}

// A construct that Oniguruma 6.9.8 (Debian's) reads otherwise than 6.9.10 (that of `tokenizers`
// 0.23); "" when there is none. Repeated, \R stops after its first line end; the other two hold
// other characters.
std::string construct_that_changed(std::string_view pattern) {
  for (const char* set : {"[:punct:]", "[:^punct:]"}) {
    if (pattern.find(set) != std::string_view::npos) return set;
  }
  for (size_t at = pattern.find('\\'); at != std::string_view::npos;
       at = pattern.find('\\', at + 2)) {
    const std::string_view rest = pattern.substr(at + 1);
    if (rest.starts_with('R')) return "\\R";
    const bool property = rest.starts_with("p{") || rest.starts_with("P{");
    if (property && property_name(rest.substr(2)) == "word") return "\\p{Word}";
  }
  return "";
}

// Behind the character at `at`.
size_t next_character(std::string_view text, size_t at) {
  ++at;
  while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) ++at;
  return at;
}

}  // namespace

struct PreTokenizer::Pattern {
  explicit Pattern(const std::string& source) : text(source) {
    initialize();
    if (const std::string construct = construct_that_changed(text); !construct.empty()) {
      fail(construct + " differs between versions of Oniguruma, expected a pattern without it");
    }
    OnigErrorInfo info{};
    const int error = onig_new(&regex, bytes(text), bytes(text) + text.size(), ONIG_OPTION_NONE,
                               ONIG_ENCODING_UTF8, ONIG_SYNTAX_ONIGURUMA, &info);
    if (error == ONIG_NORMAL) return;
    Byte message[ONIG_MAX_ERROR_MESSAGE_LEN];
    const int length = onig_error_code_to_str(message, error, &info);
    fail(std::string(reinterpret_cast<const char*>(message), static_cast<size_t>(length)));
  }
  ~Pattern() { onig_free(regex); }
  Pattern(const Pattern&) = delete;
  Pattern& operator=(const Pattern&) = delete;

  [[noreturn]] void fail(const std::string& why) const {
    throw InputError("pre-tokenizer pattern \"" + text.substr(0, 80) + "\": " + why);
  }

  // The first match that begins at `from` or behind it.
  bool find(std::string_view in, size_t from, OnigRegion* region) const {
    const Byte* end = bytes(in) + in.size();
    const int found =
        onig_search(regex, bytes(in), end, bytes(in) + from, end, region, ONIG_OPTION_NONE);
    if (found >= 0) return true;
    if (found == ONIG_MISMATCH) return false;
    Byte message[ONIG_MAX_ERROR_MESSAGE_LEN];
    const int length = onig_error_code_to_str(message, found);
    fail("too complex for this text (" +
         std::string(reinterpret_cast<const char*>(message), static_cast<size_t>(length)) + ")");
  }

  std::string text;
  regex_t* regex = nullptr;
};

PreTokenizer::PreTokenizer(const std::vector<PreTokenizerStep>& steps) {
  size_t bytes = 0;
  for (const auto& step : steps) {
    const std::string pattern = pattern_of(step);
    bytes += pattern.size();
    if (bytes > kMaxPatternBytes) {
      throw InputError("pre-tokenizer patterns: more than " + std::to_string(kMaxPatternBytes) +
                       " bytes, expected fewer");
    }
    patterns_.push_back(std::make_unique<Pattern>(pattern));
  }
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
  const std::unique_ptr<OnigRegion, RegionDeleter> region(onig_region_new());
  size_t done = 0;  // what lies before it has been given out
  size_t from = 0;
  std::optional<size_t> last_end;
  while (from <= text.size() && patterns_[step]->find(text, from, region.get())) {
    const auto begin = static_cast<size_t>(region->beg[0]);
    const auto end = static_cast<size_t>(region->end[0]);
    if (begin < done) patterns_[step]->fail("matches what is cut off already (\\K behind a place)");
    if (begin == end && end == last_end) {  // as the reference: not twice at one place
      from = next_character(text, end);
      continue;
    }
    // An empty match has no piece of its own, but the text is cut there.
    split_from(step + 1, text.substr(done, begin - done), piece);
    split_from(step + 1, text.substr(begin, end - begin), piece);
    done = from = end;
    last_end = end;
  }
  split_from(step + 1, text.substr(done), piece);
}

}  // namespace charter::model
