#include "model/jinja/value.hpp"

#include <algorithm>

namespace charter::model::jinja {
namespace {

bool same_sequence(const List& a, const List& b) {
  return std::equal(a.items.begin(), a.items.end(), b.items.begin(), b.items.end(), equal);
}

bool same_dict(const Dict& a, const Dict& b) {
  if (a.items.size() != b.items.size()) return false;
  return std::all_of(a.items.begin(), a.items.end(), [&](const auto& item) {
    const Value* other = lookup(b, item.first);
    return other != nullptr && equal(item.second, *other);
  });
}

// An integer beyond 2^53 is not its own double.
bool same_number(const Value& a, const Value& b, bool& both) {
  int64_t i = 0, j = 0;
  if (as_integer(a, i) && as_integer(b, j)) {
    both = true;
    return i == j;
  }
  double x = 0, y = 0;
  both = as_number(a, x) && as_number(b, y);
  return both && x == y;
}

}  // namespace

bool as_integer(const Value& value, int64_t& out) {
  if (const auto* flag = as<bool>(value)) {
    out = *flag ? 1 : 0;
    return true;
  }
  const auto* integer = as<int64_t>(value);
  if (integer != nullptr) out = *integer;
  return integer != nullptr;
}

bool as_number(const Value& value, double& out) {
  int64_t integer = 0;
  if (as_integer(value, integer)) {
    out = static_cast<double>(integer);
    return true;
  }
  const auto* real = as<double>(value);
  if (real != nullptr) out = *real;
  return real != nullptr;
}

bool truthy(const Value& value) {
  double number = 0;
  if (as_number(value, number)) return number != 0;
  if (is_undefined(value) || is_none(value)) return false;
  if (const Text* text = as_text(value)) return !text->bytes.empty();
  if (const List* list = as_list(value)) return !list->items.empty();
  if (const Dict* dict = as_dict(value)) return !dict->items.empty();
  return true;
}

int64_t weight_of(const Value& value) {
  if (const Text* text = as_text(value)) return 1 + static_cast<int64_t>(text->size() / 64);
  if (const List* list = as_list(value)) return list->weight;
  const Dict* dict = as_dict(value);
  return dict != nullptr ? dict->weight : 1;
}

std::string_view type_name(const Value& value) {
  constexpr std::string_view kNames[] = {"undefined", "NoneType",  "bool",     "int",
                                         "float",     "str",       "list",     "dict",
                                         "generator", "Namespace", "function", "LoopContext"};
  const List* list = as_list(value);
  if (list == nullptr) return kNames[value.index()];
  switch (list->form) {
    case List::Form::kTuple:
      return "tuple";
    case List::Form::kRange:
      return "range";
    case List::Form::kKeys:
      return "dict_keys";
    case List::Form::kValues:
      return "dict_values";
    case List::Form::kItems:
      return "dict_items";
    case List::Form::kList:
      break;
  }
  return "list";
}

bool equal(const Value& a, const Value& b) {
  bool numbers = false;
  const bool same = same_number(a, b, numbers);
  if (numbers) return same;
  if (a.index() != b.index()) return false;
  if (is_undefined(a) || is_none(a)) return true;
  if (const Text* text = as_text(a)) return text->bytes == as_text(b)->bytes;
  if (const List* list = as_list(a))
    return list->form == as_list(b)->form && same_sequence(*list, *as_list(b));
  if (const Dict* dict = as_dict(a)) return same_dict(*dict, *as_dict(b));
  if (const auto* space = as<Namespace*>(a)) return *space == *as<Namespace*>(b);
  if (const auto* call = as<CallablePtr>(a)) return *call == *as<CallablePtr>(b);
  return false;
}

bool less(const Value& a, const Value& b, bool& ordered) {
  ordered = true;
  int64_t i = 0, j = 0;
  if (as_integer(a, i) && as_integer(b, j)) return i < j;
  double x = 0, y = 0;
  if (as_number(a, x) && as_number(b, y)) return x < y;
  const Text *text = as_text(a), *other = as_text(b);
  // Bytes of UTF-8 are in the order of code points.
  if (text != nullptr && other != nullptr) return text->bytes < other->bytes;
  const List *list = as_list(a), *second = as_list(b);
  ordered = list != nullptr && second != nullptr && list->form == second->form &&
            (list->form == List::Form::kList || list->form == List::Form::kTuple);
  if (!ordered) return false;
  const size_t common = std::min(list->items.size(), second->items.size());
  for (size_t k = 0; k < common; ++k) {
    if (!equal(list->items[k], second->items[k]))
      return less(list->items[k], second->items[k], ordered);
  }
  return list->items.size() < second->items.size();
}

const Value* lookup(const Dict& dict, const Value& key) {
  for (const auto& [k, v] : dict.items) {
    if (equal(k, key)) return &v;
  }
  return nullptr;
}

const Value* lookup(const Dict& dict, std::string_view key) {
  for (const auto& [k, v] : dict.items) {
    const Text* text = as_text(k);
    if (text != nullptr && text->bytes == key) return &v;
  }
  return nullptr;
}

}  // namespace charter::model::jinja
