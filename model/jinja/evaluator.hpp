// Evaluates a parsed template: statements write to the output, expressions give values.
#pragma once
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "model/jinja/ast.hpp"
#include "model/jinja/call.hpp"
#include "model/jinja/run.hpp"

namespace charter::model::jinja {

// Names and what they stand for, within the scope that was open when this one was written.
class Scope {
 public:
  explicit Scope(Scope* outer) : outer_(outer) {}
  void set(const std::string& name, Value value);
  [[nodiscard]] const Value* find(const std::string& name) const;

 private:
  Scope* outer_;  // alive while this one is: a macro is refused when its scope is gone
  std::vector<std::pair<std::string, Value>> values_;
};

class Evaluator {
 public:
  Evaluator(Run& run, std::shared_ptr<Scope> globals)
      : run_(&run), scope_(std::move(globals)), out_(run) {}

  // All that the body writes.
  [[nodiscard]] Text render(const Body& body);

 private:
  enum class Flow { kOn, kBreak, kContinue };
  class Depth;
  class Inner;

  Flow execute(const Body& body);
  Flow execute(const Stmt& statement);
  Flow execute_if(const Stmt& statement);
  Flow execute_for(const Stmt& statement);
  std::vector<Value> loop_values(const Stmt& statement);
  void execute_set(const Stmt& statement);
  void execute_set_block(const Stmt& statement);
  void execute_with(const Stmt& statement);
  void execute_call_block(const Stmt& statement);
  void define_macro(const Stmt& statement);
  void assign(const Stmt& statement, const Value& value);
  // What a body writes, kept from the output.
  Text captured(const Body& body);

  Value evaluate(const Expr& expression);
  Value evaluate_name(const Expr& expression);
  Value evaluate_dict(const Expr& expression);
  Value evaluate_call(const Expr& expression, const Value* caller);
  Value evaluate_filter(const Expr& expression, const Value* block);
  Value evaluate_compare(const Expr& expression);
  Value evaluate_slice(const Expr& expression);
  std::vector<Value> evaluate_all(const std::vector<ExprPtr>& parts);
  Args evaluate(const Arguments& arguments);

  Value call(const Callable& callable, const Args& args, const Value* caller);
  Value call_macro(const Callable& callable, const Args& args, const Value* caller);
  void bind(const MacroNode& macro, const Args& args);

  Run* run_;
  std::shared_ptr<Scope> scope_;
  Builder out_;
  int depth_ = 0;
};

// The functions of the template language: range, dict, namespace, raise_exception, strftime_now.
// nullptr for another name.
using Function = Value (*)(Run& run, const Args& args);
[[nodiscard]] Function function_of(const std::string& name);

}  // namespace charter::model::jinja
