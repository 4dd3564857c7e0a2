// The evaluator's expressions and calls.
#include <algorithm>

#include "model/jinja/evaluator.hpp"
#include "model/jinja/filters.hpp"
#include "model/jinja/methods.hpp"
#include "model/jinja/operators.hpp"
#include "model/jinja/print.hpp"

namespace charter::model::jinja {

using Kind = Expr::Kind;

class Evaluator::Depth {
 public:
  explicit Depth(Evaluator& evaluator) : evaluator_(&evaluator) {
    if (++evaluator.depth_ > evaluator.run_->limits().depth)
      evaluator.run_->fail("deeper than " + std::to_string(evaluator.run_->limits().depth) +
                           " levels");
  }
  ~Depth() { --evaluator_->depth_; }
  Depth(const Depth&) = delete;
  Depth& operator=(const Depth&) = delete;

 private:
  Evaluator* evaluator_;
};

Value Evaluator::evaluate(const Expr& e) {
  const Depth depth(*this);
  run_->at(e.line);
  run_->step();
  switch (e.kind) {
    case Kind::kConstant:
      return e.constant;
    case Kind::kName:
      return evaluate_name(e);
    case Kind::kList:
      return run_->list(evaluate_all(e.parts));
    case Kind::kTuple:
      return run_->list(evaluate_all(e.parts), List::Form::kTuple);
    case Kind::kDict:
      return evaluate_dict(e);
    case Kind::kAttribute:
      return attribute(*run_, evaluate(*e.parts[0]), e.name);
    case Kind::kItem: {
      const Value object = evaluate(*e.parts[0]);
      return item(*run_, object, evaluate(*e.parts[1]));
    }
    case Kind::kSlice:
      return evaluate_slice(e);
    case Kind::kCall:
      return evaluate_call(e, nullptr);
    case Kind::kFilter:
      return evaluate_filter(e, nullptr);
    case Kind::kTest: {
      const Value value = evaluate(*e.parts[0]);
      const Args args = evaluate(e.arguments);
      run_->at(e.line);
      return apply_test(*run_, e.name, value, args);
    }
    case Kind::kConditional:
      if (truthy(evaluate(*e.parts[1]))) return evaluate(*e.parts[0]);
      if (e.parts[2]) return evaluate(*e.parts[2]);
      return Run::undefined("a conditional without else is false");
    case Kind::kAnd: {
      Value left = evaluate(*e.parts[0]);
      return truthy(left) ? evaluate(*e.parts[1]) : left;
    }
    case Kind::kOr: {
      Value left = evaluate(*e.parts[0]);
      return truthy(left) ? left : evaluate(*e.parts[1]);
    }
    case Kind::kNot:
      return !truthy(evaluate(*e.parts[0]));
    case Kind::kNegative:
    case Kind::kPositive:
      return negative(*run_, evaluate(*e.parts[0]), e.kind == Kind::kNegative);
    case Kind::kBinary: {
      const Value left = evaluate(*e.parts[0]), right = evaluate(*e.parts[1]);
      run_->at(e.line);
      return binary(*run_, e.name, left, right);
    }
    case Kind::kConcat: {
      Builder out(*run_);
      for (const auto& part : e.parts) out.add(to_text(*run_, evaluate(*part)));
      return out.value();
    }
    case Kind::kCompare:
      return evaluate_compare(e);
  }
  return {};
}

Value Evaluator::evaluate_name(const Expr& e) {
  if (const Value* value = scope_->find(e.name)) return *value;
  const bool no_clock = e.name == "strftime_now" && run_->now() == nullptr;
  if (function_of(e.name) != nullptr && !no_clock)
    return std::make_shared<const Callable>(Callable{.name = e.name});
  return Run::undefined("'" + e.name + "' is undefined");
}

std::vector<Value> Evaluator::evaluate_all(const std::vector<ExprPtr>& parts) {
  std::vector<Value> out;
  out.reserve(parts.size());
  for (const auto& part : parts) out.push_back(evaluate(*part));
  return out;
}

Value Evaluator::evaluate_dict(const Expr& e) {
  std::vector<std::pair<Value, Value>> items;
  for (size_t i = 0; i + 1 < e.parts.size(); i += 2) {
    Value key = evaluate(*e.parts[i]);
    items.emplace_back(std::move(key), evaluate(*e.parts[i + 1]));
  }
  return run_->dict(std::move(items));
}

Value Evaluator::evaluate_slice(const Expr& e) {
  const Value object = evaluate(*e.parts[0]);
  Value bounds[3] = {None{}, None{}, None{}};
  for (size_t i = 0; i < 3; ++i) {
    if (e.parts[i + 1]) bounds[i] = evaluate(*e.parts[i + 1]);
  }
  run_->at(e.line);
  return slice(*run_, object, bounds[0], bounds[1], bounds[2]);
}

Value Evaluator::evaluate_compare(const Expr& e) {
  Value left = evaluate(*e.parts[0]);
  for (size_t i = 0; i < e.names.size(); ++i) {
    Value right = evaluate(*e.parts[i + 1]);
    run_->at(e.line);
    if (!compare(*run_, e.names[i], left, right)) return false;
    left = std::move(right);
  }
  return true;
}

Args Evaluator::evaluate(const Arguments& arguments) {
  Args out{.positional = evaluate_all(arguments.positional), .named = {}};
  for (const auto& [name, value] : arguments.named) out.named.emplace_back(name, evaluate(*value));
  return out;
}

Value Evaluator::evaluate_filter(const Expr& e, const Value* block) {
  Value value;
  if (e.parts[0] == nullptr) {
    value = *block;
  } else if (e.parts[0]->kind == Kind::kFilter) {
    value = evaluate_filter(*e.parts[0], block);
  } else {
    value = evaluate(*e.parts[0]);
  }
  const Args args = evaluate(e.arguments);
  run_->at(e.line);
  run_->step();
  return apply_filter(*run_, e.name, value, args);
}

Value Evaluator::evaluate_call(const Expr& e, const Value* caller) {
  const Value callee = evaluate(*e.parts[0]);
  const Args args = evaluate(e.arguments);
  run_->at(e.line);
  const auto* callable = as<CallablePtr>(callee);
  if (callable == nullptr) run_->refuse(callee, "cannot be called");
  return call(**callable, args, caller);
}

Value Evaluator::call(const Callable& callable, const Args& args, const Value* caller) {
  if (callable.macro != nullptr) return call_macro(callable, args, caller);
  if (caller != nullptr) run_->fail("call: '" + callable.name + "' is no macro");
  if (!is_none(callable.self)) return call_method(*run_, callable.self, callable.name, args);
  return function_of(callable.name)(*run_, args);
}

// Positional and named arguments become names of the open scope; what is left are varargs and
// kwargs, where the macro reads them.
void Evaluator::bind(const MacroNode& macro, const Args& args) {
  const size_t count = macro.parameters.size();
  const auto refuse = [&](const std::string& why) {
    run_->fail("macro " + macro.name + ": " + why);
  };
  std::vector<Value> extra;
  for (size_t i = count; i < args.positional.size(); ++i) extra.push_back(args.positional[i]);
  if (!extra.empty() && !macro.uses_varargs)
    refuse(std::to_string(args.positional.size()) + " arguments, expected at most " +
           std::to_string(count));
  for (size_t i = 0; i < count; ++i) {
    const Parameter& parameter = macro.parameters[i];
    const auto named = std::find_if(args.named.begin(), args.named.end(),
                                    [&](const auto& arg) { return arg.first == parameter.name; });
    if (named != args.named.end() && i < args.positional.size())
      refuse("argument '" + parameter.name + "' is there twice");
    if (i < args.positional.size()) {
      scope_->set(parameter.name, args.positional[i]);
    } else if (named != args.named.end()) {
      scope_->set(parameter.name, named->second);
    } else if (parameter.fallback) {
      scope_->set(parameter.name, evaluate(*parameter.fallback));
    } else {
      scope_->set(parameter.name,
                  Run::undefined("parameter '" + parameter.name + "' was not provided"));
    }
  }
  std::vector<std::pair<Value, Value>> others;
  for (const auto& [name, value] : args.named) {
    const bool known = std::any_of(macro.parameters.begin(), macro.parameters.end(),
                                   [&](const Parameter& p) { return p.name == name; });
    if (known || name == "caller") continue;
    if (!macro.uses_kwargs) refuse("unknown argument '" + name + "'");
    others.emplace_back(run_->text(name), value);
  }
  if (macro.uses_varargs) scope_->set("varargs", run_->list(std::move(extra), List::Form::kTuple));
  if (macro.uses_kwargs) scope_->set("kwargs", run_->dict(std::move(others)));
}

Value Evaluator::call_macro(const Callable& callable, const Args& args, const Value* caller) {
  const Depth depth(*this);
  const auto written_in = callable.scope.lock();
  if (written_in == nullptr) run_->fail("macro " + callable.name + ": its scope is gone");
  const MacroNode& macro = *callable.macro;
  if (caller != nullptr && !macro.uses_caller)
    run_->fail("macro " + macro.name + " has no use for a caller");
  std::shared_ptr<Scope> outside = std::exchange(scope_, std::make_shared<Scope>(written_in.get()));
  run_->charge(sizeof(Scope));
  bind(macro, args);
  if (macro.uses_caller)
    scope_->set("caller", caller != nullptr ? *caller : Run::undefined("there is no caller"));
  const Text text = captured(macro.body);
  scope_ = std::move(outside);
  return Run::built(text);
}

}  // namespace charter::model::jinja
