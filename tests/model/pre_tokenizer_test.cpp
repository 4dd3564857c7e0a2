// The pieces of tests/golden/pre_tokenizer_pieces.json come from
// tests/golden/pre_tokenizer_pieces.py: the `tokenizers` library's.
#include "model/pre_tokenizer.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "model/input_error.hpp"

namespace charter::model {
namespace {

using nlohmann::json;

PreTokenizer splitter(const std::string& pattern) {
  return PreTokenizer({{.kind = PreTokenizerStep::Kind::kSplit, .pattern = pattern}});
}

std::vector<size_t> piece_bytes(const PreTokenizer& pre, const std::string& text) {
  std::vector<size_t> out;
  size_t total = 0;
  pre.split(text, [&](std::string_view piece) {
    EXPECT_EQ(piece.data(), text.data() + total);
    out.push_back(piece.size());
    total += piece.size();
  });
  EXPECT_EQ(total, text.size());
  return out;
}

std::vector<std::string> pieces(const std::string& pattern, const std::string& text) {
  std::vector<std::string> out;
  splitter(pattern).split(text, [&](std::string_view piece) { out.emplace_back(piece); });
  return out;
}

std::string error_of(const std::string& pattern) {
  try {
    (void)splitter(pattern);
  } catch (const InputError& e) {
    return e.what();
  }
  return "no error";
}

// What Debian's Oniguruma reads otherwise than the library's is refused, not read.
const std::set<std::string> kOnlyWeRefuse = {"line_end", "posix_punct", "property_word"};

class PreTokenizerPieces : public ::testing::TestWithParam<std::string> {
 public:
  static const json& golden() {
    static const json kGolden =
        json::parse(std::ifstream(CHARTER_SOURCE_DIR "/tests/golden/pre_tokenizer_pieces.json"));
    return kGolden;
  }
};

TEST_P(PreTokenizerPieces, AreThoseOfTheReference) {
  const json& row = golden()["patterns"][GetParam()];
  const auto pattern = row["pattern"].get<std::string>();
  if (row["pieces"].is_null() || kOnlyWeRefuse.contains(GetParam())) {
    EXPECT_THROW((void)splitter(pattern), InputError) << pattern;
    return;
  }
  const PreTokenizer pre = splitter(pattern);
  const json& texts = golden()["texts"];
  ASSERT_GE(texts.size(), 19u);
  for (size_t i = 0; i < texts.size(); ++i) {
    EXPECT_EQ(piece_bytes(pre, texts[i].get<std::string>()),
              row["pieces"][i].get<std::vector<size_t>>())
        << pattern << " on " << texts[i];
  }
}

std::vector<std::string> names() {
  std::vector<std::string> out;
  for (const auto& [name, row] : PreTokenizerPieces::golden()["patterns"].items())
    out.push_back(name);
  return out;
}

INSTANTIATE_TEST_SUITE_P(Each, PreTokenizerPieces, ::testing::ValuesIn(names()),
                         [](const auto& info) { return info.param; });

using Pieces = std::vector<std::string>;

TEST(PreTokenizer, ReadsThreeConstructsAsRubyDoes) {
  // Another engine: {1,3}+ gives back nothing, ^ is the text's beginning alone, && two ampersands.
  EXPECT_EQ(pieces(R"(\p{N}{1,3}+)", "1234567"), (Pieces{"1234567"}));
  EXPECT_EQ(pieces(R"(^\S)", "ab\ncd"), (Pieces{"a", "b\n", "c", "d"}));
  EXPECT_EQ(pieces("[a-z&&[^b]]+", "abc"), (Pieces{"a", "b", "c"}));
}

TEST(PreTokenizer, AnEmptyMatchCutsTheText) {
  EXPECT_EQ(pieces("(?=b)", "abab"), (Pieces{"a", "ba", "b"}));
  EXPECT_EQ(pieces("(?=é)", "éaé"), (Pieces{"éa", "é"}));
  // The search goes on at the empty match, where \G then is.
  EXPECT_EQ(pieces(R"(\Gb|(?=b))", "xbc"), (Pieces{"x", "b", "c"}));
}

TEST(PreTokenizer, AMatchThatReachesBackIsRefusedAtTheText) {
  EXPECT_EQ(pieces(R"((?<=\Kb)b)", "bb"), (Pieces{"bb"}));
  // The second match would begin at the second letter, which the first has taken.
  EXPECT_THROW((void)pieces(R"((?<=\Kb)b)", "bbb"), InputError);
}

TEST(PreTokenizer, StepsApplyToThePiecesOfTheOneBefore) {
  const PreTokenizer pre({{.kind = PreTokenizerStep::Kind::kDigits, .individual_digits = false},
                          {.kind = PreTokenizerStep::Kind::kSplit, .pattern = "^."}});
  Pieces out;
  pre.split("ab12cd", [&](std::string_view piece) { out.emplace_back(piece); });
  EXPECT_EQ(out, (Pieces{"a", "b", "1", "2", "c", "d"}));
}

TEST(PreTokenizer, AnErrorNamesPatternAndReason) {
  EXPECT_EQ(error_of("[a"), "pre-tokenizer pattern \"[a\": premature end of char-class");
  EXPECT_EQ(error_of(R"(\p{Klingon})"),
            "pre-tokenizer pattern \"\\p{Klingon}\": invalid character property name {Klingon}");
  EXPECT_EQ(error_of(R"(a|\R+)"),
            "pre-tokenizer pattern \"a|\\R+\": \\R differs between versions of Oniguruma, expected "
            "a pattern without it");
  EXPECT_NE(error_of(R"(\P{^ word})"), "no error");
  EXPECT_NE(error_of("[[:^punct:]]"), "no error");
  EXPECT_EQ(error_of(R"(\\R|\p{Wo}?)").find("differs"), std::string::npos);  // no such construct
}

TEST(PreTokenizer, PatternsAreBoundedTogether) {
  const PreTokenizerStep half{.pattern = std::string(kMaxPatternBytes / 2, 'a')};
  EXPECT_NO_THROW(PreTokenizer({half, half}));
  EXPECT_THROW(PreTokenizer({half, half, {.pattern = "a"}}), InputError);
}

TEST(PreTokenizer, APatternThatNeverEndsIsRefusedAtTheText) {
  const PreTokenizer pre = splitter("(?:a|aa)+$");
  EXPECT_THROW(pre.split(std::string(60, 'a') + "b", [](std::string_view) {}), InputError);
}

}  // namespace
}  // namespace charter::model
