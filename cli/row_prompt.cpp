#include "cli/row_prompt.hpp"

#include <algorithm>
#include <stdexcept>

#include "model/input_error.hpp"

namespace charter::cli {
namespace {

constexpr const char* kText = "prompt";
constexpr const char* kConversation = "messages";

[[noreturn]] void refuse(const feedback::JsonRow& row, const std::string& why) {
  feedback::fail(*row.file, row.line, model::one_line(why));
}

// Keys that templates read beside role and content, and that none is given here: a conversation
// that has them would be written without them.
constexpr const char* kUnsupported[] = {"tool_calls",        "tool_call_id", "name",
                                        "reasoning_content", "reasoning",    "thinking",
                                        "documents"};

void refuse_unsupported(const feedback::JsonRow& row, const nlohmann::json& message,
                        const std::string& where) {
  for (const char* key : kUnsupported) {
    const auto found = message.find(key);
    if (found == message.end() || found->is_null() || found->empty() || *found == "") continue;
    refuse(row, where + "." + key + " is not supported, expected role and content");
  }
}

std::vector<model::ChatMessage> conversation(const feedback::JsonRow& row) {
  std::vector<model::ChatMessage> messages;
  for (const nlohmann::json& value : row.array(kConversation)) {
    const std::string where = "messages[" + std::to_string(messages.size()) + "]";
    const auto text = [&](const char* key) {
      if (!value.is_object())
        refuse(row, where + " is " + feedback::described(value) +
                        ", expected an object with the texts 'role' and 'content'");
      const auto found = value.find(key);
      const std::string what = where + "." + key;
      if (found == value.end()) refuse(row, what + " is missing, expected a text");
      if (!found->is_string())
        refuse(row, what + " is " + feedback::described(*found) + ", expected a text");
      return found->get<std::string>();
    };
    messages.push_back({.role = text("role"), .content = text("content")});
    const std::string& role = messages.back().role;
    if (role != "user" && role != "assistant" && (role != "system" || messages.size() > 1))
      refuse(row, where + ": role \"" + role + "\", expected user, assistant or, first, system");
    refuse_unsupported(row, value, where);
  }
  for (const char* key : {"tools", "documents"}) {
    if (row.has(key))
      refuse(row, std::string("key '") + key + "' is not supported with 'messages'");
  }
  if (messages.empty() || messages.back().role == "system")
    refuse(row, "key 'messages' ends without a message of the user to answer");
  const auto last = std::to_string(messages.size() - 1);
  if (messages.back().role == "assistant" && messages.back().content.empty())
    refuse(row, "messages[" + last + "].content is empty, expected the beginning of an answer");
  return messages;
}

std::vector<int32_t> encode_text(const EngineJob& job, const feedback::JsonRow& row) {
  std::vector<int32_t> tokens = job.tokenizer->encode(row.text(kText));
  if (tokens.empty()) refuse(row, "key 'prompt' is empty");
  const auto first = job.tokenizer->spec().prepend_id;
  if (first && tokens.front() != *first) tokens.insert(tokens.begin(), *first);
  return tokens;
}

std::vector<int32_t> encode_conversation(const EngineJob& job, const feedback::JsonRow& row) {
  const auto messages = conversation(row);
  const bool goes_on = messages.back().role == "assistant";
  const auto end = goes_on ? model::ChatEnd::kContinue : model::ChatEnd::kGenerate;
  std::vector<int32_t> tokens;
  try {
    tokens =
        model::encode_chat(*job.tokenizer, job.chat->chat.render(messages, end, &job.chat->now));
  } catch (const model::InputError& error) {  // the template raises
    refuse(row, error.what());
  }
  if (tokens.empty()) refuse(row, "the chat template writes nothing for key 'messages'");
  return tokens;
}

model::ChatTemplate template_for(const std::string& named, const model::ModelFiles& files,
                                 const model::Tokenizer& tokenizer) {
  try {
    if (!named.empty()) return model::ChatTemplate(model::chat_format_from_name(named), tokenizer);
    if (files.chat_template.empty())
      throw model::InputError("the model has no chat template, expected one");
    return model::ChatTemplate(files.chat_template, tokenizer.spec());
  } catch (const model::InputError& error) {
    throw model::InputError(files.source + ": " + error.what() +
                            (named.empty() ? ", or a format named by --chat-format" : ""));
  }
}

// transformers tells templates local time.
std::tm local_time() {
  const std::time_t now = std::time(nullptr);
  std::tm out{};
  ::localtime_r(&now, &out);
  return out;
}

void add(std::vector<int32_t>& ids, int32_t id) {
  if (std::find(ids.begin(), ids.end(), id) == ids.end()) ids.push_back(id);
}

}  // namespace

void require_prompts(const InputRows& input) {
  for (const feedback::JsonRow& row : input.rows) {
    if (row.has(kText) == row.has(kConversation))
      refuse(row, std::string("keys 'prompt' and 'messages' are ") +
                      (row.has(kText) ? "both there" : "missing") + ", expected one of them");
    if (row.has(kConversation)) {
      (void)conversation(row);
    } else if (row.text(kText).empty()) {
      refuse(row, "key 'prompt' is empty");
    }
  }
}

std::optional<ChatJob> chat_job(const InputRows& input, const std::string& named,
                                const model::ModelFiles& files, const model::Tokenizer& tokenizer) {
  const auto is_conversation = [](const feedback::JsonRow& row) { return row.has(kConversation); };
  if (std::none_of(input.rows.begin(), input.rows.end(), is_conversation)) return std::nullopt;
  ChatJob job{.chat = template_for(named, files, tokenizer), .now = local_time()};
  job.stop_ids = model::stop_ids(tokenizer, job.chat, &job.now);
  job.stop_strings = model::stop_strings(job.chat);
  return job;
}

std::vector<int32_t> encode_prompt(const EngineJob& job, const feedback::JsonRow& row) {
  return row.has(kConversation) ? encode_conversation(job, row) : encode_text(job, row);
}

std::string too_long(const EngineJob& job, const std::vector<int32_t>& prompt, int64_t reserve) {
  const auto length = static_cast<int64_t>(prompt.size());
  if (length + reserve <= job.context) return "";
  return "prompt is " + std::to_string(length) + " tokens, expected at most " +
         std::to_string(std::max<int64_t>(0, job.context - reserve)) + ": the context is " +
         std::to_string(job.context) +
         (job.context == job.config.sliding_window ? ", the model's window" : "") + ", and " +
         std::to_string(reserve) + " more must fit";
}

model::Before before_continuation(const EngineJob& job, const feedback::JsonRow& row,
                                  const std::vector<int32_t>& prompt) {
  if (row.has(kConversation)) return model::before_answer(*job.tokenizer, job.chat->chat, prompt);
  return job.tokenizer->is_special(prompt.back()) ? model::Before::kToken : model::Before::kText;
}

void add_stops(const EngineJob& job, const feedback::JsonRow& row,
               model::SamplingParams& sampling) {
  // Chat models may name another end of text in the tokenizer than in the config.
  for (const int32_t id : job.tokenizer->spec().end_ids) add(sampling.stop_tokens, id);
  if (const auto id = job.tokenizer->spec().eos_id) add(sampling.stop_tokens, *id);
  if (!row.has(kConversation)) return;
  for (const int32_t id : job.chat->stop_ids) add(sampling.stop_tokens, id);
  for (const std::string& text : job.chat->stop_strings) sampling.stop.push_back(text);
}

}  // namespace charter::cli
