// Text to tokens in the formats of a model: conversations in its chat format, procedure templates
// as they are.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "feedback/conversation.hpp"
#include "model/chat_format.hpp"
#include "model/tokenizer.hpp"

namespace charter::actors {

class PolicyText {
 public:
  // Conversations carry no system turn. Throws std::runtime_error when the vocabulary lacks the
  // format's end of turn.
  PolicyText(std::shared_ptr<const model::Tokenizer> tokenizer, model::ChatFormat format);

  // The conversation up to where the assistant begins to speak. Its texts cannot form special
  // tokens.
  [[nodiscard]] std::vector<int32_t> prompt(const feedback::Conversation& conversation) const;
  [[nodiscard]] std::vector<int32_t> prompt(std::string_view text) const {
    return prompt(feedback::parse_prompt(text));
  }
  // The assistant's answer, ended by the end-of-turn token.
  [[nodiscard]] std::vector<int32_t> response(std::string_view text) const;
  // prompt + response, the beginning cut so that at most max_tokens remain; loss_from: where the
  // response begins.
  struct Example {
    std::vector<int32_t> tokens;
    int64_t loss_from = 0;
    int64_t cut = 0;  // tokens lost at the beginning
  };
  [[nodiscard]] Example example(std::string_view prompt_text, std::string_view response_text,
                                int64_t max_tokens) const;

  // Plain text without special tokens but the one the model begins texts with: critique and judge
  // templates.
  [[nodiscard]] std::vector<int32_t> plain(std::string_view text) const;
  // What follows such a text.
  [[nodiscard]] std::vector<int32_t> continuation(std::string_view text) const;
  [[nodiscard]] int32_t end_token() const {
    return stop_tokens_.front();
  }  // also the PM's end-of-context token
  [[nodiscard]] const std::vector<int32_t>& stop_tokens() const { return stop_tokens_; }
  [[nodiscard]] const std::vector<std::string>& stop_strings() const { return stop_strings_; }
  [[nodiscard]] const model::Tokenizer& tokenizer() const { return *tokenizer_; }
  [[nodiscard]] const std::shared_ptr<const model::Tokenizer>& shared_tokenizer() const {
    return tokenizer_;
  }

 private:
  std::shared_ptr<const model::Tokenizer> tokenizer_;
  model::ChatTemplate chat_;
  std::vector<int32_t> stop_tokens_;
  std::vector<std::string> stop_strings_;
};

}  // namespace charter::actors
