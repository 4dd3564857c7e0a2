// Chat templates as models publish them, against jinja2's renderings of them: hashes in
// tests/golden/published_templates.json, made by published_templates.py, which fetches the
// templates too. Skips what is not fetched.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "model/chat_template.hpp"
#include "model/input_error.hpp"
#include "tests/model/byte_tokenizer.hpp"
#include "tests/model/jinja_fixture.hpp"
#include "tests/model/model_path.hpp"

namespace charter::model {
namespace {

namespace fs = std::filesystem;

fs::path fetched() {
  if (const char* cache = std::getenv("CHARTER_CACHE")) return fs::path(cache) / "templates";
  const char* home = std::getenv("HOME");
  return fs::path(home ? home : "/") / ".cache/charter/templates";
}

std::string digest(const std::string& text) {
  char out[17];
  std::snprintf(out, sizeof(out), "%016llx",
                static_cast<unsigned long long>(XXH3_64bits(text.data(), text.size())));
  return out;
}

std::string content(const fs::path& file) {
  std::ostringstream out;
  out << std::ifstream(file).rdbuf();
  return out.str();
}

std::vector<ChatMessage> conversation(const nlohmann::json& json) {
  std::vector<ChatMessage> out;
  for (const auto& m : json) out.push_back({m["role"], m["content"]});
  return out;
}

// <s> and </s> as bos_token and eos_token.
TokenizerSpec spec() {
  TokenizerSpec out = byte_spec({"<s>", "</s>"});
  out.bos_id = kFirstSpecial;
  out.eos_id = kFirstSpecial + 1;
  return out;
}

std::string rendering(const std::string& source, const std::vector<ChatMessage>& messages,
                      bool generate, std::string& error) {
  const std::tm now = jinja::golden_time();
  try {
    const ChatTemplate chat(source, spec());
    const ChatEnd end = generate ? ChatEnd::kGenerate : ChatEnd::kWhole;
    return digest(chat.render(messages, end, &now).bytes);
  } catch (const InputError& e) {
    error = e.what();
    return "error";
  }
}

TEST(PublishedTemplates, RenderAsJinja2RendersThem) {
  const auto golden =
      nlohmann::json::parse(content(CHARTER_SOURCE_DIR "/tests/golden/published_templates.json"));
  ASSERT_GE(golden["templates"].size(), 60u);
  ASSERT_GE(golden["conversations"].size(), 12u);
  size_t held = 0, errors = 0;
  for (const auto& t : golden["templates"]) {
    const fs::path file =
        fetched() / t["package"].get<std::string>() / t["name"].get<std::string>();
    if (!fs::exists(file)) continue;
    const std::string source = content(file);
    ASSERT_EQ(digest(source), t["source"]) << file;
    size_t at = 0;
    for (const auto& messages : golden["conversations"]) {
      for (const bool generate : {false, true}) {
        std::string error;
        const std::string wanted = t["renderings"][at++];
        EXPECT_EQ(rendering(source, conversation(messages), generate, error), wanted)
            << file << "\n"
            << messages << generate << "\n"
            << error;
        errors += wanted == "error" ? 1 : 0;
        ++held;
      }
    }
  }
  RecordProperty("renderings", std::to_string(held));
  RecordProperty("errors", std::to_string(errors));
  if (held == 0) GTEST_SKIP() << fetched() << ": tests/golden/published_templates.py fetch";
}

}  // namespace
}  // namespace charter::model
