// A template's source as tokens: jinja2's lexer with trim_blocks and lstrip_blocks.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace charter::model::jinja {

enum class TokenKind {
  kText,           // between tags, white space control applied
  kBlockBegin,     // {%
  kBlockEnd,       // %}
  kVariableBegin,  // {{
  kVariableEnd,    // }}
  kName,
  kString,    // its value
  kInteger,   // its digits
  kFloat,     // its digits
  kOperator,  // "+", "//", "==", ...
  kEnd,
};

struct Token {
  TokenKind kind;
  std::string text;
  int line;
};

// Throws InputError "chat template line N: ..." for what is no token, and for a tag, string or
// comment without an end. The last token is kEnd.
[[nodiscard]] std::vector<Token> tokenize(std::string_view source);

// Refuses with that line.
[[noreturn]] void fail_at(int line, const std::string& why);

}  // namespace charter::model::jinja
