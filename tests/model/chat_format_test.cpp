#include "model/chat_format.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "model/chat_template.hpp"
#include "model/input_error.hpp"
#include "tests/model/byte_tokenizer.hpp"

namespace charter::model {
namespace {

const std::vector<std::string> kMarkers = {"<|im_start|>",
                                           "<|im_end|>",
                                           "<|begin_of_text|>",
                                           "<|start_header_id|>",
                                           "<|end_header_id|>",
                                           "<|eot_id|>",
                                           "<s>",
                                           "</s>"};

// The format that a golden case is of, on a vocabulary of its form.
ChatTemplate format_of(const std::string& name) {
  std::vector<std::string> markers = kMarkers;
  if (name.ends_with("tokens")) markers.insert(markers.end(), {"[INST]", "[/INST]"});
  TokenizerSpec spec = byte_spec(markers);
  if (name.ends_with("<s>")) spec.prepend_id = kFirstSpecial + 6;
  return {chat_format_from_name(name.substr(0, name.find(' '))), Tokenizer(spec)};
}

// tests/golden/chat_formats.json, made by tests/golden/chat_formats.py.
TEST(ChatFormat, IsATemplateThatRendersAsJinja2RendersIt) {
  std::ifstream in(CHARTER_SOURCE_DIR "/tests/golden/chat_formats.json");
  const auto golden = nlohmann::json::parse(in);
  size_t texts = 0, errors = 0;
  for (const auto& c : golden) {
    const std::string name = c["name"];
    const ChatTemplate chat = format_of(name);
    ASSERT_EQ(chat.source(), c["template"]) << "run tests/golden/chat_formats.py";
    for (const auto& r : c["renderings"]) {
      std::vector<ChatMessage> messages;
      for (const auto& m : r["messages"]) messages.push_back({m["role"], m["content"]});
      const ChatEnd end = r["generate"] ? ChatEnd::kGenerate : ChatEnd::kWhole;
      if (r.contains("error")) {
        EXPECT_THROW((void)chat.render(messages, end, nullptr), InputError) << name;
        ++errors;
      } else {
        EXPECT_EQ(chat.render(messages, end, nullptr).bytes, r["text"]) << name;
        ++texts;
      }
    }
  }
  EXPECT_EQ(golden.size(), 6u);
  EXPECT_GE(texts, 70u);
  EXPECT_GE(errors, 20u);
}

TEST(ChatFormat, PlainIsTheProceduresBytes) {
  const std::vector<ChatMessage> user = {{"user", "Hi"}};
  const ChatTemplate plain = format_of("plain");
  EXPECT_EQ(plain.render(user, ChatEnd::kGenerate, nullptr).bytes, "\n\nHuman: Hi\n\nAssistant:");
  EXPECT_EQ(stop_strings(plain).front(), "\n\nHuman:");
}

TEST(ChatFormat, RefusesAVocabularyWithoutItsMarkers) {
  const Tokenizer tokenizer(byte_spec({"<|im_start|>"}));
  try {
    (void)ChatTemplate(ChatFormat::kChatMl, tokenizer);
    FAIL() << "<|im_end|> is missing";
  } catch (const InputError& error) {
    EXPECT_STREQ(error.what(),
                 "chat format chatml: the vocabulary has no special token \"<|im_end|>\"");
  }
  EXPECT_THROW((void)ChatTemplate(ChatFormat::kLlama3, tokenizer), InputError);
  EXPECT_NO_THROW((void)ChatTemplate(ChatFormat::kPlain, tokenizer));
}

TEST(ChatFormat, NamesAreKnown) {
  for (const char* name : {"chatml", "llama3", "mistral", "plain"})
    EXPECT_EQ(chat_format_name(chat_format_from_name(name)), name);
  EXPECT_THROW((void)chat_format_from_name("gemma"), InputError);
}

}  // namespace
}  // namespace charter::model
