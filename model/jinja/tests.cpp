// Tests.
#include <algorithm>

#include "model/jinja/filters.hpp"
#include "model/jinja/operators.hpp"
#include "model/jinja/print.hpp"
#include "model/utf8.hpp"

namespace charter::model::jinja {
namespace {

using Check = bool (*)(Run& run, const Value& value);

bool is_iterable(Run&, const Value& value) {
  return is_undefined(value) || as_text(value) || as_list(value) || as_dict(value) ||
         as<std::shared_ptr<Iterator>>(value) || as<std::shared_ptr<const Loop>>(value);
}

// What has a length and items; of an undefined value both are there, and fail when they are used.
bool is_sequence(Run&, const Value& value) {
  const List* list = as_list(value);
  if (list != nullptr)
    return list->form == List::Form::kList || list->form == List::Form::kTuple ||
           list->form == List::Form::kRange;
  return is_undefined(value) || as_text(value) || as_dict(value);
}

bool is_number(Run&, const Value& value) {
  double number = 0;
  return as_number(value, number);
}

bool cased(Run& run, const Value& value, bool upper) {
  const Text text = to_text(run, value);
  bool any = false;
  for (size_t i = 0; i < text.size();) {
    const Utf8Step step = utf8_step(std::string_view(text.bytes).substr(i));
    i += step.bytes;
    const bool is_upper = is_class(step.code, Class::kUpper);
    const bool is_lower = is_class(step.code, Class::kLower);
    if (upper ? is_lower : is_upper) return false;
    any = any || is_upper || is_lower;
  }
  return any;
}

struct Row {
  std::string_view name;
  Check check;
};

constexpr Row kChecks[] = {
    {"defined", [](Run&, const Value& v) { return !is_undefined(v); }},
    {"undefined", [](Run&, const Value& v) { return is_undefined(v); }},
    {"none", [](Run&, const Value& v) { return is_none(v); }},
    {"boolean", [](Run&, const Value& v) { return as<bool>(v) != nullptr; }},
    {"true", [](Run&, const Value& v) { return as<bool>(v) != nullptr && *as<bool>(v); }},
    {"false", [](Run&, const Value& v) { return as<bool>(v) != nullptr && !*as<bool>(v); }},
    {"integer", [](Run&, const Value& v) { return as<int64_t>(v) != nullptr; }},
    {"float", [](Run&, const Value& v) { return as<double>(v) != nullptr; }},
    {"number", is_number},
    {"string", [](Run&, const Value& v) { return as_text(v) != nullptr; }},
    {"mapping", [](Run&, const Value& v) { return as_dict(v) != nullptr; }},
    {"iterable", is_iterable},
    {"sequence", is_sequence},
    {"callable", [](Run&, const Value& v) { return as<CallablePtr>(v) != nullptr; }},
    {"escaped", [](Run&, const Value& v) { return as_text(v) != nullptr && as_text(v)->markup; }},
    {"upper", [](Run& run, const Value& v) { return cased(run, v, true); }},
    {"lower", [](Run& run, const Value& v) { return cased(run, v, false); }},
    {"odd",
     [](Run& run, const Value& v) { return equal(binary(run, "%", v, int64_t{2}), int64_t{1}); }},
    {"even",
     [](Run& run, const Value& v) { return equal(binary(run, "%", v, int64_t{2}), int64_t{0}); }},
};

// Tests that compare with an argument, and their operators.
constexpr std::pair<std::string_view, std::string_view> kComparisons[] = {
    {"eq", "=="}, {"equalto", "=="}, {"==", "=="},      {"ne", "!="},
    {"!=", "!="}, {"lt", "<"},       {"lessthan", "<"}, {"<", "<"},
    {"le", "<="}, {"<=", "<="},      {"gt", ">"},       {"greaterthan", ">"},
    {">", ">"},   {"ge", ">="},      {">=", ">="},      {"in", "in"}};

bool is_same(const Value& a, const Value& b) {
  if (a.index() != b.index()) return false;
  if (as_list(a) != nullptr) return as_list(a) == as_list(b);
  if (as_dict(a) != nullptr) return as_dict(a) == as_dict(b);
  return equal(a, b);
}

}  // namespace

bool apply_test(Run& run, const std::string& name, const Value& value, const Args& args) {
  run.step();
  const std::string what = "test " + name;
  for (const Row& row : kChecks) {
    if (row.name != name) continue;
    const Bound none(run, what, args, {});
    return row.check(run, value);
  }
  for (const auto& [test, sign] : kComparisons) {
    if (test == name) return compare(run, sign, value, Bound(run, what, args, {"other"}).need(0));
  }
  if (name == "divisibleby") {
    const Bound bound(run, what, args, {"num"});
    return equal(binary(run, "%", value, bound.need(0)), int64_t{0});
  }
  if (name == "sameas") {
    const Bound bound(run, what, args, {"other"});
    run.step_compare(value, bound.need(0));
    return is_same(value, bound.need(0));
  }
  run.fail("test '" + name + "' is not supported");
}

}  // namespace charter::model::jinja
