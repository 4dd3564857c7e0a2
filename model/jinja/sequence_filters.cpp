// Filters of sequences.
#include <algorithm>
#include <charconv>

#include "model/jinja/filters.hpp"
#include "model/jinja/methods.hpp"
#include "model/jinja/operators.hpp"
#include "model/jinja/print.hpp"

namespace charter::model::jinja {
namespace {

using Values = std::vector<Value>;

// "a.b.0" of a value, as jinja2's make_attrgetter: items, step by step.
Value part_of(Run& run, Value value, const Value& path) {
  const Text* text = as_text(path);
  if (text == nullptr) return item(run, value, path);
  const std::string dot = ".";
  for (const Text& name : split(*text, &dot, -1)) {
    int64_t index = 0;
    const char *begin = name.bytes.data(), *end = begin + name.size();
    const auto result = std::from_chars(begin, end, index);
    const bool digits = !name.bytes.empty() && result.ptr == end && name.bytes[0] != '-';
    value = item(run, value, digits ? Value(index) : run.text(name));
  }
  return value;
}

// What sort, min, max, unique and dictsort compare: texts without regard to case.
Value folded(Run& run, const Value& value, bool case_sensitive) {
  const Text* text = as_text(value);
  return text != nullptr && !case_sensitive ? run.text(with_case(*text, Case::kLower)) : value;
}

// The values in the order of their keys; equal ones keep theirs.
Values sorted(Run& run, const Values& values, const Values& keys, bool reverse) {
  std::vector<size_t> order(values.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    run.step();
    return reverse ? is_less(run, keys[b], keys[a]) : is_less(run, keys[a], keys[b]);
  });
  Values out;
  for (const size_t i : order) out.push_back(values[i]);
  return out;
}

Value sort(Run& run, const Value& value, const Args& args) {
  const Bound bound(run, "filter sort", args, {"reverse", "case_sensitive", "attribute"});
  const Values values = run.elements(value);
  Values keys;
  for (const Value& element : values) {
    const bool whole = bound.get(2) == nullptr || is_none(*bound.get(2));
    keys.push_back(
        folded(run, whole ? element : part_of(run, element, *bound.get(2)), bound.flag(1, false)));
  }
  return run.list(sorted(run, values, keys, bound.flag(0, false)));
}

Value dictsort(Run& run, const Value& value, const Args& args) {
  const Bound bound(run, "filter dictsort", args, {"case_sensitive", "by", "reverse"});
  const Dict* dict = as_dict(value);
  if (dict == nullptr) run.refuse(value, "has no items");
  const std::string by = bound.get(1) != nullptr ? bound.text(1).bytes : "key";
  if (by != "key" && by != "value") bound.fail("argument 'by': expected key or value");
  Values items, keys;
  for (const auto& [key, of] : dict->items) {
    items.push_back(run.list({key, of}, List::Form::kTuple));
    keys.push_back(folded(run, by == "key" ? key : of, bound.flag(0, false)));
  }
  return run.list(sorted(run, items, keys, bound.flag(2, false)));
}

Value extreme(Run& run, const std::string& name, const Value& value, const Args& args) {
  const Bound bound(run, "filter " + name, args, {"case_sensitive", "attribute"});
  const Values values = run.elements(value);
  if (values.empty()) return Run::undefined("filter " + name + ": the sequence is empty");
  size_t best = 0;
  Values keys;
  for (const Value& element : values) {
    keys.push_back(folded(run,
                          bound.get(1) != nullptr ? part_of(run, element, *bound.get(1)) : element,
                          bound.flag(0, false)));
    const size_t i = keys.size() - 1;
    const bool better =
        name == "min" ? is_less(run, keys[i], keys[best]) : is_less(run, keys[best], keys[i]);
    if (better) best = i;
  }
  return values[best];
}

Value unique(Run& run, const Value& value, const Args& args) {
  const Bound bound(run, "filter unique", args, {"case_sensitive", "attribute"});
  Values out, seen;
  for (const Value& element : run.elements(value)) {
    const Value key =
        folded(run, bound.get(1) != nullptr ? part_of(run, element, *bound.get(1)) : element,
               bound.flag(0, false));
    run.step_compare(key, seen.size());
    if (std::any_of(seen.begin(), seen.end(), [&](const Value& s) { return equal(s, key); }))
      continue;
    seen.push_back(key);
    out.push_back(element);
  }
  return run.iterator(std::move(out));
}

// What map and select go through: nothing of None or of what is false in another way.
Values elements_if_any(Run& run, const Value& value) {
  return truthy(value) ? run.elements(value) : Values{};
}

Value map(Run& run, const Value& value, const Args& args) {
  Values out;
  if (args.positional.empty()) {
    const Bound bound(run, "filter map", args, {"attribute", "default"});
    for (const Value& element : elements_if_any(run, value)) {
      Value part = part_of(run, element, bound.need(0));
      out.push_back(is_undefined(part) && bound.get(1) != nullptr ? *bound.get(1) : part);
    }
    return run.iterator(std::move(out));
  }
  const Text* name = as_text(args.positional[0]);
  if (name == nullptr) run.refuse(args.positional[0], "as a filter's name");
  const Args rest{.positional = {args.positional.begin() + 1, args.positional.end()},
                  .named = args.named};
  for (const Value& element : elements_if_any(run, value)) {
    run.step();
    out.push_back(apply_filter(run, name->bytes, element, rest));
  }
  return run.iterator(std::move(out));
}

// select, reject, selectattr and rejectattr: [attribute,] [test, arguments...].
Value selected(Run& run, const std::string& name, const Value& value, const Args& args) {
  const bool by_attribute = name.ends_with("attr"), keep = name.starts_with("select");
  const size_t test = by_attribute ? 1 : 0;
  if (args.positional.size() < test) run.fail("filter " + name + ": the attribute is missing");
  const bool tested = args.positional.size() > test;
  const Text* test_name = tested ? as_text(args.positional[test]) : nullptr;
  if (tested && test_name == nullptr) run.refuse(args.positional[test], "as a test's name");
  Args rest{.positional = {}, .named = args.named};
  for (size_t i = test + 1; i < args.positional.size(); ++i)
    rest.positional.push_back(args.positional[i]);
  Values out;
  for (const Value& element : elements_if_any(run, value)) {
    const Value of = by_attribute ? part_of(run, element, args.positional[0]) : element;
    const bool holds = tested ? apply_test(run, test_name->bytes, of, rest) : truthy(of);
    if (holds == keep) out.push_back(element);
  }
  return run.iterator(std::move(out));
}

Value join(Run& run, const Value& value, const Args& args) {
  const Bound bound(run, "filter join", args, {"d", "attribute"});
  Values parts = run.elements(value);
  if (bound.get(1) != nullptr && !is_none(*bound.get(1))) {
    for (Value& part : parts) part = part_of(run, part, *bound.get(1));
  }
  return joined(run, bound.get(0) != nullptr ? to_text(run, *bound.get(0)) : Text{}, parts);
}

Value length(Run& run, const Value& value) {
  if (const Text* text = as_text(value)) return static_cast<int64_t>(length_of(text->bytes));
  if (const List* list = as_list(value)) return static_cast<int64_t>(list->items.size());
  if (const Dict* dict = as_dict(value)) return static_cast<int64_t>(dict->items.size());
  if (!is_undefined(value)) run.refuse(value, "has no length");
  return int64_t{0};
}

// An iterator gives its first, and keeps the others.
Value first(Run& run, const Value& value) {
  if (const auto* iterator = as<std::shared_ptr<Iterator>>(value)) {
    Iterator& left = **iterator;
    if (left.next < left.items.size()) return left.items[left.next++];
  }
  const Values values = run.elements(value);
  return values.empty() ? Run::undefined("filter first: the sequence is empty") : values[0];
}

Value last(Run& run, const Value& value) {
  if (as<std::shared_ptr<Iterator>>(value)) run.refuse(value, "is not reversible");
  const Values values = run.elements(value);
  return values.empty() ? Run::undefined("filter last: the sequence is empty") : values.back();
}

Value reverse(Run& run, const Value& value) {
  Values values = run.elements(value);
  std::reverse(values.begin(), values.end());
  if (as_text(value) != nullptr) return joined(run, {}, values);
  return run.iterator(std::move(values));
}

Value items(Run& run, const Value& value) {
  Values out;
  const Dict* dict = as_dict(value);
  if (dict == nullptr && !is_undefined(value)) run.refuse(value, "has no items");
  if (dict != nullptr) {
    for (const auto& [key, of] : dict->items)
      out.push_back(run.list({key, of}, List::Form::kTuple));
  }
  return run.iterator(std::move(out));
}

Value batch(Run& run, const Value& value, const Args& args) {
  const Bound bound(run, "filter batch", args, {"linecount", "fill_with"});
  const int64_t size = bound.integer(0, 0);
  if (size < 1) bound.fail("argument 'linecount': expected 1 or more");
  Values out, line;
  for (const Value& element : run.elements(value)) {
    if (static_cast<int64_t>(line.size()) == size) out.push_back(run.list(std::exchange(line, {})));
    line.push_back(element);
  }
  if (!line.empty()) {
    while (bound.get(1) != nullptr && !is_none(*bound.get(1)) &&
           static_cast<int64_t>(line.size()) < size) {
      run.step();
      run.charge(sizeof(Value));
      line.push_back(*bound.get(1));
    }
    out.push_back(run.list(std::move(line)));
  }
  return run.iterator(std::move(out));
}

Value sum(Run& run, const Value& value, const Args& args) {
  const Bound bound(run, "filter sum", args, {"attribute", "start"});
  Value out = bound.get(1) != nullptr ? *bound.get(1) : Value(int64_t{0});
  const bool whole = bound.get(0) == nullptr || is_none(*bound.get(0));
  for (const Value& element : run.elements(value))
    out = binary(run, "+", out, whole ? element : part_of(run, element, *bound.get(0)));
  return out;
}

}  // namespace

