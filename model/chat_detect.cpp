// Which format a model's Jinja template writes. The template is read, not run: its literals, and
// what stands between them.
#include <algorithm>
#include <cctype>
#include <string>
#include <string_view>
#include <vector>

#include "model/chat_format.hpp"
#include "model/input_error.hpp"

namespace charter::model {
namespace {

struct Piece {
  bool literal;  // text between tags, or a string within one; else a name, a sign or a tag's bound
  std::string text;
};

// A string within a tag, from its quote on; `at` is then behind it.
std::string read_string(std::string_view jinja, size_t& at) {
  const char quote = jinja[at++];
  std::string out;
  for (; at < jinja.size() && jinja[at] != quote; ++at) {
    if (jinja[at] != '\\' || at + 1 == jinja.size()) {
      out += jinja[at];
      continue;
    }
    const char c = jinja[++at];
    out += c == 'n' ? '\n' : c == 't' ? '\t' : c;
  }
  ++at;
  return out;
}

bool in_name(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

// The pieces of a tag, from behind its opening; `at` is then behind its end.
void read_tag(std::string_view jinja, size_t& at, std::vector<Piece>& out) {
  while (at < jinja.size()) {
    const std::string_view two = jinja.substr(at, 2);
    const char c = jinja[at];
    if (two == "}}" || two == "%}") {
      out.push_back({false, std::string(two)});
      at += 2;
      return;
    }
    if (c == '\'' || c == '"') {
      out.push_back({true, read_string(jinja, at)});
      continue;
    }
    size_t end = at;
    while (end < jinja.size() && in_name(jinja[end])) ++end;
    if (end == at) ++end;
    if (std::isspace(static_cast<unsigned char>(c)) == 0 && c != '-')
      out.push_back({false, std::string(jinja.substr(at, end - at))});
    at = end;
  }
}

std::vector<Piece> pieces_of(std::string_view jinja) {
  std::vector<Piece> out;
  std::string text;
  for (size_t at = 0; at < jinja.size();) {
    const std::string_view two = jinja.substr(at, 2);
    if (two != "{{" && two != "{%" && two != "{#") {
      text += jinja[at++];
      continue;
    }
    if (!text.empty()) out.push_back({true, std::move(text)});
    text.clear();
    if (two == "{#") {
      const auto end = jinja.find("#}", at);
      at = end == std::string_view::npos ? jinja.size() : end + 2;
      continue;
    }
    out.push_back({false, std::string(two)});
    at += 2;
    read_tag(jinja, at, out);
  }
  if (!text.empty()) out.push_back({true, std::move(text)});
  return out;
}

class Template {
 public:
  explicit Template(std::string_view jinja) : pieces_(pieces_of(jinja)) {}

  [[nodiscard]] bool writes(std::string_view marker) const {
    return std::any_of(pieces_.begin(), pieces_.end(), [&](const Piece& p) {
      return p.literal && p.text.find(marker) != std::string::npos;
    });
  }
  // Names and signs, one after another.
  [[nodiscard]] bool uses(std::initializer_list<std::string_view> code) const {
    return std::search(pieces_.begin(), pieces_.end(), code.begin(), code.end(),
                       [](const Piece& p, std::string_view c) {
                         return !p.literal && p.text == c;
                       }) != pieces_.end();
  }
  // The first literal, not empty, that `name` is set to.
  [[nodiscard]] std::string set_to(std::string_view name) const {
    for (size_t i = 0; i + 3 < pieces_.size(); ++i) {
      const bool set = code(i) == "set" && code(i + 1) == name && code(i + 2) == "=";
      if (set && pieces_[i + 3].literal && !pieces_[i + 3].text.empty()) return pieces_[i + 3].text;
    }
    return "";
  }
  [[nodiscard]] const std::vector<Piece>& pieces() const { return pieces_; }
  // "" for a literal, and behind the last piece.
  [[nodiscard]] std::string_view code(size_t i) const {
    return i < pieces_.size() && !pieces_[i].literal ? std::string_view(pieces_[i].text) : "";
  }

 private:
  std::vector<Piece> pieces_;
};

[[noreturn]] void refuse(const std::string& why) {
  throw InputError("chat template: " + why +
                   ", expected ChatML, Llama 3, Mistral or plain turns as we write them");
}

std::string to_end(const std::string& text) { return text.substr(0, text.find("<|im_end|>")); }

// What is written after piece i, which ends with ChatML's system header: a literal, or a variable
// that is set to one where the conversation has no system message.
std::string system_after(const Template& jinja, size_t i) {
  for (++i; jinja.code(i) == "+" || jinja.code(i) == "~" || jinja.code(i) == "}}" ||
            jinja.code(i) == "{{" || jinja.code(i) == "(";) {
    ++i;
  }
  if (i == jinja.pieces().size()) return "";
  if (jinja.pieces()[i].literal) return to_end(jinja.pieces()[i].text);
  return jinja.set_to(jinja.code(i));
}

std::string default_system(const Template& jinja) {
  constexpr std::string_view kHeader = "<|im_start|>system\n";
  for (size_t i = 0; i < jinja.pieces().size(); ++i) {
    const Piece& piece = jinja.pieces()[i];
    const auto at = piece.literal ? piece.text.find(kHeader) : std::string::npos;
    if (at == std::string::npos) continue;
    const std::string rest = piece.text.substr(at + kHeader.size());
    if (!rest.empty() && rest.find("<|im_end|>") == std::string::npos)
      refuse("a system message that begins with a text of its own");
    const std::string text = rest.empty() ? system_after(jinja, i) : to_end(rest);
    if (!text.empty()) return text;
  }
  return "";
}

ChatTemplate chatml(const Template& jinja) {
  if (!jinja.writes("<|im_end|>")) refuse("<|im_start|> without <|im_end|>");
  if (jinja.writes("<|im_sep|>")) refuse("<|im_sep|> after the role");
  if (jinja.uses({"bos_token"})) refuse("<|im_start|> after bos_token");
  if (jinja.uses({"content", "|", "trim"}) || jinja.uses({"]", "|", "trim"}))
    refuse("<|im_start|> with trimmed contents");
  return {ChatFormat::kChatMl, default_system(jinja)};
}

// Llama 3.1 and later begin every system message with two dates. Where the template asks for
// today's, we write the one it has for when nobody tells it: prompts do not change overnight.
std::string dated_header(const Template& jinja) {
  constexpr std::string_view kCutting = "Cutting Knowledge Date: ", kToday = "Today Date: ";
  if (!jinja.writes(kCutting) && !jinja.writes(kToday)) return "";
  std::string cutting;
  for (const Piece& p : jinja.pieces()) {
    if (p.literal && p.text.starts_with(kCutting) && p.text.ends_with("\n")) cutting = p.text;
  }
  const std::string today = jinja.set_to("date_string");
  if (cutting.empty() || today.empty() || !jinja.writes(kToday))
    refuse("a dated system message without a date_string of its own");
  return cutting + std::string(kToday) + today + "\n\n";
}

ChatTemplate llama3(const Template& jinja) {
  if (!jinja.writes("<|end_header_id|>") || !jinja.writes("<|eot_id|>"))
    refuse("<|start_header_id|> without <|end_header_id|> and <|eot_id|>");
  if (!jinja.uses({"|", "trim"})) refuse("<|start_header_id|> without trimmed contents");
  return {
      .format = ChatFormat::kLlama3, .default_system = "", .system_header = dated_header(jinja)};
}

ChatTemplate mistral(const Template& jinja) {
  if (!jinja.writes("[/INST]")) refuse("[INST] without [/INST]");
  if (jinja.writes("<<SYS>>")) refuse("[INST] with <<SYS>>");
  if (jinja.writes("[SYSTEM_PROMPT]")) refuse("[INST] with [SYSTEM_PROMPT]");
  for (const Piece& p : jinja.pieces()) {
    const auto at = p.literal ? p.text.find("[INST]") : std::string::npos;
    if (at != std::string::npos && !p.text.substr(at).starts_with("[INST] "))
      refuse("[INST] without a space after it");
  }
  return {.format = ChatFormat::kMistral,
          .default_system = "",
          .system_in_last = jinja.uses({"loop", ".", "last", "and", "system_message"})};
}

}  // namespace

ChatTemplate detect_chat_template(std::string_view jinja) {
  const Template read(jinja);
  if (read.writes("<|im_start|>")) return chatml(read);
  if (read.writes("<|start_header_id|>")) return llama3(read);
  if (read.writes("[INST]")) return mistral(read);
  if (jinja.empty() || (read.writes("Human:") && read.writes("Assistant:")))
    return {ChatFormat::kPlain, ""};
  throw InputError("unknown chat template \"" + one_line(std::string(jinja.substr(0, 60))) +
                   "...\": expected the markers of ChatML, Llama 3, Mistral or plain turns");
}

}  // namespace charter::model
