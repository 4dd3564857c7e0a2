#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "model/jinja/parser.hpp"
#include "model/jinja/parser_tokens.hpp"

namespace charter::model::jinja {
namespace {

using Kind = Expr::Kind;

std::string shown(const Token& token) {
  switch (token.kind) {
    case TokenKind::kEnd:
      return "the end";
    case TokenKind::kText:
      return "text";
    case TokenKind::kBlockBegin:
      return "\"{%\"";
    case TokenKind::kBlockEnd:
      return "\"%}\"";
    case TokenKind::kVariableBegin:
      return "\"{{\"";
    case TokenKind::kVariableEnd:
      return "\"}}\"";
    case TokenKind::kName:
    case TokenKind::kString:
    case TokenKind::kInteger:
    case TokenKind::kFloat:
    case TokenKind::kOperator:
      break;
  }
  return "\"" + token.text + "\"";
}

Value text_value(std::string text) {
  return std::make_shared<const Text>(Text{.bytes = std::move(text), .marks = {}});
}

ExprPtr constant(int line, Value value) {
  return finished({.kind = Kind::kConstant, .line = line, .constant = std::move(value)});
}

}  // namespace

void Tokens::unexpected(const std::string& expected) const {
  fail_at(now().line, shown(now()) + ", expected " + expected);
}

ExprPtr finished(Expr node) {
  const auto raise = [&](const ExprPtr& part) {
    if (part) node.height = std::max(node.height, part->height + 1);
  };
  for (const auto& part : node.parts) raise(part);
  for (const auto& part : node.arguments.positional) raise(part);
  for (const auto& [name, part] : node.arguments.named) raise(part);
  if (node.height > kMaxHeight)
    fail_at(node.line, "an expression deeper than " + std::to_string(kMaxHeight) + " levels");
  return std::make_unique<const Expr>(std::move(node));
}

// Brackets and signs within each other.
class ExpressionParser::Level {
 public:
  explicit Level(ExpressionParser& parser) : parser_(&parser) {
    if (++parser.depth_ > kMaxHeight)
      fail_at(parser.tokens_->now().line,
              "an expression deeper than " + std::to_string(kMaxHeight) + " levels");
  }
  ~Level() { --parser_->depth_; }
  Level(const Level&) = delete;
  Level& operator=(const Level&) = delete;

