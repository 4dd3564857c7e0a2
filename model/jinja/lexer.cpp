#include "model/jinja/lexer.hpp"

#include <algorithm>

#include "model/input_error.hpp"
#include "model/jinja/string_literal.hpp"
#include "model/jinja/text.hpp"
#include "model/utf8.hpp"

namespace charter::model::jinja {
namespace {

constexpr size_t kNone = std::string_view::npos;

// Line ends become \n, and the last of them is left out.
std::string normalized(std::string_view source) {
  std::string out;
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r') {
      if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
      out += '\n';
    } else {
      out += source[i];
    }
  }
  if (out.ends_with('\n')) out.pop_back();
  return out;
}

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(normalized(utf8_replace_invalid(source))) {}

  std::vector<Token> run() {
    while (at_ < source_.size()) text_and_tag();
    push(TokenKind::kEnd, "");
    return std::move(tokens_);
  }

 private:
  [[nodiscard]] std::string_view rest() const { return std::string_view(source_).substr(at_); }

  void push(TokenKind kind, std::string text) { tokens_.push_back({kind, std::move(text), line_}); }

  void advance(size_t to) {
    line_ += static_cast<int>(std::count(source_.begin() + static_cast<int64_t>(at_),
                                         source_.begin() + static_cast<int64_t>(to), '\n'));
    at_ = to;
  }

  // The bytes of white space at `from`.
  [[nodiscard]] size_t spaces(size_t from) const {
    size_t at = from;
    while (at < source_.size()) {
      const Utf8Step step = utf8_step(std::string_view(source_).substr(at));
      if (step.status != Utf8Status::kCharacter || !is_space(step.code)) break;
      at += step.bytes;
    }
    return at - from;
  }

  // The next "{%", "{{" or "{#".
  [[nodiscard]] size_t next_tag() const {
    for (size_t i = at_; i + 1 < source_.size(); ++i) {
      if (source_[i] != '{') continue;
      const char c = source_[i + 1];
      if (c == '%' || c == '{' || c == '#') return i;
    }
    return kNone;
  }

  // Text before a tag whose opening is followed by `sign`, after white space control.
  void push_text(size_t end, char sign, bool strips_indent) {
    Text text{.bytes = source_.substr(at_, end - at_), .marks = {}};
    if (sign == '-') {
      text = strip(text, nullptr, false, true);
    } else if (sign != '+' && strips_indent) {
      const size_t line = text.bytes.rfind('\n') + 1;
      if ((line > 0 || at_line_start_) &&
          strip(cut(text, line, text.size()), nullptr, true, false).bytes.empty())
        text.bytes.resize(line);
    }
    if (!text.bytes.empty()) push(TokenKind::kText, std::move(text.bytes));
    advance(end);
  }

  void text_and_tag() {
    const size_t tag = next_tag();
    if (tag == kNone) {
      push_text(source_.size(), '+', false);
      return;
    }
    const char kind = source_[tag + 1];
    const char sign = tag + 2 < source_.size() ? source_[tag + 2] : '\0';
    push_text(tag, sign, kind != '{');
    advance(tag + 2);
    if (sign == '-' || sign == '+') advance(at_ + 1);
    if (kind == '#') {
      comment();
    } else if (kind == '{') {
      push(TokenKind::kVariableBegin, "");
      inside(TokenKind::kVariableEnd, "}}");
    } else if (!raw()) {
      push(TokenKind::kBlockBegin, "");
      inside(TokenKind::kBlockEnd, "%}");
    }
  }

  // Behind a closing that began at `end` with `sign` before it: what it takes with it.
  void close(size_t end, char sign, bool trims_newline) {
    size_t to = end + 2;
    if (sign == '-') {
      to += spaces(to);
    } else if (sign != '+' && trims_newline && to < source_.size() && source_[to] == '\n') {
      ++to;
    }
    at_line_start_ = to > 0 && source_[to - 1] == '\n';
    advance(to);
  }

  void comment() {
    const size_t end = source_.find("#}", at_);
    if (end == kNone) fail_at(line_, "{# without #}");
    const char sign = end > at_ ? source_[end - 1] : '\0';
    close(end, sign, true);
  }

  // {% raw %} and all up to {% endraw %}.
  bool raw() {
    size_t at = at_ + spaces(at_);
    if (!std::string_view(source_).substr(at).starts_with("raw")) return false;
    at += 3;
    at += spaces(at);
    const bool strips = at < source_.size() && source_[at] == '-';
    if (strips) ++at;
    if (!std::string_view(source_).substr(at).starts_with("%}")) return false;
    const int opened = line_;
    at += 2;
    if (strips) at += spaces(at);
    advance(at);
    at_line_start_ = source_[at_ - 1] == '\n';
    for (size_t tag = source_.find("{%", at_); tag != kNone; tag = source_.find("{%", tag + 2)) {
      if (end_of_raw(tag)) return true;
    }
    fail_at(opened, "{% raw %} without {% endraw %}");
  }

  bool end_of_raw(size_t tag) {
    size_t at = tag + 2;
    const char sign = at < source_.size() ? source_[at] : '\0';
    if (sign == '-' || sign == '+') ++at;
    at += spaces(at);
    if (!std::string_view(source_).substr(at).starts_with("endraw")) return false;
    at += 6;
    at += spaces(at);
    const char closing = at < source_.size() ? source_[at] : '\0';
    if (closing == '-' || closing == '+') ++at;
    if (!std::string_view(source_).substr(at).starts_with("%}")) return false;
    push_text(tag, sign, true);
    close(at, closing, true);
    return true;
  }

  // The tokens of a tag, and its closing. Within brackets a closing is none.
  void inside(TokenKind closing, std::string_view mark) {
    const int opened = line_;
    std::string brackets;
    while (at_ < source_.size()) {
      const char c = source_[at_];
      if (brackets.empty() && closes(mark)) {
        const char sign = c == '-' || c == '+' ? c : '\0';
        const size_t end = at_ + (sign != '\0' ? 1 : 0);
        push(closing, "");
        close(end, sign, closing == TokenKind::kBlockEnd);
        return;
      }
      const size_t space = spaces(at_);
      if (space > 0) {
        advance(at_ + space);
      } else if (c == '\'' || c == '"') {
        string(c);
      } else if (c >= '0' && c <= '9') {
        number();
      } else if (!name()) {
        operation(brackets);
      }
    }
    fail_at(opened, std::string("a tag without ") + std::string(mark));
  }

  [[nodiscard]] bool closes(std::string_view mark) const {
    if (rest().starts_with(mark)) return true;
    const bool minus = rest().starts_with('-') && rest().substr(1).starts_with(mark);
    return minus || (mark == "%}" && rest().starts_with("+%}"));
  }

  void string(char quote) {
    size_t end = at_ + 1;
    while (end < source_.size() && source_[end] != quote) end += source_[end] == '\\' ? 2 : 1;
    if (end >= source_.size()) fail_at(line_, "a string without its closing quote");
    push(TokenKind::kString,
         string_of_literal(std::string_view(source_).substr(at_ + 1, end - at_ - 1), line_));
    advance(end + 1);
  }

  void number() {
    const NumberLiteral number =
        number_of_literal(rest(), at_ > 0 && source_[at_ - 1] == '.', line_);
    push(number.is_float ? TokenKind::kFloat : TokenKind::kInteger, number.digits);
    advance(at_ + number.size);
  }

  bool name() {
    size_t end = at_;
    while (end < source_.size()) {
      const Utf8Step step = utf8_step(std::string_view(source_).substr(end));
      if (step.status != Utf8Status::kCharacter || !is_word(step.code)) break;
      end += step.bytes;
    }
    if (end == at_) return false;
    push(TokenKind::kName, source_.substr(at_, end - at_));
    advance(end);
    return true;
  }

  void operation(std::string& brackets) {
    constexpr std::string_view kTwo[] = {"//", "**", "==", "!=", ">=", "<="};
    const auto two = std::find_if(std::begin(kTwo), std::end(kTwo),
                                  [&](std::string_view o) { return rest().starts_with(o); });
    const std::string text(two != std::end(kTwo) ? *two : rest().substr(0, 1));
    constexpr std::string_view kOne = "+-/*%~[](){}><=.:|,;", kOpen = "([{", kClosed = ")]}";
    if (two == std::end(kTwo) && kOne.find(text) == kNone)
      fail_at(line_, "unexpected \"" + source_.substr(at_, utf8_step(rest()).bytes) + "\"");
    if (kOpen.find(text) != kNone) brackets += kClosed[kOpen.find(text)];
    if (kClosed.find(text) != kNone) {
      if (!brackets.ends_with(text)) fail_at(line_, "unexpected \"" + text + "\"");
      brackets.pop_back();
    }
    push(TokenKind::kOperator, text);
    advance(at_ + text.size());
  }

  std::string source_;
  size_t at_ = 0;
  int line_ = 1;
  bool at_line_start_ = true;
  std::vector<Token> tokens_;
};

}  // namespace

void fail_at(int line, const std::string& why) {
  throw InputError("chat template line " + std::to_string(line) + ": " + why);
}

std::vector<Token> tokenize(std::string_view source) { return Lexer(source).run(); }

}  // namespace charter::model::jinja
