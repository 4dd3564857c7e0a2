#include "model/chat_template.hpp"

#include <algorithm>
#include <stdexcept>
#include <unordered_map>

#include "model/added_matcher.hpp"
#include "model/input_error.hpp"
#include "model/utf8.hpp"

namespace charter::model {
namespace {

using jinja::Value;

std::vector<std::pair<std::string, std::string>> special_texts(const TokenizerSpec& spec) {
  std::vector<std::pair<std::string, std::string>> out;
  const auto add = [&](const char* name, const std::optional<int32_t>& id) {
    if (id) out.emplace_back(name, spec.tokens.at(static_cast<size_t>(*id)));
  };
  add("bos_token", spec.bos_id);
  add("eos_token", spec.eos_id);
  add("pad_token", spec.pad_id);
  add("unk_token", spec.unk_id);
  return out;
}

Value message_of(jinja::Run& run, const ChatMessage& message, bool is_last) {
  const bool answer = message.role == "assistant";
  const auto mark = static_cast<uint8_t>(jinja::kGiven | (answer ? jinja::kAnswer : 0) |
                                         (is_last ? jinja::kFinal : 0));
  return run.dict({{run.text("role"), run.text(utf8_replace_invalid(message.role))},
                   {run.text("content"),
                    run.text(jinja::marked(utf8_replace_invalid(message.content), mark))}});
}

// Steps and bytes follow the conversation's size: a template looks at each message a few times.
jinja::Limits limits_of(std::span<const ChatMessage> messages) {
  jinja::Limits limits;
  for (const ChatMessage& message : messages)
    limits.bytes += 256 * static_cast<int64_t>(message.content.size());
  return limits;
}

// Behind the last byte of the last message; 0 when there is none.
size_t end_of_final(const jinja::Text& text) {
  size_t end = text.size();
  while (end > 0 && (text.mark(end - 1) & jinja::kFinal) == 0) --end;
  return end;
}

size_t begin_of_final(const jinja::Text& text) {
  size_t begin = 0;
  while (begin < text.size() && (text.mark(begin) & jinja::kFinal) == 0) ++begin;
  return begin;
}

// Where the answer begins: at its {% generation %}, where generation would begin, or with the
// message's content.
size_t begin_of_answer(const jinja::Text& whole, const std::string& prompt,
                       const std::string& answer) {
  size_t begin = begin_of_final(whole);
  if (begin < whole.size() && (whole.mark(begin) & jinja::kGeneration) != 0) {
    while (begin > 0 && (whole.mark(begin - 1) & jinja::kGeneration) != 0) --begin;
    return begin;
  }
  const bool follows = whole.bytes.starts_with(prompt) && prompt.size() <= begin;
  // An answer of white space may be trimmed away; another is there.
  const bool blank = jinja::strip({.bytes = answer}, nullptr, true, true).bytes.empty();
  if (begin == whole.size() && !(blank && follows))
    throw InputError("chat template: it does not write the answer");
  return follows ? prompt.size() : begin;
}

struct Place {
  size_t begin, end;
  int32_t id;
};

// The special tokens of a vocabulary, found in a text.
class Markers {
 public:
  explicit Markers(const TokenizerSpec& spec) {
    for (const AddedToken& token : spec.added) {
      if (!token.special) continue;
      matcher_.add(token, token.text);
      sizes_[token.id] = token.text.size();
    }
    matcher_.finish();
  }
  [[nodiscard]] std::vector<Place> in(std::string_view text) const {
    std::vector<Place> out;
    size_t at = 0;
    matcher_.split(
        text, /*parse_special=*/true, [&](std::string_view between) { at += between.size(); },
        [&](int32_t id) {
          const size_t end = at + sizes_.at(id);
          out.push_back({.begin = at, .end = end, .id = id});
          at = end;
        });
    return out;
  }