 private:
  ExpressionParser* parser_;
};

ExprPtr ExpressionParser::expression(bool plain) {
  const Level level(*this);
  return plain ? any_of() : conditional();
}

ExprPtr ExpressionParser::expressions(bool plain) {
  const int line = tokens_->now().line;
  ExprPtr first = expression(plain);
  if (!tokens_->is_operator(",")) return first;
  Expr tuple{.kind = Kind::kTuple, .line = line};
  tuple.parts.push_back(std::move(first));
  while (tokens_->skip_operator(",")) {
    const bool ends = tokens_->is(TokenKind::kBlockEnd) || tokens_->is(TokenKind::kVariableEnd) ||
                      tokens_->is_operator(")");
    if (ends) break;
    tuple.parts.push_back(expression(plain));
  }
  return finished(std::move(tuple));
}

ExprPtr ExpressionParser::conditional() {
  ExprPtr value = any_of();
  while (tokens_->is_name("if")) {
    const int line = tokens_->take().line;
    ExprPtr condition = any_of();
    ExprPtr otherwise;
    if (tokens_->skip_name("else")) otherwise = expression();
    value = node(Kind::kConditional, line, "", std::move(value), std::move(condition),
                 std::move(otherwise));
  }
  return value;
}

ExprPtr ExpressionParser::any_of() {
  ExprPtr left = all_of();
  while (tokens_->is_name("or")) {
    const int line = tokens_->take().line;
    left = node(Kind::kOr, line, "", std::move(left), all_of());
  }
  return left;
}

ExprPtr ExpressionParser::all_of() {
  ExprPtr left = negation();
  while (tokens_->is_name("and")) {
    const int line = tokens_->take().line;
    left = node(Kind::kAnd, line, "", std::move(left), negation());
  }
  return left;
}

ExprPtr ExpressionParser::negation() {
  if (!tokens_->is_name("not")) return comparison();
  const Level level(*this);
  const int line = tokens_->take().line;
  return node(Kind::kNot, line, "", negation());
}

ExprPtr ExpressionParser::comparison() {
  constexpr std::string_view kOperators[] = {"==", "!=", "<", "<=", ">", ">="};
  const int line = tokens_->now().line;
  Expr out{.kind = Kind::kCompare, .line = line};
  out.parts.push_back(sum());
  while (true) {
    const auto found = std::find_if(std::begin(kOperators), std::end(kOperators),
                                    [&](std::string_view o) { return tokens_->is_operator(o); });
    const bool not_in = tokens_->is_name("not") && tokens_->behind().kind == TokenKind::kName &&
                        tokens_->behind().text == "in";
    if (found != std::end(kOperators)) {
      tokens_->take();
      out.names.emplace_back(*found);
    } else if (not_in) {
      tokens_->take();
      tokens_->take();
      out.names.emplace_back("not in");
    } else if (tokens_->skip_name("in")) {
      out.names.emplace_back("in");
    } else {
      break;
    }
    out.parts.push_back(sum());
  }
  if (out.names.empty()) return std::move(out.parts[0]);
  return finished(std::move(out));
}

ExprPtr ExpressionParser::sum() {
  ExprPtr left = concatenation();
  while (tokens_->is_operator("+") || tokens_->is_operator("-")) {
    const Token sign = tokens_->take();
    left = node(Kind::kBinary, sign.line, sign.text, std::move(left), concatenation());
  }
  return left;
}

ExprPtr ExpressionParser::concatenation() {
  ExprPtr first = product();
  if (!tokens_->is_operator("~")) return first;
  Expr out{.kind = Kind::kConcat, .line = tokens_->now().line};
  out.parts.push_back(std::move(first));
  while (tokens_->skip_operator("~")) out.parts.push_back(product());
  return finished(std::move(out));
}

ExprPtr ExpressionParser::product() {
  ExprPtr left = power();
  while (tokens_->is_operator("*") || tokens_->is_operator("/") || tokens_->is_operator("//") ||
         tokens_->is_operator("%")) {
    const Token sign = tokens_->take();
    left = node(Kind::kBinary, sign.line, sign.text, std::move(left), power());
  }
  return left;
}

ExprPtr ExpressionParser::power() {
  ExprPtr left = unary(true);
  while (tokens_->is_operator("**")) {
    const int line = tokens_->take().line;
    left = node(Kind::kBinary, line, "**", std::move(left), unary(true));
  }
  return left;
}

ExprPtr ExpressionParser::unary(bool with_filters) {
  const Level level(*this);
  ExprPtr value;
  if (tokens_->is_operator("-") || tokens_->is_operator("+")) {
    const Token sign = tokens_->take();
    value = node(sign.text == "-" ? Kind::kNegative : Kind::kPositive, sign.line, "", unary(false));
  } else {
    value = primary();
  }
  value = postfix(std::move(value));
  return with_filters ? filtered(std::move(value)) : std::move(value);
}

ExprPtr ExpressionParser::primary() {
  const Token& now = tokens_->now();
  if (now.kind == TokenKind::kName) {
    const Token name = tokens_->take();
    if (name.text == "true" || name.text == "True") return constant(name.line, true);
    if (name.text == "false" || name.text == "False") return constant(name.line, false);
    if (name.text == "none" || name.text == "None") return constant(name.line, None{});
    used.push_back(name.text);
    return node(Kind::kName, name.line, name.text);
  }
  if (now.kind == TokenKind::kString) {
    Token text = tokens_->take();
    while (tokens_->is(TokenKind::kString)) text.text += tokens_->take().text;
    return constant(text.line, text_value(std::move(text.text)));
  }
  if (now.kind == TokenKind::kInteger) {
    const Token number = tokens_->take();
    const char *begin = number.text.data(), *end = begin + number.text.size();
    int64_t integer = 0;
    if (std::from_chars(begin, end, integer).ec != std::errc())
      fail_at(number.line, "number " + number.text + ": expected 64 bits");
    return constant(number.line, integer);
  }
  if (now.kind == TokenKind::kFloat) {  // strtod gives infinity where a double ends, as Python does
    const Token number = tokens_->take();
    return constant(number.line, std::strtod(number.text.c_str(), nullptr));
  }
  if (tokens_->is_operator("(")) return parenthesized();
  if (tokens_->is_operator("[")) return list();
  if (tokens_->is_operator("{")) return dict();
  tokens_->unexpected("a value");
}

ExprPtr ExpressionParser::parenthesized() {
  const int line = tokens_->take().line;
  if (tokens_->skip_operator(")")) return finished({.kind = Kind::kTuple, .line = line});
  ExprPtr value = expressions();
  tokens_->expect_operator(")");
  return value;
}

ExprPtr ExpressionParser::list() {
  Expr out{.kind = Kind::kList, .line = tokens_->take().line};
  while (!tokens_->is_operator("]")) {
    out.parts.push_back(expression());
    if (!tokens_->skip_operator(",")) break;
  }
  tokens_->expect_operator("]");
  return finished(std::move(out));
}

ExprPtr ExpressionParser::dict() {
  Expr out{.kind = Kind::kDict, .line = tokens_->take().line};
  while (!tokens_->is_operator("}")) {
    out.parts.push_back(expression());
    tokens_->expect_operator(":");
    out.parts.push_back(expression());
    if (!tokens_->skip_operator(",")) break;
  }
  tokens_->expect_operator("}");
  return finished(std::move(out));
}

}  // namespace charter::model::jinja