bool apply_sequence_filter(Run& run, const std::string& name, const Value& value, const Args& args,
                           Value& out) {
  if (name == "join") return out = join(run, value, args), true;
  if (name == "map") return out = map(run, value, args), true;
  if (name == "select" || name == "reject" || name == "selectattr" || name == "rejectattr")
    return out = selected(run, name, value, args), true;
  if (name == "sort") return out = sort(run, value, args), true;
  if (name == "dictsort") return out = dictsort(run, value, args), true;
  if (name == "min" || name == "max") return out = extreme(run, name, value, args), true;
  if (name == "unique") return out = unique(run, value, args), true;
  if (name == "batch") return out = batch(run, value, args), true;
  if (name == "sum") return out = sum(run, value, args), true;
  constexpr std::string_view kPlain[] = {"length", "count",   "first", "last",
                                         "list",   "reverse", "items"};
  if (std::find(std::begin(kPlain), std::end(kPlain), name) == std::end(kPlain)) return false;
  const Bound none(run, "filter " + name, args, {});
  if (name == "length" || name == "count") out = length(run, value);
  if (name == "first") out = first(run, value);
  if (name == "last") out = last(run, value);
  if (name == "list") out = run.list(run.elements(value));
  if (name == "reverse") out = reverse(run, value);
  if (name == "items") out = items(run, value);
  return true;
}

}  // namespace charter::model::jinja
