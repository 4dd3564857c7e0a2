// The built-in chat formats: ChatML, Llama 3, Mistral, and plain Human/Assistant turns. Each is a
// Jinja template of ours, which a model that is trained in the format is exported with.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "model/tokenizer.hpp"

namespace charter::model {

enum class ChatFormat {
  kChatMl,   // <|im_start|>role\n...<|im_end|>\n             SmolLM2, Qwen
  kLlama3,   // <|start_header_id|>role<|end_header_id|>\n\n...<|eot_id|>, contents trimmed
  kMistral,  // <s>[INST] ... [/INST]...</s>, version 0.2's spaces, or 0.3's where [INST] is a
             // token; a system text opens the first user turn
  kPlain,    // \n\nHuman: ...\n\nAssistant: ...               the CAI paper's; no system turn;
             // after the token that the model begins texts with
};

[[nodiscard]] std::string_view chat_format_name(ChatFormat format);  // "chatml", "llama3", ...
// Throws std::runtime_error listing the names.
[[nodiscard]] ChatFormat chat_format_from_name(std::string_view name);

// The format's template for a vocabulary. Roles are user, assistant and, first, system; the
// template raises at others. Throws InputError when the vocabulary lacks one of the format's
// markers as a special token.
[[nodiscard]] std::string format_template(ChatFormat format, const Tokenizer& tokenizer);

// The tokens that end a turn or a text in the format; a vocabulary need not have all.
[[nodiscard]] std::vector<std::string_view> end_markers(ChatFormat format);

}  // namespace charter::model
