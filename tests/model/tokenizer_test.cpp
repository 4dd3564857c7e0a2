// The ids of tests/golden/tokenizer_ids.jsonl and data_ids.json come from
// tests/golden/tokenizer_ids.py.
#include "model/tokenizer.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "model/model_files.hpp"
#include "model/utf8.hpp"
#include "tests/model/model_path.hpp"

namespace charter::model {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

const Tokenizer& smollm() {
  static const Tokenizer tokenizer(load_tokenizer(testing_model_path()));
  return tokenizer;
}

std::string unhex(const std::string& hex) {
  std::string out;
  for (size_t i = 0; i < hex.size(); i += 2) {
    out += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  }
  return out;
}

std::string read(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string fnv1a(const std::vector<int32_t>& ids) {
  uint64_t value = 0xCBF29CE484222325ull;
  for (const int32_t id : ids) {
    for (int shift = 0; shift < 32; shift += 8) {
      value = (value ^ (static_cast<uint32_t>(id) >> shift & 255)) * 0x100000001B3ull;
    }
  }
  char text[17];
  std::snprintf(text, sizeof(text), "%016llx", static_cast<unsigned long long>(value));
  return text;
}

// A byte-level vocabulary with every byte and the merges given.
TokenizerSpec tiny_spec(std::vector<std::pair<std::string, std::string>> merges) {
  TokenizerSpec spec;
  for (char32_t b = 0, next = 256; b < 256; ++b) {
    const bool printable = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
    utf8_append(spec.tokens.emplace_back(), printable ? b : next++);
  }
  for (const auto& [left, right] : merges) spec.tokens.push_back(left + right);
  spec.merges = std::move(merges);
  return spec;
}

TEST(Tokenizer, GivesTheReferencesIdsOnOurLines) {
  SKIP_UNLESS_DEFAULT_MODEL();
  std::ifstream in(CHARTER_SOURCE_DIR "/tests/golden/tokenizer_ids.jsonl");
  int lines = 0;
  for (std::string line; std::getline(in, line); ++lines) {
    const json row = json::parse(line);
    const std::string text =
        row.contains("hex") ? unhex(row["hex"]) : row["text"].get<std::string>();
    const auto ids = row["ids"].get<std::vector<int32_t>>();
    EXPECT_EQ(smollm().encode(text), ids) << line.substr(0, 200);
    EXPECT_EQ(smollm().decode(ids), row["decoded"].get<std::string>()) << line.substr(0, 200);
  }
  EXPECT_GE(lines, 300);
}

TEST(Tokenizer, GivesTheReferencesIdsOnEveryDataFile) {
  SKIP_UNLESS_DEFAULT_MODEL();
  const fs::path data = CHARTER_SOURCE_DIR "/../shared/data";
  if (!fs::exists(data)) GTEST_SKIP() << "no data at " << data;
  const json golden = json::parse(read(CHARTER_SOURCE_DIR "/tests/golden/data_ids.json"));
  size_t bytes = 0;
  std::chrono::duration<double> spent{0};
  for (const auto& [name, expected] : golden.items()) {
    const std::string text = read(data / name);
    const auto start = std::chrono::steady_clock::now();
    const auto ids = smollm().encode(text);
    spent += std::chrono::steady_clock::now() - start;
    bytes += text.size();
    EXPECT_EQ(ids.size(), expected["tokens"].get<size_t>()) << name;
    EXPECT_EQ(fnv1a(ids), expected["fnv1a"].get<std::string>()) << name;
  }
  RecordProperty("megabytes_per_second",
                 std::to_string(static_cast<double>(bytes) / 1e6 / spent.count()));
}

TEST(Tokenizer, SpecialTextStaysTextWhenNotParsed) {
  SKIP_UNLESS_DEFAULT_MODEL();
  EXPECT_EQ(smollm().encode("<|im_end|>"), std::vector<int32_t>{2});
  const auto ids = smollm().encode("<|im_end|>", /*parse_special=*/false);
  EXPECT_GT(ids.size(), 1u);
  EXPECT_EQ(smollm().decode(ids, /*skip_special=*/true), "<|im_end|>");
  EXPECT_EQ(smollm().decode(std::vector<int32_t>{2}, /*skip_special=*/true), "");
  EXPECT_EQ(smollm().id_of("<|im_start|>"), 1);
  EXPECT_EQ(smollm().id_of("<|no such|>"), std::nullopt);
}

TEST(Tokenizer, MergesTheLowestRankFirstAndTheLeftmostOfEqualRanks) {
  // a b c: rank 0 joins b+c, so a+b (rank 1) is never seen: a, bc.  a a a: the left pair joins: aa,
  // a.
  const Tokenizer tokenizer(tiny_spec({{"b", "c"}, {"a", "b"}, {"a", "a"}}));
  EXPECT_EQ(tokenizer.encode("abc"), (std::vector<int32_t>{'a', 256}));
  EXPECT_EQ(tokenizer.encode("aaa"), (std::vector<int32_t>{258, 'a'}));
}

TEST(Tokenizer, LongPiecesMergeAsShortOnesDo) {
  // 2n letters give n tokens "aa", on both sides of the length where the heap takes over (48).
  const Tokenizer tokenizer(tiny_spec({{"a", "a"}}));
  for (const size_t n : {1u, 23u, 24u, 25u, 200u}) {
    EXPECT_EQ(tokenizer.encode(std::string(2 * n, 'a')), std::vector<int32_t>(n, 256)) << n;
  }
}

TEST(Tokenizer, StreamsWholeCharactersOnly) {
  SKIP_UNLESS_DEFAULT_MODEL();
  const std::string text = "a😀 好 e\u0301 <|im_end|>";
  const auto ids = smollm().encode(text);
  StreamDecoder stream(smollm(), /*skip_special=*/false);
  std::string joined;
  for (const int32_t id : ids) {
    const std::string piece = stream.push(id);
    EXPECT_EQ(piece.find("\xEF\xBF\xBD"), std::string::npos);
    joined += piece;
  }
  EXPECT_EQ(joined + stream.finish(), text);
}

TEST(Tokenizer, AnUnfinishedCharacterIsReplacedAtTheEnd) {
  const Tokenizer tokenizer(tiny_spec({}));
  StreamDecoder stream(tokenizer);
  const int32_t first = *tokenizer.id_of("ð");  // byte F0, the first of four
  EXPECT_EQ(stream.push(first), "");
  EXPECT_EQ(stream.finish(), "\xEF\xBF\xBD");
}

TEST(Tokenizer, HashTellsVocabulariesApart) {
  const Tokenizer a(tiny_spec({{"a", "b"}})), same(tiny_spec({{"a", "b"}})),
      other(tiny_spec({{"b", "a"}}));
  EXPECT_EQ(a.hash(), same.hash());
  EXPECT_NE(a.hash(), other.hash());
  EXPECT_EQ(a.hash_hex().size(), 16u);
}

TEST(Tokenizer, RefusesAMergeOutsideTheVocabulary) {
  TokenizerSpec spec = tiny_spec({});
  spec.merges = {{"a", "b"}};
  EXPECT_THROW(Tokenizer{spec}, std::runtime_error);
}

TEST(TokenizerJson, RoundTripsThroughTheReferencesFormat) {
  SKIP_UNLESS_DEFAULT_MODEL();
  TokenizerSpec spec = smollm().spec();
  TokenizerSpec again = tokenizer_from_json(tokenizer_to_json(spec), "tokenizer.json");
  spec.bos_id = spec.eos_id = spec.pad_id =
      spec.unk_id = {};  // these live in tokenizer_config.json
  EXPECT_TRUE(again == spec);
}

TEST(TokenizerJson, NamesTheComponentItDoesNotSupport) {
  json root = tokenizer_to_json(tiny_spec({}));
  root["normalizer"] = {{"type", "Lowercase"}};
  try {
    (void)tokenizer_from_json(root, "t.json");
    FAIL();
  } catch (const std::runtime_error& e) {
    EXPECT_STREQ(e.what(), "t.json: normalizer \"Lowercase\" is not supported: expected NFC");
  }
  root["normalizer"] = nullptr;
  root["model"]["type"] = "Unigram";
  EXPECT_THROW((void)tokenizer_from_json(root, "t.json"), std::runtime_error);
}

TEST(GgufPreTokenizer, UnknownNamesAreListed) {
  TokenizerSpec spec;
  try {
    (void)set_gguf_pre_tokenizer("poro", "m.gguf", spec);
    FAIL();
  } catch (const std::runtime_error& e) {
    EXPECT_STREQ(e.what(),
                 "m.gguf: unknown pre-tokenizer \"poro\", expected one of gpt-2, llama-bpe, qwen2, "
                 "smollm, tekken");
  }
}

// A GGUF of nothing but a vocabulary: bos and one letter.
class GgufVocabulary : public ::testing::Test {
 protected:
  TokenizerSpec read(const std::string& pre, std::optional<bool> add_bos, bool has_bos = true) {
    data_ = "GGUF";
    put<uint32_t>(3), put<uint64_t>(0);
    put<uint64_t>(5 + (add_bos ? 1 : 0) + (has_bos ? 1 : 0));
    text("tokenizer.ggml.model"), put<uint32_t>(8), text("gpt2");
    text("tokenizer.ggml.pre"), put<uint32_t>(8), text(pre);
    array("tokenizer.ggml.tokens", 8, 2), text("<s>"), text("a");
    array("tokenizer.ggml.token_type", 5, 2), put<int32_t>(3), put<int32_t>(1);
    array("tokenizer.ggml.merges", 8, 0);
    if (has_bos) text("tokenizer.ggml.bos_token_id"), put<uint32_t>(4), put<uint32_t>(0);
    if (add_bos) text("tokenizer.ggml.add_bos_token"), put<uint32_t>(7), put<uint8_t>(*add_bos);
    std::ofstream(file_, std::ios::binary) << data_;
    return load_tokenizer(file_);
  }
  void TearDown() override { fs::remove(file_); }

 private:
  template <typename T>
  void put(T value) {
    data_.append(reinterpret_cast<const char*>(&value), sizeof(T));
  }
  void text(const std::string& s) { put<uint64_t>(s.size()), data_ += s; }
  void array(const std::string& key, uint32_t type, uint64_t count) {
    text(key), put<uint32_t>(9), put(type), put(count);
  }
  std::string data_;
  fs::path file_ = fs::temp_directory_path() / ("charter_vocabulary_" + std::to_string(::getpid()));
};

TEST_F(GgufVocabulary, WhereAFileDoesNotSayItsKindDecidesOnBos) {
  // llama.cpp 0.3.36's llama-vocab.cpp sets add_bos for these two of the names we know.
  for (const char* pre : {"llama-bpe", "tekken"}) {
    EXPECT_EQ(read(pre, std::nullopt).prepend_id, 0) << pre;
    EXPECT_EQ(read(pre, false).prepend_id, std::nullopt) << pre;
  }
  for (const char* pre : {"gpt-2", "qwen2", "smollm"}) {
    EXPECT_EQ(read(pre, std::nullopt).prepend_id, std::nullopt) << pre;
    EXPECT_EQ(read(pre, true).prepend_id, 0) << pre;
  }
  try {
    (void)read("llama-bpe", std::nullopt, /*has_bos=*/false);
    FAIL() << "no error";
  } catch (const std::runtime_error& e) {
    EXPECT_NE(std::string(e.what()).find("key tokenizer.ggml.bos_token_id: expected, since every"),
              std::string::npos);
  }
}

TEST(Utf8, ComposesToNfc) {
  EXPECT_EQ(utf8_nfc("e\u0301"), "\u00e9");
  EXPECT_EQ(utf8_nfc("q\u0307\u0323"), "q\u0323\u0307");  // marks sorted by class: 220, 230
  EXPECT_EQ(utf8_nfc("\u1100\u1161\u11a8"), "\uac01");    // Hangul, three parts
  EXPECT_EQ(utf8_nfc("\u212b"), "\u00c5");                // Angstrom sign: a singleton
  EXPECT_EQ(utf8_nfc("\u0958"), "\u0915\u093c");          // excluded from composition
  EXPECT_EQ(utf8_nfc("o\u0323\u0302"), "\u1ed9");         // two steps
}

TEST(Utf8, ReplacesEachMaximalPart) {
  EXPECT_EQ(utf8_replace_invalid("\xE2\x82x"), "\uFFFDx");                // one for a cut character
  EXPECT_EQ(utf8_replace_invalid("\xED\xA0\x80"), "\uFFFD\uFFFD\uFFFD");  // a surrogate: each byte
}

}  // namespace
}  // namespace charter::model
