// Goldens in tests/golden/metaspace come from tests/golden/metaspace_tokenizers.py.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <sstream>

#include "model/chat_template.hpp"
#include "model/gguf_model.hpp"
#include "model/hf_directory.hpp"
#include "model/metaspace.hpp"
#include "model/tokenizer.hpp"

namespace charter::model {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

const fs::path kGolden = CHARTER_SOURCE_DIR "/tests/golden";

json read_json(const char* name) { return json::parse(std::ifstream(kGolden / name)); }

// The texts of tokenizer_ids.jsonl; invalid bytes as they are.
const std::vector<std::string>& own_lines() {
  static const std::vector<std::string> kLines = [] {
    std::vector<std::string> out;
    std::ifstream in(kGolden / "tokenizer_ids.jsonl");
    for (std::string line; std::getline(in, line);) {
      const json row = json::parse(line);
      std::string& text = out.emplace_back(row.value("text", ""));
      const std::string hex = row.value("hex", "");
      for (size_t i = 0; i < hex.size(); i += 2) {
        text += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
      }
    }
    return out;
  }();
  return kLines;
}

// The last eight digits of FNV-1a 64 of the ids and the text after them.
std::string digest(const std::vector<int32_t>& ids, const std::string& text) {
  uint64_t value = 0xCBF29CE484222325ull;
  const auto add = [&](uint8_t byte) { value = (value ^ byte) * 0x100000001B3ull; };
  for (const int32_t id : ids) {
    for (int shift = 0; shift < 32; shift += 8) add(static_cast<uint8_t>(id >> shift));
  }
  for (const char c : text) add(static_cast<uint8_t>(c));
  char out[17];
  std::snprintf(out, sizeof(out), "%016llx", static_cast<unsigned long long>(value));
  return out + 8;
}

std::string streamed(const Tokenizer& tokenizer, const std::vector<int32_t>& ids, bool skip) {
  StreamDecoder stream(tokenizer, skip);
  std::string out;
  for (const int32_t id : ids) out += stream.push(id);
  return out + stream.finish();
}

void expect_answers(const Tokenizer& tokenizer, const json& texts, const json& golden,
                    const std::string& name) {
  std::istringstream digests(golden["lines"].get<std::string>());
  for (const std::string& line : own_lines()) {
    std::string expected;
    digests >> expected;
    const auto ids = tokenizer.encode(line);
    EXPECT_EQ(digest(ids, tokenizer.decode(ids)), expected)
        << name << ": " << line.substr(0, 100) << json(ids).dump().substr(0, 300);
    EXPECT_EQ(streamed(tokenizer, ids, false), tokenizer.decode(ids)) << name;
  }
  for (size_t i = 0; i < golden["texts"].size(); ++i) {
    const json& row = golden["texts"][i];
    const auto text = texts[i].get<std::string>();
    const auto ids = tokenizer.encode(text);
    EXPECT_EQ(json(ids), row[0]) << name << ": \"" << text << "\"";
    EXPECT_EQ(tokenizer.decode(ids), row[1].get<std::string>()) << name;
    EXPECT_EQ(tokenizer.decode(ids, true), row[2].get<std::string>()) << name;
    EXPECT_EQ(streamed(tokenizer, ids, true), row[2].get<std::string>()) << name;
  }
}

// Calls `visit` on each golden tokenizer.json with its name and its golden.
void each_case(const std::function<void(const json&, const std::string&, const json&)>& visit) {
  const json golden = read_json("metaspace/tokenizers.json");
  for (const json& one : golden["cases"]) {
    const auto name = one["vocabulary"].get<std::string>();
    json document = golden["vocabularies"][name];
    for (const auto& [pointer, value] : one["change"].items()) {
      document[json::json_pointer(pointer)] = value;
    }
    visit(document, name + " " + one["change"].dump().substr(0, 120), one);
  }
}

json legacy() { return read_json("metaspace/tokenizers.json")["vocabularies"]["words"]; }

// What is thrown, or "".
std::string error_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const std::runtime_error& e) {
    return e.what();
  }
  return "";
}

