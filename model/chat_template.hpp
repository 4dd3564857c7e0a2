// How a conversation is written for a model: its own Jinja template, or one of the built-in formats
// (chat_format.hpp), whose template is ours.
#pragma once
#include <cstdint>
#include <ctime>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/chat_format.hpp"
#include "model/jinja/template.hpp"
#include "model/tokenizer.hpp"

namespace charter::model {

struct ChatMessage {
  std::string role;  // "system", "user", "assistant": the template says which it takes, and where
  std::string content;
};

enum class ChatEnd {
  kWhole,     // as the template ends a conversation
  kGenerate,  // where the assistant's answer begins: add_generation_prompt
  kContinue,  // where the last message's content ends, so that the answer goes on from it
};

class ChatTemplate {
 public:
  // jinja: not empty. The template sees bos_token, eos_token, pad_token and unk_token as far as the
  // vocabulary names them, tools and documents as none. Throws InputError "chat template line N:
  // ..." for what does not parse.
  ChatTemplate(std::string jinja, const TokenizerSpec& tokenizer);
  // The format's own. Throws InputError when the vocabulary lacks one of its markers.
  ChatTemplate(ChatFormat format, const Tokenizer& tokenizer);

  // The text; its marks (jinja::Mark) tell which bytes are messages' contents. now: what
  // strftime_now tells, null where nobody does. Throws InputError "chat template line N: ..." when
  // the template raises, and for a last message that it does not write (kContinue).
  [[nodiscard]] jinja::Text render(std::span<const ChatMessage> messages, ChatEnd end,
                                   const std::tm* now) const;

  [[nodiscard]] const std::string& source() const { return source_; }
  [[nodiscard]] std::optional<ChatFormat> format() const { return format_; }  // of a built-in one

 private:
  std::string source_;
  std::shared_ptr<const jinja::Template> parsed_;
  std::vector<std::pair<std::string, std::string>> specials_;
  std::optional<ChatFormat> format_;
};

// Ids of a rendered text, or of its bytes from `begin` on: markers of the template are special
// tokens, the text of one within a message's content stays text.
[[nodiscard]] std::vector<int32_t> encode_chat(const Tokenizer& tokenizer, const jinja::Text& text,
                                               size_t begin = 0, Before before = Before::kNothing);

// What an answer follows where it is encoded by itself behind these ids.
[[nodiscard]] Before before_answer(const Tokenizer& tokenizer, const ChatTemplate& chat,
                                   std::span<const int32_t> prompt);

// The special token that the template writes behind an answer, if it does.
[[nodiscard]] std::optional<int32_t> end_of_turn(const Tokenizer& tokenizer,
                                                 const ChatTemplate& chat, const std::tm* now);
// What ends an answer: token ids (the end of turn, then the ends of text that the vocabulary has)
// and texts.
[[nodiscard]] std::vector<int32_t> stop_ids(const Tokenizer& tokenizer, const ChatTemplate& chat,
                                            const std::tm* now);
[[nodiscard]] std::vector<std::string> stop_strings(const ChatTemplate& chat);

// A conversation whose last message is the assistant's, as training takes it.
struct ChatExample {
  std::vector<int32_t> prompt;
  // From where generation would begin, or the template's {% generation %}, to the end of the turn:
  // the token `end`, which is put there when the template writes none.
  std::vector<int32_t> answer;
};
[[nodiscard]] ChatExample encode_example(const Tokenizer& tokenizer, const ChatTemplate& chat,
                                         std::span<const ChatMessage> messages, int32_t end,
                                         const std::tm* now);

}  // namespace charter::model
