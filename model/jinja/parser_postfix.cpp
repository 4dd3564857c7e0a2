// What follows a value in an expression: attributes, items, calls, filters and tests.
#include "model/jinja/parser_tokens.hpp"

namespace charter::model::jinja {

using Kind = Expr::Kind;

ExprPtr ExpressionParser::postfix(ExprPtr value) {
  while (true) {
    if (tokens_->is_operator(".")) {
      value = attribute(std::move(value));
    } else if (tokens_->is_operator("[")) {
      value = item(std::move(value));
    } else if (tokens_->is_operator("(")) {
      Expr call{.kind = Kind::kCall, .line = tokens_->now().line};
      call.parts.push_back(std::move(value));
      call.arguments = arguments();
      value = finished(std::move(call));
    } else {
      return value;
    }
  }
}

ExprPtr ExpressionParser::filtered(ExprPtr value) {
  while (true) {
    if (tokens_->is_operator("|")) {
      const int line = tokens_->take().line;
      value = filter(std::move(value), line);
    } else if (tokens_->is_name("is")) {
      value = test(std::move(value));
    } else if (tokens_->is_operator("(")) {
      value = postfix(std::move(value));
    } else {
      return value;
    }
  }
}

ExprPtr ExpressionParser::filters(ExprPtr value) {
  while (tokens_->is_operator("|")) {
    const int line = tokens_->take().line;
    value = filter(std::move(value), line);
  }
  return value;
}

ExprPtr ExpressionParser::block_filters() { return filters(filter(nullptr, tokens_->now().line)); }

ExprPtr ExpressionParser::attribute(ExprPtr value) {
  const int line = tokens_->take().line;
  if (tokens_->is(TokenKind::kInteger))
    return node(Kind::kItem, line, "", std::move(value), primary());
  return node(Kind::kAttribute, line, tokens_->expect_any_name("a name"), std::move(value));
}

ExprPtr ExpressionParser::item(ExprPtr value) {
  const int line = tokens_->take().line;
  ExprPtr start;
  if (!tokens_->is_operator(":")) start = expression();
  if (start && tokens_->is_operator(",")) {
    Expr tuple{.kind = Kind::kTuple, .line = line};
    tuple.parts.push_back(std::move(start));
    while (tokens_->skip_operator(",")) tuple.parts.push_back(expression());
    start = finished(std::move(tuple));
  }
  if (start && tokens_->skip_operator("]"))
    return node(Kind::kItem, line, "", std::move(value), std::move(start));
  tokens_->expect_operator(":");
  const auto bound = [&]() -> ExprPtr {
    return tokens_->is_operator(":") || tokens_->is_operator("]") ? nullptr : expression();
  };
  ExprPtr stop = bound();
  ExprPtr step;
  if (tokens_->skip_operator(":")) step = bound();
  tokens_->expect_operator("]");
  return node(Kind::kSlice, line, "", std::move(value), std::move(start), std::move(stop),
              std::move(step));
}

std::string ExpressionParser::dotted_name(const std::string& what) {
  std::string name = tokens_->expect_any_name(what);
  while (tokens_->skip_operator(".")) name += "." + tokens_->expect_any_name(what);
  return name;
}

ExprPtr ExpressionParser::filter(ExprPtr value, int line) {
  Expr out{.kind = Kind::kFilter, .line = line};
  out.name = dotted_name("a filter's name");
  out.parts.push_back(std::move(value));
  if (tokens_->is_operator("(")) out.arguments = arguments();
  return finished(std::move(out));
}

ExprPtr ExpressionParser::test(ExprPtr value) {
  const int line = tokens_->take().line;
  const bool negated = tokens_->skip_name("not");
  Expr out{.kind = Kind::kTest, .line = line, .name = dotted_name("a test's name")};
  out.parts.push_back(std::move(value));
  const auto& now = tokens_->now();
  const bool name =
      now.kind == TokenKind::kName && now.text != "else" && now.text != "or" && now.text != "and";
  const bool literal = now.kind == TokenKind::kString || now.kind == TokenKind::kInteger ||
                       now.kind == TokenKind::kFloat;
  if (tokens_->is_operator("(")) {
    out.arguments = arguments();
  } else if (name || literal || tokens_->is_operator("[") || tokens_->is_operator("{")) {
    if (tokens_->is_name("is")) fail_at(line, "tests in a chain: expected brackets");
    out.arguments.positional.push_back(postfix(primary()));
  }
  ExprPtr result = finished(std::move(out));
  return negated ? node(Kind::kNot, line, "", std::move(result)) : std::move(result);
}

Arguments ExpressionParser::arguments() {
  Arguments out;
  tokens_->expect_operator("(");
  while (!tokens_->is_operator(")")) {
    if (tokens_->is_operator("*") || tokens_->is_operator("**"))
      fail_at(tokens_->now().line, "\"" + tokens_->now().text + "\" in arguments is not supported");
    const bool named = tokens_->is(TokenKind::kName) &&
                       tokens_->behind().kind == TokenKind::kOperator &&
                       tokens_->behind().text == "=";
    if (named) {
      std::string name = tokens_->take().text;
      tokens_->take();
      out.named.emplace_back(std::move(name), expression());
    } else {
      if (!out.named.empty()) tokens_->unexpected("a named argument");
      out.positional.push_back(expression());
    }
    if (!tokens_->skip_operator(",")) break;
  }
  tokens_->expect_operator(")");
  return out;
}

}  // namespace charter::model::jinja