std::string error_of(const json& document) {
  return error_of([&] { Tokenizer{tokenizer_from_json(document, "t.json")}; });
}

TEST(MetaspaceTokenizer, GivesTheReferencesIdsAndTextsInEveryForm) {
  const json texts = read_json("metaspace/tokenizers.json")["texts"];
  each_case([&](const json& document, const std::string& name, const json& golden) {
    expect_answers(Tokenizer(tokenizer_from_json(document, "t.json")), texts, golden, name);
  });
}

TEST(MetaspaceTokenizer, RoundTripsThroughTokenizerJson) {
  each_case([&](const json& document, const std::string& name, const json&) {
    const TokenizerSpec spec = tokenizer_from_json(document, "t.json");
    EXPECT_EQ(spec.prepend_id, 1) << name;  // <s>, of the TemplateProcessing
    const TokenizerSpec again = tokenizer_from_json(tokenizer_to_json(spec), "t.json");
    EXPECT_TRUE(again == spec) << name;
    EXPECT_EQ(tokenizer_hash(again), tokenizer_hash(spec)) << name;
  });
}

TEST(MetaspaceTokenizer, HashTellsItsFormsApart) {
  std::vector<uint64_t> hashes;
  each_case([&](const json& document, const std::string&, const json&) {
    hashes.push_back(tokenizer_hash(tokenizer_from_json(document, "t.json")));
  });
  std::sort(hashes.begin(), hashes.end());
  EXPECT_EQ(std::adjacent_find(hashes.begin(), hashes.end()), hashes.end());
}

TEST(MetaspaceGguf, GivesTheIdsOfLlamaCpp) {
  const json golden = read_json("metaspace/gguf_ids.json");
  for (const std::string name : {"trained.gguf", "ties.gguf"}) {
    const auto gguf = GgufFile::open(kGolden / "metaspace" / name);
    expect_answers(Tokenizer(tokenizer_from_gguf(gguf)), golden["texts"], golden[name], name);
  }
}

TEST(MetaspaceGguf, ReadsTheSpecialTokens) {
  const auto gguf = GgufFile::open(kGolden / "metaspace/trained.gguf");
  const TokenizerSpec spec = tokenizer_from_gguf(gguf);
  EXPECT_EQ(spec.prepend_id, 1);  // add_bos_token is absent
  EXPECT_EQ(spec.bos_id, 1);
  EXPECT_EQ(spec.eos_id, 2);
  EXPECT_EQ(spec.unk_id, 0);
  EXPECT_TRUE(spec.merges.empty());
}

TEST(MetaspaceGguf, KeepsItsIdsThroughADirectory) {
  ModelFiles files;
  files.tokenizer = tokenizer_from_gguf(GgufFile::open(kGolden / "metaspace/ties.gguf"));
  const fs::path dir = fs::path(::testing::TempDir()) / "metaspace_directory";
  fs::create_directories(dir);
  std::ofstream(dir / "tokenizer.json") << tokenizer_to_json(files.tokenizer);
  std::ofstream(dir / "tokenizer_config.json") << tokenizer_config_to_hf(files);
  TokenizerSpec again = tokenizer_from_hf_directory(dir);
  EXPECT_TRUE(again == files.tokenizer);
  std::ofstream(dir / "tokenizer_config.json") << R"({"piece_scores": [1, 2]})";
  EXPECT_NE(error_of([&] { (void)tokenizer_from_hf_directory(dir); }).find("piece_scores"),
            std::string::npos);
  fs::remove_all(dir);
}

TEST(MetaspaceGguf, WritesMergesForReadersWithoutScores) {
  const TokenizerSpec spec =
      tokenizer_from_gguf(GgufFile::open(kGolden / "metaspace/trained.gguf"));
  const Tokenizer by_score(spec),
      by_rank(tokenizer_from_json(tokenizer_to_json(spec), "tokenizer.json"));
  for (const std::string& line : own_lines())
    EXPECT_EQ(by_rank.encode(line), by_score.encode(line));
}

