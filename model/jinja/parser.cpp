#include "model/jinja/parser.hpp"

#include <algorithm>
#include <optional>

#include "model/jinja/parser_tokens.hpp"

namespace charter::model::jinja {
namespace {

using Kind = Stmt::Kind;
using Ends = std::vector<std::string_view>;

std::string joined(const Ends& ends) {
  std::string out;
  for (const auto& end : ends) out += (out.empty() ? "" : " or ") + std::string(end);
  return out;
}

class Parser {
 public:
  explicit Parser(std::string_view source) : tokens_(tokenize(source)), expressions_(tokens_) {}

  Body run() {
    Body body = statements({});
    if (!tokens_.is(TokenKind::kEnd)) tokens_.unexpected("the end");
    return body;
  }

 private:
  // Up to a tag of one of `ends`, whose name is then the current token; or to the end.
  Body statements(const Ends& ends) {
    if (++depth_ > kMaxHeight)
      fail_at(tokens_.now().line, "tags deeper than " + std::to_string(kMaxHeight) + " levels");
    const int opened = tokens_.now().line;
    Body body;
    while (true) {
      if (tokens_.is(TokenKind::kEnd)) {
        if (!ends.empty()) fail_at(opened, "a tag without its {% " + joined(ends) + " %}");
        break;
      }
      if (tokens_.is(TokenKind::kText)) {
        const Token text = tokens_.take();
        add(body, {.kind = Kind::kText, .line = text.line, .text = text.text});
      } else if (tokens_.is(TokenKind::kVariableBegin)) {
        body.push_back(output());
      } else {
        tokens_.take();  // {%
        const bool ended = tokens_.is(TokenKind::kName) &&
                           std::find(ends.begin(), ends.end(), tokens_.now().text) != ends.end();
        if (ended) break;
        body.push_back(std::make_unique<const Stmt>(statement()));
      }
    }
    --depth_;
    return body;
  }

  static void add(Body& body, Stmt statement) {
    body.push_back(std::make_unique<const Stmt>(std::move(statement)));
  }

  std::unique_ptr<const Stmt> output() {
    Stmt out{.kind = Kind::kOutput, .line = tokens_.take().line};
    out.value = expressions_.expressions();
    if (!tokens_.is(TokenKind::kVariableEnd)) tokens_.unexpected("}}");
    tokens_.take();
    return std::make_unique<const Stmt>(std::move(out));
  }

  Stmt statement() {
    const Token tag = tokens_.take();
    if (tag.kind != TokenKind::kName) fail_at(tag.line, "a tag without a name");
    struct Row {
      std::string_view name;
      Stmt (Parser::*parse)(int line);
    };
    constexpr Row kRows[] = {{"if", &Parser::conditional}, {"for", &Parser::loop},
                             {"set", &Parser::assignment}, {"macro", &Parser::macro},
                             {"call", &Parser::call},      {"filter", &Parser::filter},
                             {"with", &Parser::with},      {"generation", &Parser::generation},
                             {"break", &Parser::leave},    {"continue", &Parser::next},
                             {"print", &Parser::print}};
    for (const Row& row : kRows) {
      if (row.name == tag.text) return (this->*row.parse)(tag.line);
    }
    fail_at(tag.line, "tag \"" + tag.text + "\" is not supported");
  }

  // {% NAME ... %} has been read up to its %}: the body and the closing tag.
  Body body_until(std::string_view end) {
    tokens_.expect_block_end();
    Body body = statements({end});
    tokens_.take();
    return body;
  }

  Stmt conditional(int line) {
    Stmt out{.kind = Kind::kIf, .line = line};
    out.conditions.push_back(expressions_.expressions());
    tokens_.expect_block_end();
    while (true) {
      out.bodies.push_back(statements({"elif", "else", "endif"}));
      const std::string tag = tokens_.take().text;
      if (tag == "elif") {
        out.conditions.push_back(expressions_.expressions());
        tokens_.expect_block_end();
        continue;
      }
      if (tag == "else") out.bodies.push_back(body_until("endif"));
      tokens_.expect_block_end();
      return out;
    }
  }

  void targets(Stmt& out) {
    const bool brackets = tokens_.skip_operator("(");
    out.targets.push_back(expect_target());
    while (tokens_.skip_operator(",")) {
      out.unpacks = true;
      if (!tokens_.is(TokenKind::kName)) break;
      out.targets.push_back(expect_target());
    }
    if (brackets) tokens_.expect_operator(")");
  }

  std::string expect_target() {
    const Token& now = tokens_.now();
    constexpr std::string_view kConstants[] = {"true", "True", "false", "False", "none", "None"};
    for (const auto name : kConstants) {
      if (tokens_.is_name(name)) fail_at(now.line, "cannot assign to \"" + now.text + "\"");
    }
    return tokens_.expect_any_name("a name to assign to");
  }