 private:
  AddedMatcher matcher_;
  std::unordered_map<int32_t, size_t> sizes_;
};

bool holds_given(const jinja::Text& text, const Place& place) {
  for (size_t i = place.begin; i < place.end; ++i) {
    if ((text.mark(i) & jinja::kGiven) != 0) return true;
  }
  return false;
}

// Those within stretches that the template wrote.
std::vector<Place> template_markers(const Markers& markers, const jinja::Text& text) {
  std::vector<Place> out;
  const auto is_given = [&](size_t i) { return (text.mark(i) & jinja::kGiven) != 0; };
  for (size_t begin = 0; begin < text.size();) {
    size_t end = begin;
    while (end < text.size() && is_given(end) == is_given(begin)) ++end;
    if (!is_given(begin)) {
      for (Place place : markers.in(std::string_view(text.bytes).substr(begin, end - begin))) {
        place.begin += begin;
        place.end += begin;
        out.push_back(place);
      }
    }
    begin = end;
  }
  return out;
}

void add_once(std::vector<int32_t>& ids, std::optional<int32_t> id) {
  if (id && std::find(ids.begin(), ids.end(), *id) == ids.end()) ids.push_back(*id);
}

}  // namespace

ChatTemplate::ChatTemplate(std::string jinja, const TokenizerSpec& tokenizer)
    : source_(std::move(jinja)),
      parsed_(std::make_shared<const jinja::Template>(source_)),
      specials_(special_texts(tokenizer)) {
  if (source_.empty()) throw std::invalid_argument("jinja: empty, expected a template");
}

ChatTemplate::ChatTemplate(ChatFormat format, const Tokenizer& tokenizer)
    : ChatTemplate(format_template(format, tokenizer), tokenizer.spec()) {
  format_ = format;
}

jinja::Text ChatTemplate::render(std::span<const ChatMessage> messages, ChatEnd end,
                                 const std::tm* now) const {
  const auto variables = [&](jinja::Run& run) {
    std::vector<Value> list;
    for (const ChatMessage& message : messages)
      list.push_back(message_of(run, message, &message == &messages.back()));
    std::vector<std::pair<std::string, Value>> out{
        {"messages", run.list(std::move(list))},
        {"tools", jinja::None{}},
        {"documents", jinja::None{}},
        {"add_generation_prompt", end == ChatEnd::kGenerate}};
    for (const auto& [name, text] : specials_) out.emplace_back(name, run.text(text));
    return out;
  };
  jinja::Text text = parsed_->render(variables, now, limits_of(messages));
  if (end != ChatEnd::kContinue) return text;
  const size_t cut = end_of_final(text);
  if (cut == 0) throw InputError("chat template: it does not write the last message");
  return jinja::cut(text, 0, cut);
}

std::vector<int32_t> encode_chat(const Tokenizer& tokenizer, const jinja::Text& text, size_t begin,
                                 Before before) {
  const jinja::Text part = jinja::cut(text, begin, text.size());
  const Markers markers(tokenizer.spec());
  // Where no message's text has a part in a marker, the text is encoded whole.
  const auto whole = markers.in(part.bytes);
  const auto given = [&](const Place& place) { return holds_given(part, place); };
  if (std::none_of(whole.begin(), whole.end(), given))
    return tokenizer.encode(part.bytes, /*parse_special=*/true, before);
  std::vector<int32_t> out;
  size_t done = 0;
  const auto add_text = [&](size_t end) {
    if (end == done) return;
    const auto ids = tokenizer.encode(std::string_view(part.bytes).substr(done, end - done),
                                      /*parse_special=*/false, done == 0 ? before : Before::kToken);
    out.insert(out.end(), ids.begin(), ids.end());
  };
  for (const Place& place : template_markers(markers, part)) {
    add_text(place.begin);
    out.push_back(place.id);
    done = place.end;
  }
  add_text(part.size());
  return out;
}

Before before_answer(const Tokenizer& tokenizer, const ChatTemplate& chat,
                     std::span<const int32_t> prompt) {
  // Mistral's answers are texts of their own.
  if (chat.format() == ChatFormat::kMistral || prompt.empty()) return Before::kNothing;
  return tokenizer.is_special(prompt.back()) ? Before::kToken : Before::kText;
}

std::optional<int32_t> end_of_turn(const Tokenizer& tokenizer, const ChatTemplate& chat,
                                   const std::tm* now) {
  const std::vector<ChatMessage> turns = {{"user", "q"}, {"assistant", "a"}};
  try {
    const jinja::Text text = chat.render(turns, ChatEnd::kWhole, now);
    for (const int32_t id : encode_chat(tokenizer, text, end_of_final(text), Before::kText)) {
      if (tokenizer.is_special(id)) return id;
    }
  } catch (const InputError&) {
    // A template that raises at these two turns tells no end of its own.
  }
  return std::nullopt;
}

std::vector<int32_t> stop_ids(const Tokenizer& tokenizer, const ChatTemplate& chat,
                              const std::tm* now) {
  std::vector<int32_t> out;
  add_once(out, end_of_turn(tokenizer, chat, now));
  if (chat.format()) {
    for (const auto marker : end_markers(*chat.format())) add_once(out, tokenizer.id_of(marker));
  }
  add_once(out, tokenizer.spec().eos_id);
  for (const int32_t id : tokenizer.spec().end_ids) add_once(out, id);
  return out;
}

std::vector<std::string> stop_strings(const ChatTemplate& chat) {
  if (chat.format() == ChatFormat::kPlain) return {"\n\nHuman:", "\n\nAssistant:"};
  return {};
}

ChatExample encode_example(const Tokenizer& tokenizer, const ChatTemplate& chat,
                           std::span<const ChatMessage> messages, int32_t end, const std::tm* now) {
  if (messages.empty() || messages.back().role != "assistant")
    throw std::invalid_argument("messages: expected the assistant's last");
  const auto asked = messages.first(messages.size() - 1);
  const jinja::Text whole = chat.render(messages, ChatEnd::kWhole, now);
  const size_t begin = begin_of_answer(whole, chat.render(asked, ChatEnd::kGenerate, now).bytes,
                                       messages.back().content);
  ChatExample out;
  out.prompt = encode_chat(tokenizer, jinja::cut(whole, 0, begin));
  const Before before = before_answer(tokenizer, chat, out.prompt);
  out.answer = encode_chat(tokenizer, whole, begin, before);
  // The end of the turn is the first behind the content; ends before it are the template's.
  const size_t content = std::max(begin, end_of_final(whole));
  const auto head = encode_chat(tokenizer, jinja::cut(whole, 0, content), begin, before);
  auto before_end = std::count(head.begin(), head.end(), end);
  auto at = std::find(out.answer.begin(), out.answer.end(), end);
  for (; before_end > 0 && at != out.answer.end(); --before_end)
    at = std::find(at + 1, out.answer.end(), end);
  if (at == out.answer.end()) {
    out.answer = head;
    out.answer.push_back(end);
  } else {
    out.answer.erase(at + 1, out.answer.end());
  }
  return out;
}

}  // namespace charter::model
