// Text to tokens in the formats of a model: conversations as its chat template writes them,
// procedure templates as they are.
#pragma once
#include <cstdint>
#include <ctime>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "feedback/conversation.hpp"
#include "model/chat_template.hpp"
#include "model/tokenizer.hpp"

namespace charter::actors {

// What templates that ask for the time are told in training, 2025-01-01: a run's prompts do not
// change overnight.
[[nodiscard]] std::tm template_day();

class PolicyText {
 public:
  // A conversation without a system turn gets none; templates that ask for the time are told
  // template_day(). Throws std::runtime_error when there is no token to end a turn with.
  PolicyText(std::shared_ptr<const model::Tokenizer> tokenizer, model::ChatTemplate chat);

  // The conversation up to where the assistant begins to speak. Its texts cannot form special
  // tokens. Throws model::InputError for what the template refuses: "plain" has no system turn.
  [[nodiscard]] std::vector<int32_t> prompt(const feedback::Conversation& conversation) const;
  [[nodiscard]] std::vector<int32_t> prompt(std::string_view text) const {
    return prompt(feedback::parse_prompt(text));
  }
  // The conversation with its answer up to the end-of-turn token, the beginning cut so that at most
  // max_tokens remain; loss_from: where the assistant's part begins (model::ChatExample).
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
  // The template's text, which a model trained with it is written with.
  [[nodiscard]] const std::string& template_source() const { return chat_.source(); }
  [[nodiscard]] const model::Tokenizer& tokenizer() const { return *tokenizer_; }
  [[nodiscard]] const std::shared_ptr<const model::Tokenizer>& shared_tokenizer() const {
    return tokenizer_;
  }

 private:
  std::shared_ptr<const model::Tokenizer> tokenizer_;
  model::ChatTemplate chat_;
  std::tm now_ = template_day();
  std::vector<int32_t> stop_tokens_;
  std::vector<std::string> stop_strings_;
};

// The template of models.policy_format: a built-in one, or, for "model", the model's own. Throws
// model::InputError when the vocabulary lacks a marker, and for a model without a template, or with
// one that does not parse.
[[nodiscard]] model::ChatTemplate policy_template(const std::string& policy_format,
                                                  const std::string& model_template,
                                                  const model::Tokenizer& tokenizer);

// Why two answers to one prompt cannot be compared: they are the same tokens, from the start or
// once their beginnings are cut. "" when they differ.
[[nodiscard]] std::string equal_sides(const PolicyText::Example& first,
                                      const PolicyText::Example& second);

}  // namespace charter::actors