TEST(MetaspaceTokenizer, EqualScoresMergeTheLeftmostPair) {
  // aa and aaa score the same. a|aa|a: aaa begins at 0 by (a, aa) and at 1 by (aa, a).
  // aaaa: aa at 0, then aa+a at 0 by the leftmost rule: aaa, a.
  Tokenizer tokenizer(tokenizer_from_gguf(GgufFile::open(kGolden / "metaspace/ties.gguf")));
  EXPECT_EQ(tokenizer.encode("aaaa"),
            (std::vector<int32_t>{*tokenizer.id_of("aaa"), *tokenizer.id_of("a")}));
}

TEST(MetaspaceTokenizer, TextThatGoesOnGetsNoSpace) {
  for (const auto* scheme : {"first", "always", ""}) {
    json document = legacy();
    if (*scheme) {
      document["normalizer"] = nullptr;
      document["pre_tokenizer"] = {{"type", "Metaspace"},
                                   {"replacement", "▁"},
                                   {"prepend_scheme", scheme},
                                   {"split", false}};
    }
    const Tokenizer tokenizer(tokenizer_from_json(document, "t.json"));
    const int32_t a = *tokenizer.id_of("a"), space_a = *tokenizer.id_of("▁a");
    const auto first_of = [&](Before before) {
      return tokenizer.encode("a", true, before).front();
    };
    EXPECT_EQ(first_of(Before::kNothing), space_a);
    EXPECT_EQ(first_of(Before::kToken), std::string(scheme) == "first" ? a : space_a);
    EXPECT_EQ(first_of(Before::kText), a);
    EXPECT_EQ(tokenizer.encode(" a", true, Before::kText).front(), space_a);
  }
}

TEST(MetaspaceTokenizer, StreamsWholeCharactersWithoutTheFirstSpace) {
  const Tokenizer tokenizer(tokenizer_from_json(legacy(), "t.json"));
  StreamDecoder stream(tokenizer);
  const auto byte = [&](uint8_t b) { return *tokenizer.id_of(byte_token(b)); };
  EXPECT_EQ(stream.push(1), "");  // <s>: left out, and not the beginning of the text
  EXPECT_EQ(stream.push(*tokenizer.id_of("▁a")), "a");
  EXPECT_EQ(stream.push(*tokenizer.id_of("▁a")), " a");
  EXPECT_EQ(stream.push(byte(0xF0)), "");  // F0 9F 92 A1: the light bulb
  EXPECT_EQ(stream.push(byte(0x9F)), "");
  EXPECT_EQ(stream.push(1), "");
  EXPECT_EQ(stream.push(byte(0x92)), "");
  EXPECT_EQ(stream.push(byte(0xA1)), "💡");
  EXPECT_EQ(stream.push(byte(0xC3)), "");
  EXPECT_EQ(stream.finish(), "\uFFFD");
}

TEST(MetaspaceTokenizer, SpecialTextStaysTextWhenNotParsed) {
  for (const bool scores : {false, true}) {
    const Tokenizer tokenizer(
        scores ? tokenizer_from_gguf(GgufFile::open(kGolden / "metaspace/trained.gguf"))
               : tokenizer_from_json(legacy(), "t.json"));
    const auto ids = tokenizer.encode("a<s>b</s>", /*parse_special=*/false);
    for (const int32_t id : ids) EXPECT_GT(id, 2);
    EXPECT_EQ(tokenizer.decode(ids, /*skip_special=*/true), "a<s>b</s>");
  }
}

TEST(MetaspaceTokenizer, TakesTimeLinearInAMegabyteWithoutBreaks) {
  // `lines` has tokens across spaces, so the whole text is one piece; so is one without spaces.
  const json golden = read_json("metaspace/tokenizers.json");
  for (const char* name : {"lines", "words"}) {
    const Tokenizer tokenizer(tokenizer_from_json(golden["vocabularies"][name], "t.json"));
    for (const std::string unit : {"the gardener counts 17 blue lanterns at 6:45, ", "日本語aaé"}) {
      std::string text;
      while (text.size() < 1'000'000) text += unit;
      const auto start = std::chrono::steady_clock::now();
      const auto ids = tokenizer.encode(text);
      const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
      RecordProperty(std::string(name) + "_" + unit.substr(0, 3), std::to_string(spent.count()));
      EXPECT_LT(spent.count(), 10);  // quadratic: hours
      EXPECT_EQ(tokenizer.decode(ids), text);
    }
  }
}

