// The parser's place among the tokens, and its two halves. Used by parser.cpp and
// parser_expressions.cpp alone.
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/jinja/ast.hpp"
#include "model/jinja/lexer.hpp"

namespace charter::model::jinja {

class Tokens {
 public:
  explicit Tokens(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  [[nodiscard]] const Token& now() const { return tokens_[at_]; }
  [[nodiscard]] const Token& behind() const {
    return tokens_[at_ + 1 < tokens_.size() ? at_ + 1 : at_];
  }
  Token take() { return at_ + 1 < tokens_.size() ? tokens_[at_++] : tokens_[at_]; }

  [[nodiscard]] bool is(TokenKind kind) const { return now().kind == kind; }
  [[nodiscard]] bool is_operator(std::string_view text) const {
    return is(TokenKind::kOperator) && now().text == text;
  }
  [[nodiscard]] bool is_name(std::string_view text) const {
    return is(TokenKind::kName) && now().text == text;
  }
  bool skip_operator(std::string_view text) {
    const bool here = is_operator(text);
    if (here) take();
    return here;
  }
  bool skip_name(std::string_view text) {
    const bool here = is_name(text);
    if (here) take();
    return here;
  }
  void expect_operator(std::string_view text) {
    if (!skip_operator(text)) unexpected(std::string(text));
  }
  void expect_name(std::string_view text) {
    if (!skip_name(text)) unexpected(std::string(text));
  }
  std::string expect_any_name(const std::string& what) {
    if (!is(TokenKind::kName)) unexpected(what);
    return take().text;
  }
  void expect_block_end() {
    if (!is(TokenKind::kBlockEnd)) unexpected("%}");
    take();
  }
  [[noreturn]] void unexpected(const std::string& expected) const;

 private:
  std::vector<Token> tokens_;
  size_t at_ = 0;
};

// Expressions. `used` collects the names that the current macro reads.
class ExpressionParser {
 public:
  explicit ExpressionParser(Tokens& tokens) : tokens_(&tokens) {}

  // With a conditional at its top, unless `plain` (the list of a for, whose `if` is the loop's).
  ExprPtr expression(bool plain = false);
  // An expression, or several with commas between them: a tuple.
  ExprPtr expressions(bool plain = false);
  // What follows a | : filters over `value`, which is null for the text of a block.
  ExprPtr filters(ExprPtr value);
  // A filter tag's: the first has no | before it.
  ExprPtr block_filters();
  ExprPtr postfix(ExprPtr value);
  ExprPtr primary();

  std::vector<std::string> used;

 private:
  class Level;
  ExprPtr conditional();
  ExprPtr any_of();
  ExprPtr all_of();
  ExprPtr negation();
  ExprPtr comparison();
  ExprPtr sum();
  ExprPtr concatenation();
  ExprPtr product();
  ExprPtr power();
  ExprPtr unary(bool with_filters);
  ExprPtr filtered(ExprPtr value);
  ExprPtr filter(ExprPtr value, int line);
  ExprPtr test(ExprPtr value);
  ExprPtr attribute(ExprPtr value);
  ExprPtr item(ExprPtr value);
  ExprPtr parenthesized();
  ExprPtr list();
  ExprPtr dict();
  Arguments arguments();
  std::string dotted_name(const std::string& what);

  Tokens* tokens_;
  int depth_ = 0;
};

// A node with its height; refuses one that is too high.
[[nodiscard]] ExprPtr finished(Expr node);

template <class... Parts>
[[nodiscard]] ExprPtr node(Expr::Kind kind, int line, std::string name, Parts... parts) {
  Expr out{.kind = kind, .line = line, .name = std::move(name)};
  (out.parts.push_back(std::move(parts)), ...);
  return finished(std::move(out));
}

}  // namespace charter::model::jinja
