#include "model/jinja/evaluator.hpp"

#include <algorithm>

#include "model/jinja/print.hpp"

namespace charter::model::jinja {

void Scope::set(const std::string& name, Value value) {
  for (auto& [known, old] : values_) {
    if (known == name) {
      old = std::move(value);
      return;
    }
  }
  values_.emplace_back(name, std::move(value));
}

const Value* Scope::find(const std::string& name) const {
  for (const auto& [known, value] : values_) {
    if (known == name) return &value;
  }
  return outer_ != nullptr ? outer_->find(name) : nullptr;
}

// A scope within the one that is open, until it is left.
class Evaluator::Inner {
 public:
  explicit Inner(Evaluator& evaluator) : Inner(evaluator, evaluator.scope_.get()) {}
  Inner(Evaluator& evaluator, Scope* outer) : evaluator_(&evaluator), before_(evaluator.scope_) {
    evaluator.run_->charge(sizeof(Scope));
    evaluator.scope_ = std::make_shared<Scope>(outer);
  }
  ~Inner() { evaluator_->scope_ = std::move(before_); }
  Inner(const Inner&) = delete;
  Inner& operator=(const Inner&) = delete;

 private:
  Evaluator* evaluator_;
  std::shared_ptr<Scope> before_;
};

Text Evaluator::render(const Body& body) {
  (void)execute(body);
  return out_.text();
}

Evaluator::Flow Evaluator::execute(const Body& body) {
  if (++depth_ > run_->limits().depth)
    run_->fail("deeper than " + std::to_string(run_->limits().depth) + " levels");
  Flow flow = Flow::kOn;
  for (const auto& statement : body) {
    flow = execute(*statement);
    if (flow != Flow::kOn) break;
  }
  --depth_;
  return flow;
}

Evaluator::Flow Evaluator::execute(const Stmt& statement) {
  run_->at(statement.line);
  run_->step();
  switch (statement.kind) {
    case Stmt::Kind::kText:
      out_.add(statement.text);
      break;
    case Stmt::Kind::kOutput:
      out_.add(to_text(*run_, evaluate(*statement.value)));
      break;
    case Stmt::Kind::kIf:
      return execute_if(statement);
    case Stmt::Kind::kFor:
      return execute_for(statement);
    case Stmt::Kind::kSet:
      execute_set(statement);
      break;
    case Stmt::Kind::kSetBlock:
      execute_set_block(statement);
      break;
    case Stmt::Kind::kMacro:
      define_macro(statement);
      break;
    case Stmt::Kind::kCallBlock:
      execute_call_block(statement);
      break;
    case Stmt::Kind::kFilter: {
      const Value text = run_->text(captured(statement.bodies[0]));
      out_.add(to_text(*run_, evaluate_filter(*statement.value, &text)));
      break;
    }
    case Stmt::Kind::kWith:
      execute_with(statement);
      break;
    case Stmt::Kind::kGeneration: {
      Text text = captured(statement.bodies[0]);
      text.marks.resize(text.size());
      for (char& mark : text.marks) mark = static_cast<char>(mark | kGeneration);
      out_.add(text);
      break;
    }
    case Stmt::Kind::kBreak:
      return Flow::kBreak;
    case Stmt::Kind::kContinue:
      return Flow::kContinue;
  }
  return Flow::kOn;
}

Evaluator::Flow Evaluator::execute_if(const Stmt& statement) {
  for (size_t i = 0; i < statement.conditions.size(); ++i) {
    if (truthy(evaluate(*statement.conditions[i]))) return execute(statement.bodies[i]);
  }
  const bool has_else = statement.bodies.size() > statement.conditions.size();
  return has_else ? execute(statement.bodies.back()) : Flow::kOn;
}

void Evaluator::assign(const Stmt& statement, const Value& value) {
  if (!statement.unpacks) {
    scope_->set(statement.targets[0], value);
    return;
  }
  const auto parts = run_->elements(value);
  if (parts.size() != statement.targets.size())
    run_->fail(std::to_string(parts.size()) + " values to unpack, expected " +
               std::to_string(statement.targets.size()));
  for (size_t i = 0; i < parts.size(); ++i) scope_->set(statement.targets[i], parts[i]);
}

// The elements to go through: those that hold the loop's own condition.
std::vector<Value> Evaluator::loop_values(const Stmt& statement) {
  std::vector<Value> values = run_->elements(evaluate(*statement.value));
  if (!statement.condition) return values;
  std::vector<Value> kept;
  for (const Value& value : values) {
    const Inner inner(*this);
    assign(statement, value);
    if (truthy(evaluate(*statement.condition))) kept.push_back(value);
  }
  return kept;
}

Evaluator::Flow Evaluator::execute_for(const Stmt& statement) {
  const std::vector<Value> values = loop_values(statement);
  if (values.empty()) {
    if (statement.bodies.size() < 2) return Flow::kOn;
    const Inner inner(*this);
    return execute(statement.bodies[1]);
  }
  for (size_t i = 0; i < values.size(); ++i) {
    run_->step();
    run_->charge(sizeof(Loop));
    const Inner inner(*this);
    auto loop = std::make_shared<Loop>(Loop{
        .index0 = static_cast<int64_t>(i),
        .length = static_cast<int64_t>(values.size()),
        .previous = i > 0 ? values[i - 1] : Run::undefined("there is no previous item"),
        .next = i + 1 < values.size() ? values[i + 1] : Run::undefined("there is no next item")});
    scope_->set("loop", std::shared_ptr<const Loop>(std::move(loop)));
    assign(statement, values[i]);
    if (execute(statement.bodies[0]) == Flow::kBreak) break;
  }
  return Flow::kOn;
}

void Evaluator::execute_set(const Stmt& statement) {
  const Value value = evaluate(*statement.value);
  run_->at(statement.line);
  if (statement.attribute.empty()) {
    assign(statement, value);
    return;
  }
  const Value* target = scope_->find(statement.targets[0]);
  const auto* space = target != nullptr ? as<Namespace*>(*target) : nullptr;
  if (space == nullptr) run_->fail("'" + statement.targets[0] + "' is no namespace");
  if (statement.attribute.starts_with('_'))
    run_->fail("namespace: attribute '" + statement.attribute + "' is unsafe");
  for (auto& [name, old] : (*space)->attributes) {
    if (name == statement.attribute) {
      old = value;
      return;
    }
  }
  run_->charge(sizeof(Value) + statement.attribute.size());
  (*space)->attributes.emplace_back(statement.attribute, value);
}

Text Evaluator::captured(const Body& body) {
  Builder outside = std::exchange(out_, Builder(*run_));
  {
    const Inner inner(*this);
    (void)execute(body);
  }
  std::swap(outside, out_);
  return outside.text();
}

void Evaluator::execute_set_block(const Stmt& statement) {
  Value value = run_->text(captured(statement.bodies[0]));
  if (statement.value) value = evaluate_filter(*statement.value, &value);
  if (statement.attribute.empty()) {
    scope_->set(statement.targets[0], value);
    return;
  }
  run_->fail("a set block of an attribute is not supported");
}

void Evaluator::execute_with(const Stmt& statement) {
  // The values are evaluated outside: none sees another's name.
  const std::vector<Value> values = evaluate_all(statement.conditions);
  const Inner inner(*this);
  for (size_t i = 0; i < values.size(); ++i) scope_->set(statement.targets[i], values[i]);
  (void)execute(statement.bodies[0]);
}

void Evaluator::define_macro(const Stmt& statement) {
  run_->charge(sizeof(Callable));
  scope_->set(statement.macro->name,
              std::make_shared<const Callable>(Callable{
                  .name = statement.macro->name, .macro = statement.macro.get(), .scope = scope_}));
}

void Evaluator::execute_call_block(const Stmt& statement) {
  const Value caller = std::make_shared<const Callable>(
      Callable{.name = "caller", .macro = statement.macro.get(), .scope = scope_});
  out_.add(to_text(*run_, evaluate_call(*statement.value, &caller)));
}

}  // namespace charter::model::jinja