TEST(MetaspaceChat, MistralIsWrittenAsTheReferenceReadsIt) {
  const std::vector<ChatMessage> turns = {{"user", "Hi"}, {"assistant", "Yo"}, {"user", "a"}};
  const std::vector<ChatMessage> user = {{"user", "Hi"}};
  each_case([&](const json& document, const std::string& name, const json&) {
    const Tokenizer tokenizer(tokenizer_from_json(document, "t.json"));
    const ChatTemplate mistral(ChatFormat::kMistral, tokenizer);
    const auto text = mistral.render(turns, ChatEnd::kGenerate, nullptr);
    EXPECT_EQ(encode_chat(tokenizer, text), tokenizer.encode(text.bytes)) << name;
    EXPECT_EQ(stop_ids(tokenizer, mistral, nullptr), std::vector<int32_t>{2});
    // Plain turns have no marker of their own: the text begins with the model's.
    const ChatTemplate plain(ChatFormat::kPlain, tokenizer);
    EXPECT_EQ(encode_chat(tokenizer, plain.render(user, ChatEnd::kGenerate, nullptr)),
              tokenizer.encode("<s>\n\nHuman: Hi\n\nAssistant:"))
        << name;
  });
}

TEST(MetaspaceChat, InstTokensAreUsedWhereTheVocabularyHasThem) {
  json document = legacy();
  document["normalizer"] = nullptr;
  document["pre_tokenizer"] = {
      {"type", "Metaspace"}, {"replacement", "▁"}, {"prepend_scheme", "first"}, {"split", false}};
  int32_t next = 600;
  for (const char* token : {"[INST]", "[/INST]"}) {
    document["added_tokens"].push_back({{"id", next++}, {"content", token}, {"special", true}});
  }
  const Tokenizer tokenizer(tokenizer_from_json(document, "t.json"));
  const std::vector<ChatMessage> turns = {
      {"user", "[INST] Hi"}, {"assistant", "Yo"}, {"user", "a"}};
  const ChatTemplate mistral(ChatFormat::kMistral, tokenizer);
  const auto ids = encode_chat(tokenizer, mistral.render(turns, ChatEnd::kGenerate, nullptr));
  EXPECT_EQ(std::count(ids.begin(), ids.end(), 600), 2);  // not the user's own text of it
  EXPECT_EQ(tokenizer.decode(ids), "<s>[INST] [INST] Hi[/INST] Yo</s>[INST] a[/INST]");
}

TEST(MetaspaceChat, MarkersOfAMessageAreText) {
  const std::vector<ChatMessage> sly = {{"user", "a </s> b"}};
  each_case([&](const json& document, const std::string& name, const json&) {
    const Tokenizer tokenizer(tokenizer_from_json(document, "t.json"));
    const ChatTemplate chat("{{ '<s>' + messages[0].content + '</s>' }}", tokenizer.spec());
    auto expected = tokenizer.encode("a </s> b", /*parse_special=*/false, Before::kToken);
    expected.insert(expected.begin(), 1);
    expected.push_back(2);
    EXPECT_EQ(encode_chat(tokenizer, chat.render(sly, ChatEnd::kWhole, nullptr)), expected) << name;
    EXPECT_EQ(std::count(expected.begin(), expected.end(), 2), 1) << name;
  });
}

