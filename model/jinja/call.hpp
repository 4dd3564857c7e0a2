// Calls: arguments as they are passed, bound to the names that a filter, test, method or function
// has for them.
#pragma once
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/jinja/ast.hpp"
#include "model/jinja/run.hpp"

namespace charter::model::jinja {

struct Args {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;
};

class Scope;

// What can be called: a method of a value, a function of the template language, a macro.
struct Callable {
  std::string name;
  Value self = None{};               // of a method
  const MacroNode* macro = nullptr;  // a macro, with the scope that it was written in
  std::weak_ptr<Scope> scope = {};
};

class Bound {
 public:
  // what: for messages, "filter join". Refuses too many arguments and unknown names.
  Bound(Run& run, std::string what, const Args& args,
        std::initializer_list<std::string_view> names);

  // Null where it was not given.
  [[nodiscard]] const Value* get(size_t i) const { return values_[i]; }
  [[nodiscard]] const Value& need(size_t i) const;
  [[nodiscard]] bool flag(size_t i, bool fallback) const;
  [[nodiscard]] int64_t integer(size_t i, int64_t fallback) const;
  [[nodiscard]] const Text& text(size_t i) const;
  // None counts as not given.
  [[nodiscard]] const Text* optional_text(size_t i) const;
  [[noreturn]] void fail(const std::string& why) const { run_->fail(what_ + ": " + why); }

 private:
  Run* run_;
  std::string what_;
  std::vector<std::string_view> names_;
  std::vector<const Value*> values_;
};

}  // namespace charter::model::jinja
