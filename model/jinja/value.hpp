// Values of a template: Python's, as far as chat templates meet them.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "model/jinja/text.hpp"

namespace charter::model::jinja {

struct List;
struct Dict;
struct Iterator;
struct Namespace;
struct Callable;
struct Loop;

// A name, attribute or item that is not there: prints as nothing, and any other use is an error
// with this reason.
struct Undefined {
  std::shared_ptr<const std::string> why;
};
struct None {};

using TextPtr = std::shared_ptr<const Text>;
using ListPtr = std::shared_ptr<const List>;
using DictPtr = std::shared_ptr<const Dict>;
using CallablePtr = std::shared_ptr<const Callable>;
using Value =
    std::variant<Undefined, None, bool, int64_t, double, TextPtr, ListPtr, DictPtr,
                 std::shared_ptr<Iterator>, Namespace*, CallablePtr, std::shared_ptr<const Loop>>;

// What Python has as a sequence with a length.
struct List {
  enum class Form { kList, kTuple, kRange, kKeys, kValues, kItems };
  Form form = Form::kList;
  std::vector<Value> items;
  int depth = 1;       // of lists and dicts within each other
  int64_t weight = 1;  // see weight_of
};

// In the order of insertion; keys are texts, numbers, booleans, None or tuples.
struct Dict {
  std::vector<std::pair<Value, Value>> items;
  int depth = 1;
  int64_t weight = 1;
};

// What a filter such as `map` gives: read once, without a length.
struct Iterator {
  std::vector<Value> items;
  size_t next = 0;
};

// Owned by the rendering, so that one may hold itself.
struct Namespace {
  std::vector<std::pair<std::string, Value>> attributes;
};

// The `loop` of a for.
struct Loop {
  int64_t index0 = 0, length = 0;
  Value previous, next;  // Undefined at either end
};

template <class T>
const T* as(const Value& value) {
  return std::get_if<T>(&value);
}
[[nodiscard]] inline const Text* as_text(const Value& value) {
  const auto* text = as<TextPtr>(value);
  return text != nullptr ? text->get() : nullptr;
}
[[nodiscard]] inline const List* as_list(const Value& value) {
  const auto* list = as<ListPtr>(value);
  return list != nullptr ? list->get() : nullptr;
}
[[nodiscard]] inline const Dict* as_dict(const Value& value) {
  const auto* dict = as<DictPtr>(value);
  return dict != nullptr ? dict->get() : nullptr;
}
[[nodiscard]] inline bool is_undefined(const Value& value) { return as<Undefined>(value); }
[[nodiscard]] inline bool is_none(const Value& value) { return as<None>(value); }
// An integer, which a boolean is too.
[[nodiscard]] bool as_integer(const Value& value, int64_t& out);
// An integer or a float.
[[nodiscard]] bool as_number(const Value& value, double& out);

[[nodiscard]] bool truthy(const Value& value);
// The steps that a comparison with the value takes at most. A list may hold another twice, and so
// on: its weight counts all of them, where its memory does not.
[[nodiscard]] int64_t weight_of(const Value& value);
// "str", "int", "NoneType", ...: Python's names of types, for messages.
[[nodiscard]] std::string_view type_name(const Value& value);
// Python's ==. Lists and dicts element by element.
[[nodiscard]] bool equal(const Value& a, const Value& b);
// Python's < where it has one: false in `ordered` where it raises.
[[nodiscard]] bool less(const Value& a, const Value& b, bool& ordered);

[[nodiscard]] const Value* lookup(const Dict& dict, const Value& key);
[[nodiscard]] const Value* lookup(const Dict& dict, std::string_view key);

}  // namespace charter::model::jinja
