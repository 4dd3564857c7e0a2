#include "model/jinja/run.hpp"

#include <algorithm>

#include "model/jinja/lexer.hpp"

namespace charter::model::jinja {
namespace {

// Values nest no deeper, so that printing and freeing one takes little stack.
constexpr int kMaxDepth = 100;

// No value is heavier: a comparison takes no longer than a rendering.
constexpr int64_t kMaxWeight = 20'000'000;

int depth_of(const Value& value) {
  if (const List* list = as_list(value)) return list->depth;
  const Dict* dict = as_dict(value);
  return dict != nullptr ? dict->depth : 0;
}

}  // namespace

void Run::fail(const std::string& why) const { fail_at(line_, why); }

void Run::refuse(const Value& value, const std::string& why) const {
  const auto* missing = as<Undefined>(value);
  if (missing != nullptr) fail(missing->why ? *missing->why : "an undefined value: " + why);
  fail(std::string(type_name(value)) + ": " + why);
}

Value Run::text(Text text) {
  charge(text.bytes.size() + text.marks.size() + sizeof(Text));
  return built(std::move(text));
}

Value Run::list(std::vector<Value> items, List::Form form) {
  charge(items.size() * sizeof(Value) + sizeof(List));
  int depth = 1;
  int64_t weight = 1;
  for (const Value& item : items) {
    depth = std::max(depth, depth_of(item) + 1);
    weight += weight_of(item);
    if (weight > kMaxWeight) fail("lists of too many values within each other");
  }
  if (depth > kMaxDepth)
    fail("lists deeper than " + std::to_string(kMaxDepth) + " within each other");
  return std::make_shared<const List>(
      List{.form = form, .items = std::move(items), .depth = depth, .weight = weight});
}

Value Run::dict(std::vector<std::pair<Value, Value>> items) {
  charge(2 * items.size() * sizeof(Value) + sizeof(Dict));
  auto out = std::make_shared<Dict>();
  for (auto& [key, value] : items) {
    step_compare(key, out->items.size() / 16);
    const bool hashable = as_dict(key) == nullptr && !as<std::shared_ptr<Iterator>>(key) &&
                          (as_list(key) == nullptr || as_list(key)->form == List::Form::kTuple);
    if (!hashable) refuse(key, "cannot be the key of a dict");
    out->depth = std::max({out->depth, depth_of(value) + 1, depth_of(key) + 1});
    // Dicts are compared key by key, each with all of the other's.
    out->weight +=
        weight_of(key) * (1 + static_cast<int64_t>(out->items.size() / 16)) + weight_of(value);
    if (out->weight > kMaxWeight) fail("dicts of too many values within each other");
    const auto same = std::find_if(out->items.begin(), out->items.end(),
                                   [&](const auto& item) { return equal(item.first, key); });
    if (same != out->items.end()) {
      same->second = std::move(value);
    } else {
      out->items.emplace_back(std::move(key), std::move(value));
    }
  }
  if (out->depth > kMaxDepth)
    fail("dicts deeper than " + std::to_string(kMaxDepth) + " within each other");
  return DictPtr(std::move(out));
}

Value Run::iterator(std::vector<Value> items) {
  charge(items.size() * sizeof(Value) + sizeof(Iterator));
  return std::make_shared<Iterator>(Iterator{.items = std::move(items), .next = 0});
}

std::vector<Value> Run::elements(const Value& value) {
  std::vector<Value> out;
  if (const List* list = as_list(value)) {
    out = list->items;
  } else if (const Dict* dict = as_dict(value)) {
    for (const auto& [key, of] : dict->items) out.push_back(key);
  } else if (const Text* whole = as_text(value)) {
    const auto offsets = offsets_of(whole->bytes);
    for (size_t i = 0; i + 1 < offsets.size(); ++i)
      out.push_back(text(cut(*whole, offsets[i], offsets[i + 1])));
  } else if (const auto* iterator = as<std::shared_ptr<Iterator>>(value)) {
    Iterator& left = **iterator;
    out.assign(left.items.begin() + static_cast<int64_t>(left.next), left.items.end());
    left.next = left.items.size();
  } else if (!is_undefined(value)) {
    refuse(value, "is not iterable");
  }
  step(static_cast<int64_t>(out.size()));
  charge(out.size() * sizeof(Value));
  return out;
}

}  // namespace charter::model::jinja
