// The functions of the template language.
#include <ctime>

#include "model/jinja/evaluator.hpp"
#include "model/jinja/operators.hpp"
#include "model/jinja/print.hpp"

namespace charter::model::jinja {
namespace {

// jinja2's sandbox has the same limit.
constexpr int64_t kLongestRange = 100'000;

Value range(Run& run, const Args& args) {
  const Bound bound(run, "range", args, {"start", "stop", "step"});
  const bool one = args.positional.size() == 1;
  const int64_t start = one ? 0 : bound.integer(0, 0);
  const int64_t stop = bound.integer(one ? 0 : 1, 0), step = bound.integer(2, 1);
  if (args.positional.empty()) bound.fail("argument 'stop' is missing");
  if (step == 0) bound.fail("argument 'step' is zero");
  std::vector<Value> items;
  for (int64_t i = start; step > 0 ? i < stop : i > stop;) {
    if (static_cast<int64_t>(items.size()) == kLongestRange)
      bound.fail("more than " + std::to_string(kLongestRange) + " numbers");
    items.emplace_back(i);
    if (__builtin_add_overflow(i, step, &i)) break;
  }
  run.step(static_cast<int64_t>(items.size()));
  return run.list(std::move(items), List::Form::kRange);
}

// A mapping, or pairs; then the named arguments.
std::vector<std::pair<Value, Value>> items_of(Run& run, const std::string& what, const Args& args) {
  std::vector<std::pair<Value, Value>> items;
  if (args.positional.size() > 1) run.fail(what + ": more than one argument");
  if (!args.positional.empty()) {
    const Value& from = args.positional[0];
    if (const Dict* dict = as_dict(from)) {
      items = dict->items;
    } else {
      for (const Value& pair : run.elements(from)) {
        const auto both = run.elements(pair);
        if (both.size() != 2) run.fail(what + ": expected pairs");
        items.emplace_back(both[0], both[1]);
      }
    }
  }
  for (const auto& [name, value] : args.named) items.emplace_back(run.text(name), value);
  return items;
}

Value dict(Run& run, const Args& args) { return run.dict(items_of(run, "dict", args)); }

Value make_namespace(Run& run, const Args& args) {
  run.charge(sizeof(Namespace));
  Namespace* space = run.make_namespace();
  const Value all = run.dict(items_of(run, "namespace", args));
  for (const auto& [key, value] : as_dict(all)->items) {
    const Text* name = as_text(key);
    if (name == nullptr) run.refuse(key, "as an attribute of a namespace");
    if (name->bytes.starts_with('_'))
      run.fail("namespace: attribute '" + name->bytes + "' is unsafe");
    space->attributes.emplace_back(name->bytes, value);
  }
  return space;
}

Value raise_exception(Run& run, const Args& args) {
  const Bound bound(run, "raise_exception", args, {"message"});
  run.fail("raises \"" + to_text(run, bound.need(0)).bytes + "\"");
}

Value strftime_now(Run& run, const Args& args) {
  const Bound bound(run, "strftime_now", args, {"format"});
  const std::string format = bound.text(0).bytes;
  if (format.size() > 200) bound.fail("a format of more than 200 bytes");
  // Behind a mark, since an empty result is an error of strftime.
  char text[4096];
  const size_t size = std::strftime(text, sizeof(text), ("." + format).c_str(), run.now());
  if (size == 0) bound.fail("a time of more than 4096 bytes");
  return run.text(std::string_view(text + 1, size - 1));
}

}  // namespace

Function function_of(const std::string& name) {
  if (name == "range") return range;
  if (name == "dict") return dict;
  if (name == "namespace") return make_namespace;
  if (name == "raise_exception") return raise_exception;
  if (name == "strftime_now") return strftime_now;
  return nullptr;
}

}  // namespace charter::model::jinja