  Stmt loop(int line) {
    Stmt out{.kind = Kind::kFor, .line = line};
    targets(out);
    tokens_.expect_name("in");
    out.value = expressions_.expressions(/*plain=*/true);
    if (tokens_.skip_name("if")) out.condition = expressions_.expression();
    if (tokens_.is_name("recursive")) fail_at(line, "\"recursive\" is not supported");
    tokens_.expect_block_end();
    ++loops_;
    out.bodies.push_back(statements({"else", "endfor"}));
    --loops_;
    if (tokens_.take().text == "else") out.bodies.push_back(body_until("endfor"));
    tokens_.expect_block_end();
    return out;
  }

  Stmt assignment(int line) {
    Stmt out{.kind = Kind::kSet, .line = line};
    targets(out);
    if (!out.unpacks && tokens_.skip_operator("."))
      out.attribute = tokens_.expect_any_name("an attribute");
    if (tokens_.skip_operator("=")) {
      out.value = expressions_.expressions();
      tokens_.expect_block_end();
      return out;
    }
    out.kind = Kind::kSetBlock;
    if (out.unpacks) tokens_.unexpected("=");
    out.value = expressions_.filters(nullptr);
    out.bodies.push_back(body_until("endset"));
    tokens_.expect_block_end();
    return out;
  }

  // "(a, b=1)" of a macro or of a call block.
  std::vector<Parameter> parameters() {
    std::vector<Parameter> out;
    tokens_.expect_operator("(");
    while (!tokens_.is_operator(")")) {
      Parameter parameter{.name = expect_target(), .fallback = nullptr};
      if (tokens_.skip_operator("=")) {
        parameter.fallback = expressions_.expression();
      } else if (!out.empty() && out.back().fallback) {
        fail_at(tokens_.now().line, "a parameter without a default behind one that has it");
      }
      out.push_back(std::move(parameter));
      if (!tokens_.skip_operator(",")) break;
    }
    tokens_.expect_operator(")");
    return out;
  }

  // The body of a macro or call block, and which of its special names it reads.
  void macro_body(MacroNode& node, std::string_view end) {
    std::vector<std::string> outer;
    outer.swap(expressions_.used);
    const int loops = std::exchange(loops_, 0);
    node.body = body_until(end);
    loops_ = loops;
    outer.swap(expressions_.used);
    const auto uses = [&](std::string_view name) {
      return std::find(outer.begin(), outer.end(), name) != outer.end();
    };
    node.uses_varargs = uses("varargs");
    node.uses_kwargs = uses("kwargs");
    node.uses_caller = uses("caller");
  }

  Stmt macro(int line) {
    Stmt out{.kind = Kind::kMacro, .line = line};
    auto node = std::make_unique<MacroNode>();
    node->name = expect_target();
    node->parameters = parameters();
    macro_body(*node, "endmacro");
    tokens_.expect_block_end();
    out.macro = std::move(node);
    return out;
  }

  Stmt call(int line) {
    Stmt out{.kind = Kind::kCallBlock, .line = line};
    auto node = std::make_unique<MacroNode>();
    node->name = "caller";
    if (tokens_.is_operator("(")) node->parameters = parameters();
    out.value = expressions_.expression();
    if (out.value->kind != Expr::Kind::kCall) fail_at(line, "call: expected a call of a macro");
    macro_body(*node, "endcall");
    tokens_.expect_block_end();
    out.macro = std::move(node);
    return out;
  }

  Stmt filter(int line) {
    Stmt out{.kind = Kind::kFilter, .line = line};
    out.value = expressions_.block_filters();
    out.bodies.push_back(body_until("endfilter"));
    tokens_.expect_block_end();
    return out;
  }

  Stmt with(int line) {
    Stmt out{.kind = Kind::kWith, .line = line};
    while (!tokens_.is(TokenKind::kBlockEnd)) {
      out.targets.push_back(expect_target());
      tokens_.expect_operator("=");
      out.conditions.push_back(expressions_.expression());
      if (!tokens_.skip_operator(",")) break;
    }
    out.bodies.push_back(body_until("endwith"));
    tokens_.expect_block_end();
    return out;
  }

  Stmt generation(int line) {
    Stmt out{.kind = Kind::kGeneration, .line = line};
    const int loops = std::exchange(loops_, 0);
    out.bodies.push_back(body_until("endgeneration"));
    loops_ = loops;
    tokens_.expect_block_end();
    return out;
  }

  Stmt jump(Kind kind, int line) {
    if (loops_ == 0) fail_at(line, "break or continue outside a loop");
    tokens_.expect_block_end();
    return {.kind = kind, .line = line};
  }
  Stmt leave(int line) { return jump(Kind::kBreak, line); }
  Stmt next(int line) { return jump(Kind::kContinue, line); }

  Stmt print(int line) {
    Stmt out{.kind = Kind::kOutput, .line = line};
    out.value = expressions_.expressions();
    tokens_.expect_block_end();
    return out;
  }

  Tokens tokens_;
  ExpressionParser expressions_;
  int depth_ = 0, loops_ = 0;
};

}  // namespace

Body parse(std::string_view source) { return Parser(source).run(); }

}  // namespace charter::model::jinja
