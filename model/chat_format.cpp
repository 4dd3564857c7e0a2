#include "model/chat_format.hpp"

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <utility>

#include "model/input_error.hpp"

namespace charter::model {
namespace {

struct Part {
  std::string text;
  bool marker;  // one special token
};

// Collects parts; text next to text is one part, since BPE may merge across the seam.
class Parts {
 public:
  Parts& marker(std::string_view text) {
    parts_.push_back({std::string(text), true});
    return *this;
  }
  Parts& text(std::string_view text) {
    if (parts_.empty() || parts_.back().marker) parts_.push_back({"", false});
    parts_.back().text += text;
    return *this;
  }
  [[nodiscard]] const std::vector<Part>& get() const { return parts_; }

 private:
  std::vector<Part> parts_;
};

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\n\r\f\v";
  const auto begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return "";
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

void write_chatml(std::span<const ChatMessage> messages, bool generation_prompt, Parts& out) {
  for (const auto& m : messages) {
    out.marker("<|im_start|>").text(m.role + "\n" + m.content).marker("<|im_end|>").text("\n");
  }
  if (generation_prompt) out.marker("<|im_start|>").text("assistant\n");
}

void write_llama3(std::span<const ChatMessage> messages, bool dated_system, bool generation_prompt,
                  Parts& out) {
  const auto header = [&](const std::string& role) -> Parts& {
    return out.marker("<|start_header_id|>").text(role).marker("<|end_header_id|>").text("\n\n");
  };
  out.marker("<|begin_of_text|>");
  for (const auto& m : messages) {
    // A system message with a header has its own text trimmed already.
    const bool dated = dated_system && m.role == "system";
    header(m.role).text(dated ? m.content : trimmed(m.content)).marker("<|eot_id|>");
  }
  if (generation_prompt) header("assistant");
}

size_t last_user(std::span<const ChatMessage> messages) {
  size_t i = messages.size();
  while (i > 0 && messages[i - 1].role != "user") --i;
  return i - 1;
}

// Version 0.2's text. In version 0.3 [INST] and [/INST] are tokens, with one space after each.
void write_mistral(std::span<const ChatMessage> messages, bool system_in_last, bool inst_tokens,
                   Parts& out) {
  out.marker("<s>");
  std::string system;
  for (size_t i = 0; i < messages.size(); ++i) {
    const ChatMessage& m = messages[i];
    if (m.role == "system") {
      system = m.content + "\n\n";
    } else if (m.role == "user") {
      const bool carries = !system_in_last || i == last_user(messages);
      const std::string text = " " + (carries ? system : "") + m.content;
      if (inst_tokens) {
        out.marker("[INST]").text(text).marker("[/INST]");
      } else {
        out.text("[INST]" + text + " [/INST]");
      }
      if (carries) system.clear();
    } else {
      out.text((inst_tokens ? " " : "") + m.content).marker("</s>");
    }
  }
}

void write_plain(std::span<const ChatMessage> messages, bool generation_prompt, Parts& out) {
  for (const auto& m : messages) {
    out.text(m.role == "user" ? "\n\nHuman:" : "\n\nAssistant:");
    if (!m.content.empty()) out.text(" " + m.content);
  }
  if (generation_prompt) out.text("\n\nAssistant:");
}

void check(ChatFormat format, std::span<const ChatMessage> messages) {
  for (size_t i = 0; i < messages.size(); ++i) {
    const std::string& role = messages[i].role;
    if (role == "user" || role == "assistant") continue;
    const std::string where =
        "messages[" + std::to_string(i) + "].role: \"" + role + "\", expected ";
    if (role != "system") throw std::invalid_argument(where + "system, user or assistant");
    if (i > 0) throw std::invalid_argument(where + "a system message only as the first");
    if (format == ChatFormat::kPlain) {
      throw std::invalid_argument(where + "user or assistant: plain turns have no system message");
    }
  }
}

Parts write(const ChatTemplate& chat, std::span<const ChatMessage> given, bool generation_prompt,
            bool inst_tokens = false) {
  check(chat.format, given);
  std::vector<ChatMessage> messages(given.begin(), given.end());
  const bool has_system = !messages.empty() && messages[0].role == "system";
  if (!has_system && !chat.default_system.empty() && chat.format != ChatFormat::kPlain) {
    messages.insert(messages.begin(), {"system", chat.default_system});
  }
  if (!chat.system_header.empty()) {
    if (!has_system) messages.insert(messages.begin(), {"system", ""});
    messages[0].content = chat.system_header + std::string(trimmed(messages[0].content));
  }
  Parts out;
  switch (chat.format) {
    case ChatFormat::kChatMl:
      write_chatml(messages, generation_prompt, out);
      break;
    case ChatFormat::kLlama3:
      write_llama3(messages, !chat.system_header.empty(), generation_prompt, out);
      break;
    case ChatFormat::kMistral:
      write_mistral(messages, chat.system_in_last, inst_tokens, out);
      break;
    case ChatFormat::kPlain:
      write_plain(messages, generation_prompt, out);
      break;
  }
  return out;
}

std::vector<std::string_view> end_markers(ChatFormat format) {
  switch (format) {
    case ChatFormat::kChatMl:
      return {"<|im_end|>", "<|endoftext|>"};
    case ChatFormat::kLlama3:
      return {"<|eot_id|>", "<|end_of_text|>"};
    case ChatFormat::kMistral:
      return {"</s>"};
    case ChatFormat::kPlain:
      return {"<|endoftext|>"};
  }
  return {};
}

constexpr std::pair<ChatFormat, std::string_view> kNames[] = {{ChatFormat::kChatMl, "chatml"},
                                                              {ChatFormat::kLlama3, "llama3"},
                                                              {ChatFormat::kMistral, "mistral"},
                                                              {ChatFormat::kPlain, "plain"}};

}  // namespace

std::string_view chat_format_name(ChatFormat format) {
  for (const auto& [value, name] : kNames) {
    if (value == format) return name;
  }
  throw std::invalid_argument("format: unknown value");
}

ChatFormat chat_format_from_name(std::string_view wanted) {
  for (const auto& [value, name] : kNames) {
    if (name == wanted) return value;
  }
  throw InputError("chat format \"" + std::string(wanted) +
                   "\": expected chatml, llama3, mistral or plain");
}

std::string render_chat(const ChatTemplate& chat, std::span<const ChatMessage> messages,
                        bool generation_prompt) {
  const Parts parts = write(chat, messages, generation_prompt);
  std::string out;
  for (const auto& part : parts.get()) out += part.text;
  return out;
}

std::vector<int32_t> encode_chat(const Tokenizer& tokenizer, const ChatTemplate& chat,
                                 std::span<const ChatMessage> messages, bool generation_prompt) {
  const auto inst = tokenizer.id_of("[INST]");
  const bool inst_tokens = inst && tokenizer.is_special(*inst);
  const Parts parts = write(chat, messages, generation_prompt, inst_tokens);
  std::vector<int32_t> out;
  const auto& first = tokenizer.spec().prepend_id;
  if (chat.format == ChatFormat::kPlain && first) out.push_back(*first);
  for (const auto& part : parts.get()) {
    if (!part.marker) {
      const Before before = &part == parts.get().data() ? Before::kNothing : Before::kToken;
      const auto ids = tokenizer.encode(part.text, /*parse_special=*/false, before);
      out.insert(out.end(), ids.begin(), ids.end());
      continue;
    }
    const auto id = tokenizer.id_of(part.text);
    if (!id || !tokenizer.is_special(*id)) {
      throw InputError("chat format " + std::string(chat_format_name(chat.format)) +
                       ": the vocabulary has no special token \"" + part.text + "\"");
    }
    out.push_back(*id);
  }
  return out;
}

std::vector<int32_t> stop_ids(const Tokenizer& tokenizer, ChatFormat format) {
  std::vector<int32_t> out;
  const auto add = [&](std::optional<int32_t> id) {
    if (id && std::find(out.begin(), out.end(), *id) == out.end()) out.push_back(*id);
  };
  for (const auto marker : end_markers(format)) add(tokenizer.id_of(marker));
  add(tokenizer.spec().eos_id);
  return out;
}

std::vector<std::string> stop_strings(ChatFormat format) {
  if (format == ChatFormat::kPlain) return {"\n\nHuman:", "\n\nAssistant:"};
  return {};
}

}  // namespace charter::model
