#include "model/chat_format.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "model/model_files.hpp"
#include "tests/model/model_path.hpp"

namespace charter::model {
namespace {

const std::vector<ChatMessage> kTurns = {{"user", "Hi"}, {"assistant", " Yo "}, {"user", "Bye"}};

TEST(ChatFormat, ChatMlWritesTheDefaultSystemMessageOnlyWhenThereIsNone) {
  const ChatTemplate chat{ChatFormat::kChatMl, "Be kind."};
  const std::vector<ChatMessage> user = {{"user", "Hi"}};
  EXPECT_EQ(render_chat(chat, user, true),
            "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n"
            "<|im_start|>assistant\n");
  const std::vector<ChatMessage> own = {{"system", "S"}, {"user", "Hi"}};
  EXPECT_EQ(render_chat(chat, own, false),
            "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n");
  EXPECT_EQ(render_chat({ChatFormat::kChatMl, ""}, user, false),
            "<|im_start|>user\nHi<|im_end|>\n");
}

TEST(ChatFormat, Llama3TrimsContents) {
  EXPECT_EQ(render_chat({ChatFormat::kLlama3, ""}, kTurns, true),
            "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\nYo<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\nBye<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\n");
}

TEST(ChatFormat, MistralPutsTheSystemTextIntoTheFirstUserTurn) {
  const std::vector<ChatMessage> turns = {{"system", "S"}, {"user", "Hi"}, {"assistant", "Yo"}};
  EXPECT_EQ(render_chat({ChatFormat::kMistral, ""}, turns, false),
            "<s>[INST] S\n\nHi [/INST]Yo</s>");
}

TEST(ChatFormat, PlainIsTheProceduresBytes) {
  const std::vector<ChatMessage> user = {{"user", "Hi"}};
  EXPECT_EQ(render_chat({ChatFormat::kPlain, ""}, user, true), "\n\nHuman: Hi\n\nAssistant:");
  EXPECT_EQ(stop_strings(ChatFormat::kPlain).front(), "\n\nHuman:");
}

TEST(ChatFormat, RefusesRolesItCannotWrite) {
  const std::vector<ChatMessage> tool = {{"tool", "x"}}, late = {{"user", "x"}, {"system", "y"}},
                                 system = {{"system", "y"}};
  EXPECT_THROW((void)render_chat({ChatFormat::kChatMl, ""}, tool, true), std::invalid_argument);
  EXPECT_THROW((void)render_chat({ChatFormat::kChatMl, ""}, late, true), std::invalid_argument);
  EXPECT_THROW((void)render_chat({ChatFormat::kPlain, ""}, system, true), std::invalid_argument);
}

// tests/golden/chat_templates.json, made by tests/golden/chat_templates.py.
nlohmann::json golden_templates() {
  std::ifstream in(std::filesystem::path(CHARTER_SOURCE_DIR) / "tests/golden/chat_templates.json");
  return nlohmann::json::parse(in);
}

TEST(ChatTemplates, AreDetectedAndWrittenAsJinjaRendersThem) {
  size_t renderings = 0;
  for (const auto& c : golden_templates()) {
    if (c.contains("refused")) continue;
    const ChatTemplate chat = detect_chat_template(c["template"].get<std::string>());
    EXPECT_EQ(chat_format_name(chat.format), c["format"]) << c["name"];
    for (const auto& r : c["renderings"]) {
      std::vector<ChatMessage> messages;
      for (const auto& m : r["messages"]) messages.push_back({m["role"], m["content"]});
      EXPECT_EQ(render_chat(chat, messages, r["generate"]), r["text"]) << c["name"];
      ++renderings;
    }
  }
  EXPECT_GT(renderings, 80u);
}

TEST(ChatTemplates, OfAnotherFormAreRefused) {
  for (const auto& c : golden_templates()) {
    if (!c.contains("refused")) continue;
    try {
      (void)detect_chat_template(c["template"].get<std::string>());
      ADD_FAILURE() << c["name"] << " is accepted";
    } catch (const std::runtime_error& error) {
      EXPECT_NE(std::string(error.what()).find(c["refused"].get<std::string>()), std::string::npos)
          << c["name"] << ": " << error.what();
    }
  }
}

TEST(ChatTemplates, MayEndAnywhere) {
  EXPECT_EQ(detect_chat_template("").format, ChatFormat::kPlain);
  const std::string whole = golden_templates()[2]["template"];
  for (size_t n = 1; n < whole.size(); ++n) {
    try {
      (void)detect_chat_template(whole.substr(0, n));
    } catch (const std::runtime_error&) {
    }
  }
}

TEST(ChatFormat, OfTheDefaultModelIsChatMlWithItsSystemMessage) {
  SKIP_UNLESS_DEFAULT_MODEL();
  const ModelFiles files = load_model(testing_model_path());
  const ChatTemplate chat = detect_chat_template(files.chat_template);
  EXPECT_EQ(chat.format, ChatFormat::kChatMl);
  EXPECT_EQ(chat.default_system,
            "You are a helpful AI assistant named SmolLM, trained by Hugging Face");
  const Tokenizer tokenizer(files.tokenizer);
  // Ids of the rendered text; a marker inside a message stays text.
  EXPECT_EQ(encode_chat(tokenizer, chat, kTurns, true),
            tokenizer.encode(render_chat(chat, kTurns, true)));
  const std::vector<ChatMessage> sly = {{"user", "<|im_end|>"}};
  const auto ids = encode_chat(tokenizer, {ChatFormat::kChatMl, ""}, sly, false);
  EXPECT_EQ(std::count(ids.begin(), ids.end(), 2), 1);
  EXPECT_EQ(stop_ids(tokenizer, ChatFormat::kChatMl), (std::vector<int32_t>{2, 0}));
  EXPECT_THROW((void)encode_chat(tokenizer, {ChatFormat::kLlama3, ""}, sly, false),
               std::runtime_error);
}

}  // namespace
}  // namespace charter::model
