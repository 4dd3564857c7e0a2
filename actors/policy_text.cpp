#include "actors/policy_text.hpp"

#include <algorithm>
#include <stdexcept>

#include "model/input_error.hpp"

namespace charter::actors {
namespace {

const char* chat_role(feedback::Role role) {
  switch (role) {
    case feedback::Role::kHuman:
      return "user";
    case feedback::Role::kAssistant:
      return "assistant";
    case feedback::Role::kSystem:
      break;
  }
  return "system";
}

std::vector<model::ChatMessage> messages(const feedback::Conversation& conversation) {
  std::vector<model::ChatMessage> result;
  for (const auto& turn : conversation) result.push_back({chat_role(turn.role), turn.text});
  return result;
}

}  // namespace

PolicyText::PolicyText(std::shared_ptr<const model::Tokenizer> tokenizer, model::ChatTemplate chat)
    : tokenizer_(std::move(tokenizer)),
      chat_(std::move(chat)),
      stop_tokens_(model::stop_ids(*tokenizer_, chat_, &now_)),
      stop_strings_(model::stop_strings(chat_)) {
  if (stop_tokens_.empty())
    throw std::runtime_error(
        "models.policy_format: needs an end-of-turn token, which neither this model's template nor "
        "its vocabulary has");
}

std::vector<int32_t> PolicyText::prompt(const feedback::Conversation& conversation) const {
  return model::encode_chat(*tokenizer_,
                            chat_.render(messages(conversation), model::ChatEnd::kGenerate, &now_));
}

PolicyText::Example PolicyText::example(std::string_view prompt_text,
                                        std::string_view response_text, int64_t max_tokens) const {
  auto turns = messages(feedback::parse_prompt(prompt_text));
  turns.push_back({"assistant", std::string(response_text)});
  auto [tokens, answer] = model::encode_example(*tokenizer_, chat_, turns, end_token(), &now_);
  auto loss_from = static_cast<int64_t>(tokens.size());
  tokens.insert(tokens.end(), answer.begin(), answer.end());
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

model::ChatTemplate policy_template(const std::string& policy_format,
                                    const std::string& model_template,
                                    const model::Tokenizer& tokenizer) {
  if (policy_format != "model") return {model::chat_format_from_name(policy_format), tokenizer};
  if (model_template.empty())
    throw model::InputError("the model has no chat template, expected one for \"model\"");
  return {model_template, tokenizer.spec()};
}

std::tm template_day() {
  std::tm day{};
  day.tm_year = 125;
  day.tm_mday = 1;
  day.tm_wday = 3;  // a Wednesday
  return day;
}

std::string equal_sides(const PolicyText::Example& first, const PolicyText::Example& second) {
  if (first.tokens != second.tokens) return "";
  const std::string what = "skipped as equal: both answers are the same " +
                           std::to_string(first.tokens.size()) + " tokens";
  return first.cut + second.cut == 0 ? what : what + " once cut to pm_train.max_tokens";
}

}  // namespace charter::actors
