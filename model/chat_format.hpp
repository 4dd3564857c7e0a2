// How a conversation is written for a model: ChatML, Llama 3, Mistral, or plain Human/Assistant
// turns.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/tokenizer.hpp"

namespace charter::model {

enum class ChatFormat {
  kChatMl,   // <|im_start|>role\n...<|im_end|>\n             SmolLM2, Qwen
  kLlama3,   // <|start_header_id|>role<|end_header_id|>\n\n...<|eot_id|>, contents trimmed
  kMistral,  // <s>[INST] ... [/INST]...</s>, version 0.2's spaces; a system text opens the first
             // user turn
  kPlain,    // \n\nHuman: ...\n\nAssistant: ...               the CAI paper's; no system turn
};

[[nodiscard]] std::string_view chat_format_name(ChatFormat format);  // "chatml", "llama3", ...
// Throws std::runtime_error listing the names.
[[nodiscard]] ChatFormat chat_format_from_name(std::string_view name);

struct ChatMessage {
  std::string role;  // "system" (only first), "user", "assistant"
  std::string content;
};

struct ChatTemplate {
  ChatFormat format = ChatFormat::kPlain;
  // Put before a conversation that does not open with a system message; "" puts none. SmolLM2's
  // template has one ("You are a helpful AI assistant named SmolLM, ..."): clear it to go without.
  std::string default_system = {};
  // kLlama3: what the system message begins with, which is then always there. Llama 3.1's two
  // dates.
  std::string system_header = {};
  // kMistral: a system text opens the last user turn, as version 0.3's template has it.
  bool system_in_last = false;
  bool operator==(const ChatTemplate&) const = default;
};

// Recognises a model's Jinja template by the markers it writes and takes its default system text.
// "" is kPlain. Tools, images and reasoning are not read. Throws std::runtime_error for a template
// that writes none of the known markers, or writes them in a form that is not ours: <|im_sep|>
// (Phi-4), a begin-of-text token before ChatML, [INST] without spaces (Mistral Nemo), <<SYS>>.
[[nodiscard]] ChatTemplate detect_chat_template(std::string_view jinja);

// The text. With generation_prompt it ends where the assistant's answer begins.
// Throws std::invalid_argument for an unknown role, a system message that is not first, or a system
// message in kPlain.
[[nodiscard]] std::string render_chat(const ChatTemplate& chat,
                                      std::span<const ChatMessage> messages,
                                      bool generation_prompt);

// The ids of render_chat's text; in kPlain, which has no markers, after the token that the model
// begins texts with. Where [INST] is a token, kMistral has version 0.3's spaces. Only the format's
// own markers become special tokens: the text of one inside a message stays text. Throws
// std::runtime_error when a marker is not a special token of the vocabulary.
[[nodiscard]] std::vector<int32_t> encode_chat(const Tokenizer& tokenizer, const ChatTemplate& chat,
                                               std::span<const ChatMessage> messages,
                                               bool generation_prompt);

// What an answer follows where it is encoded by itself: the prompt's text, except that Mistral's
// answers are texts of their own.
[[nodiscard]] inline Before before_answer(ChatFormat format) {
  return format == ChatFormat::kMistral ? Before::kNothing : Before::kText;
}

// What ends an answer: token ids (the format's end of turn and the model's end of text, as far as
// the vocabulary has them) and texts.
[[nodiscard]] std::vector<int32_t> stop_ids(const Tokenizer& tokenizer, ChatFormat format);
[[nodiscard]] std::vector<std::string> stop_strings(ChatFormat format);

}  // namespace charter::model
