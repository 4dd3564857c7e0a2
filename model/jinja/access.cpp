// Attributes, items and slices.
#include <algorithm>

#include "model/jinja/call.hpp"
#include "model/jinja/methods.hpp"
#include "model/jinja/operators.hpp"
#include "model/jinja/print.hpp"

namespace charter::model::jinja {
namespace {

Value loop_attribute(Run& run, const Loop& loop, const std::string& name) {
  if (name == "index") return loop.index0 + 1;
  if (name == "index0") return loop.index0;
  if (name == "revindex") return loop.length - loop.index0;
  if (name == "revindex0") return loop.length - loop.index0 - 1;
  if (name == "first") return loop.index0 == 0;
  if (name == "last") return loop.index0 + 1 == loop.length;
  if (name == "length") return loop.length;
  if (name == "depth") return int64_t{1};  // more only in a recursive loop
  if (name == "depth0") return int64_t{0};
  if (name == "previtem") return loop.previous;
  if (name == "nextitem") return loop.next;
  run.fail("loop." + name + " is not supported");
}

Value missing(Run& run, const Value& object, const Value& key) {
  const Text* name = as_text(key);
  std::string shown = name != nullptr ? name->bytes : std::string(type_name(key));
  int64_t index = 0;
  if (as_integer(key, index)) shown = std::to_string(index);
  run.charge(shown.size());
  return Run::undefined("a " + std::string(type_name(object)) + " without '" + shown + "'");
}

const Value* namespace_attribute(const Namespace& space, std::string_view name) {
  for (const auto& [key, value] : space.attributes) {
    if (key == name) return &value;
  }
  return nullptr;
}

// The method of that name, if the type has it.
bool method(Run& run, const Value& object, const std::string& name, Value& out) {
  switch (method_of(object, name)) {
    case Method::kNone:
      return false;
    case Method::kSupported:
      run.charge(sizeof(Callable));
      out = std::make_shared<const Callable>(Callable{.name = name, .self = object});
      return true;
    case Method::kChanges:  // the sandbox has it undefined
      out = Run::undefined(std::string(type_name(object)) + "." + name +
                           " changes the object: unsafe");
      return true;
    case Method::kUnsupported:
      run.fail(std::string(type_name(object)) + "." + name + " is not supported");
  }
  return false;
}

// An element by its place, from the end if it is negative.
template <class Items>
const Value* element(const Items& items, int64_t index) {
  const auto size = static_cast<int64_t>(items.size());
  if (index < 0) index += size;
  return index >= 0 && index < size ? &items[static_cast<size_t>(index)] : nullptr;
}

bool indexable(const List& list) {
  return list.form == List::Form::kList || list.form == List::Form::kTuple ||
         list.form == List::Form::kRange;
}

// The value at the key, without regard to methods.
bool subscript(Run& run, const Value& object, const Value& key, Value& out) {
  if (const Dict* dict = as_dict(object)) {
    run.step_compare(key, dict->items.size() / 16);
    const Value* value = lookup(*dict, key);
    if (value != nullptr) out = *value;
    return value != nullptr;
  }
  int64_t index = 0;
  if (!as_integer(key, index)) return false;
  if (const List* list = as_list(object); list != nullptr && indexable(*list)) {
    const Value* value = element(list->items, index);
    if (value != nullptr) out = *value;
    return value != nullptr;
  }
  const Text* text = as_text(object);
  if (text == nullptr) return false;
  run.step(static_cast<int64_t>(text->size() / 64));
  const auto offsets = offsets_of(text->bytes);
  const auto size = static_cast<int64_t>(offsets.size()) - 1;
  if (index < 0) index += size;
  if (index < 0 || index >= size) return false;
  const auto at = static_cast<size_t>(index);
  out = run.text(cut(*text, offsets[at], offsets[at + 1]));
  return true;
}

struct Range {
  int64_t start, step, count;
};

// As PySlice_AdjustIndices.
Range range_of(Run& run, int64_t size, const Value& start, const Value& stop, const Value& step) {
  const auto bound = [&](const Value& value, int64_t fallback) {
    int64_t out = fallback;
    if (!is_none(value) && !as_integer(value, out))
      run.refuse(value, "as a slice's bound: expected an integer");
    return out;
  };
  const int64_t by = bound(step, 1);
  if (by == 0) run.fail("a slice's step is zero");
  const int64_t low = by < 0 ? -1 : 0, high = by < 0 ? size - 1 : size;
  const auto place = [&](const Value& value, int64_t fallback) {
    if (is_none(value)) return fallback;
    int64_t at = bound(value, 0);
    if (at < 0) at = at < -size ? low : at + size;
    return std::clamp(at, low, high);
  };
  const int64_t from = place(start, by < 0 ? high : low), to = place(stop, by < 0 ? low : high);
  int64_t count = 0;
  if (by < 0 && to < from) count = (from - to - 1) / (by == INT64_MIN ? INT64_MAX : -by) + 1;
  if (by > 0 && from < to) count = (to - from - 1) / by + 1;
  return {from, by, count};
}

}  // namespace

Value attribute(Run& run, const Value& object, const std::string& name) {
  if (is_undefined(object)) run.refuse(object, "its attribute '" + name + "'");
  if (name.starts_with("__")) return Run::undefined("attribute '" + name + "' is unsafe");
  if (const auto* loop = as<std::shared_ptr<const Loop>>(object)) {
    if (name == "cycle") {
      run.charge(sizeof(Callable));
      return std::make_shared<const Callable>(Callable{.name = name, .self = object});
    }
    return loop_attribute(run, **loop, name);
  }
  if (const auto* space = as<Namespace*>(object)) {
    const Value* value = namespace_attribute(**space, name);
    return value != nullptr ? *value : missing(run, object, run.text(name));
  }
  Value out;
  if (method(run, object, name, out)) return out;
  if (const Dict* dict = as_dict(object)) {
    run.step(static_cast<int64_t>(dict->items.size() / 16));
    if (const Value* value = lookup(*dict, name)) return *value;
  }
  return missing(run, object, run.text(name));
}

Value item(Run& run, const Value& object, const Value& key) {
  if (is_undefined(object)) run.refuse(object, "an item of it");
  if (is_undefined(key) && as_dict(object) == nullptr) return missing(run, object, key);
  Value out;
  if (subscript(run, object, key, out)) return out;
  const Text* name = as_text(key);
  if (name != nullptr && as<Namespace*>(object)) return attribute(run, object, name->bytes);
  if (name != nullptr && method(run, object, name->bytes, out)) return out;
  return missing(run, object, key);
}

Value slice(Run& run, const Value& object, const Value& start, const Value& stop,
            const Value& step) {
  if (const Text* text = as_text(object)) {
    run.step(static_cast<int64_t>(text->size() / 64));
    const auto offsets = offsets_of(text->bytes);
    const Range range = range_of(run, static_cast<int64_t>(offsets.size()) - 1, start, stop, step);
    Builder out(run);
    if (range.step == 1 && range.count > 0) {
      const auto from = static_cast<size_t>(range.start);
      return out.add(cut(*text, offsets[from], offsets[from + static_cast<size_t>(range.count)]))
          .value();
    }
    run.step(range.count);
    for (int64_t i = 0; i < range.count; ++i) {
      const auto at = static_cast<size_t>(range.start + i * range.step);
      out.add(cut(*text, offsets[at], offsets[at + 1]));
    }
    return out.value();
  }
  const List* list = as_list(object);
  if (list == nullptr || !indexable(*list)) {
    if (is_undefined(object)) run.refuse(object, "a slice of it");
    return Run::undefined("a " + std::string(type_name(object)) + " without slices");
  }
  const Range range = range_of(run, static_cast<int64_t>(list->items.size()), start, stop, step);
  run.step(range.count);
  std::vector<Value> items;
  for (int64_t i = 0; i < range.count; ++i)
    items.push_back(list->items[static_cast<size_t>(range.start + i * range.step)]);
  return run.list(std::move(items), list->form);
}

}  // namespace charter::model::jinja
