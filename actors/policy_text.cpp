#include "actors/policy_text.hpp"

#include <algorithm>
#include <stdexcept>

namespace charter::actors {
namespace {

std::vector<model::ChatMessage> messages(const feedback::Conversation& conversation) {
  std::vector<model::ChatMessage> result;
  for (const auto& turn : conversation)
    result.push_back({turn.role == feedback::Role::kHuman ? "user" : "assistant", turn.text});
  return result;
}

}  // namespace

PolicyText::PolicyText(std::shared_ptr<const model::Tokenizer> tokenizer, model::ChatFormat format)
    : tokenizer_(std::move(tokenizer)),
      chat_{.format = format, .default_system = ""},
      stop_tokens_(model::stop_ids(*tokenizer_, format)),
      stop_strings_(model::stop_strings(format)) {
  if (stop_tokens_.empty())
    throw std::runtime_error(
        "models.policy_format: " + std::string(model::chat_format_name(format)) +
        " needs an end-of-turn token that this model's vocabulary lacks");
}

std::vector<int32_t> PolicyText::prompt(const feedback::Conversation& conversation) const {
  return model::encode_chat(*tokenizer_, chat_, messages(conversation), /*generation_prompt=*/true);
}

std::vector<int32_t> PolicyText::response(std::string_view text) const {
  // The plain format's turns open with a space, the others' with the text itself.
  const std::string lead = chat_.format == model::ChatFormat::kPlain ? " " : "";
  auto tokens = tokenizer_->encode(lead + std::string(text), /*parse_special=*/false,
                                   model::before_answer(chat_.format));
  tokens.push_back(end_token());
  return tokens;
}

PolicyText::Example PolicyText::example(std::string_view prompt_text,
                                        std::string_view response_text, int64_t max_tokens) const {
  auto tokens = prompt(prompt_text);
  const auto answer = response(response_text);
  tokens.insert(tokens.end(), answer.begin(), answer.end());
  auto loss_from = static_cast<int64_t>(tokens.size() - answer.size());
  const auto extra = std::max<int64_t>(0, static_cast<int64_t>(tokens.size()) - max_tokens);
  tokens.erase(tokens.begin(), tokens.begin() + extra);
  loss_from = std::max<int64_t>(1, loss_from - extra);
  return {std::move(tokens), loss_from, extra};
}

std::vector<int32_t> PolicyText::plain(std::string_view text) const {
  auto tokens = tokenizer_->encode(text, /*parse_special=*/false);
  if (const auto first = tokenizer_->spec().prepend_id) tokens.insert(tokens.begin(), *first);
  return tokens;
}

std::vector<int32_t> PolicyText::continuation(std::string_view text) const {
  return tokenizer_->encode(text, /*parse_special=*/false, model::Before::kText);
}

}  // namespace charter::actors