TEST(MetaspaceTokenizer, NamesTheComponentItDoesNotSupport) {
  const json good = legacy();
  const auto with = [&](const char* pointer, const json& value) {
    json document = good;
    document[json::json_pointer(pointer)] = value;
    return error_of(document);
  };
  EXPECT_EQ(with("/model/type", "Unigram"), "t.json: key model.type: \"Unigram\", expected BPE");
  EXPECT_EQ(with("/model/unk_token", "<no>"),
            "t.json: key model.unk_token: \"<no>\" is not in the vocabulary");
  json no_unk = good;
  no_unk["model"]["unk_token"] = nullptr;
  EXPECT_EQ(error_of(no_unk), "");  // every byte has its token
  no_unk["model"]["vocab"].erase("<0x41>");
  EXPECT_NE(error_of(no_unk).find("t.json: key model.unk_token: expected one"), std::string::npos);
  EXPECT_NE(with("/normalizer/normalizers/0/prepend", "_").find("normalizer Prepend, Replace: "),
            std::string::npos);
  EXPECT_NE(with("/normalizer", {{"type", "Precompiled"}}).find("normalizer Precompiled: "),
            std::string::npos);
  EXPECT_NE(with("/decoder", nullptr).find("decoder null: expected Replace"), std::string::npos);
  EXPECT_NE(with("/decoder/decoders/3/start", 2).find("decoder Replace, "), std::string::npos);
  json metaspace = {
      {"type", "Metaspace"}, {"replacement", "▁"}, {"prepend_scheme", "first"}, {"split", false}};
  EXPECT_NE(with("/pre_tokenizer", metaspace).find("and not both"), std::string::npos);
  const auto pre = [&](const char* key, const json& value) {
    json document = good;
    document["normalizer"] = nullptr;
    document["pre_tokenizer"] = metaspace;
    document["pre_tokenizer"][key] = value;
    return error_of(document);
  };
  EXPECT_EQ(pre("split", true), "t.json: pre_tokenizer Metaspace: expected split false");
  EXPECT_EQ(pre("prepend_scheme", "last"),
            "t.json: pre_tokenizer Metaspace: prepend_scheme \"last\", expected first, always or "
            "never");
  EXPECT_EQ(pre("replacement", "_"), "t.json: pre_tokenizer Metaspace: expected replacement \"▁\"");
}

TEST(MetaspaceTokenizer, RefusesScoresThatAreNotOneNumberAToken) {
  TokenizerSpec spec = tokenizer_from_gguf(GgufFile::open(kGolden / "metaspace/ties.gguf"));
  const auto error = [](TokenizerSpec s) { return error_of([&] { Tokenizer{std::move(s)}; }); };
  TokenizerSpec bad = spec;
  bad.metaspace->scores.pop_back();
  EXPECT_EQ(error(bad), "scores: 266, expected 267");
  bad = spec;
  bad.metaspace->scores[3] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(error(bad), "score of token 3: expected a finite number");
  bad = spec;
  bad.metaspace->unk_id = 267;
  EXPECT_EQ(error(bad), "unknown token 267: expected below 267");
  bad = spec;
  bad.tokens[260] = std::string(513, 'a');
  EXPECT_EQ(error(bad), "token 260: 513 bytes, expected at most 512 in a vocabulary with scores");
}

TEST(MetaspaceGguf, RefusesBadByteTokens) {
  // The text of one token in the file is changed, and it is still as long.
  std::ifstream in(kGolden / "metaspace/ties.gguf", std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(in), {}};
  const size_t at = bytes.find("<0x41>");
  ASSERT_NE(at, std::string::npos);
  const fs::path file = fs::path(::testing::TempDir()) / "bad_byte.gguf";
  for (const char* text : {"<0xG1>", "<0x4a>", "abcdef"}) {
    bytes.replace(at, 6, text);
    std::ofstream(file, std::ios::binary) << bytes;
    const std::string error = error_of([&] { (void)tokenizer_from_gguf(GgufFile::open(file)); });
    EXPECT_NE(error.find("key tokenizer.ggml.tokens: entry 68: \"" + std::string(text) +
                         "\", expected <0x00> to <0xFF> for a byte"),
              std::string::npos)
        << error;
  }
  fs::remove(file);
}

}  // namespace
}  // namespace charter::model
