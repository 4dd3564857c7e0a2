#include "model/jinja/methods.hpp"

#include <algorithm>
#include <string_view>

#include "model/jinja/operators.hpp"
#include "model/jinja/print.hpp"

namespace charter::model::jinja {
namespace {

constexpr std::string_view kText[] = {
    "strip",        "lstrip",    "rstrip",     "split",   "rsplit",  "splitlines", "startswith",
    "endswith",     "replace",   "upper",      "lower",   "title",   "capitalize", "swapcase",
    "find",         "rfind",     "index",      "rindex",  "count",   "join",       "format",
    "isdigit",      "isalpha",   "isalnum",    "isspace", "isupper", "islower",    "removeprefix",
    "removesuffix", "partition", "rpartition", "zfill",   "center",  "ljust",      "rjust"};
constexpr std::string_view kTextOther[] = {
    "casefold",  "encode",  "expandtabs",   "format_map",  "isascii",   "isdecimal",
    "isnumeric", "istitle", "isidentifier", "isprintable", "maketrans", "translate"};
constexpr std::string_view kDict[] = {"items", "keys", "values", "get", "copy"};
constexpr std::string_view kDictChanges[] = {"update", "pop", "popitem", "setdefault", "clear"};
constexpr std::string_view kList[] = {"index", "count", "copy"};
constexpr std::string_view kListChanges[] = {"append", "extend",  "insert", "pop",
                                             "remove", "reverse", "sort",   "clear"};

template <size_t N>
bool among(const std::string_view (&names)[N], const std::string& name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

Value call_list_method(Run& run, const Value& object, const std::string& name, const Args& args) {
  const List& list = *as_list(object);
  if (name == "copy") {
    const Bound none(run, "list.copy", args, {});
    return run.list(list.items, list.form);
  }
  const Bound bound(run, "list." + name, args, {"value"});
  const Value& value = bound.need(0);
  run.step_compare(value, list.items.size());
  const auto same = [&](const Value& element) { return equal(element, value); };
  if (name == "count")
    return static_cast<int64_t>(std::count_if(list.items.begin(), list.items.end(), same));
  const auto at = std::find_if(list.items.begin(), list.items.end(), same);
  if (at == list.items.end()) bound.fail("the value is not in the list");
  return static_cast<int64_t>(at - list.items.begin());
}

Value call_dict_method(Run& run, const Value& object, const std::string& name, const Args& args) {
  const Dict& dict = *as_dict(object);
  run.step(static_cast<int64_t>(dict.items.size()));
  if (name == "get") {
    if (!args.named.empty()) run.fail("dict.get takes no named arguments");
    const Bound bound(run, "dict.get", args, {"key", "default"});
    run.step_compare(bound.need(0), dict.items.size());
    const Value* value = lookup(dict, bound.need(0));
    if (value != nullptr) return *value;
    return bound.get(1) != nullptr ? *bound.get(1) : Value(None{});
  }
  const Bound none(run, "dict." + name, args, {});
  if (name == "copy") return run.dict(dict.items);
  std::vector<Value> items;
  for (const auto& [key, value] : dict.items) {
    if (name == "items") {
      items.push_back(run.list({key, value}, List::Form::kTuple));
    } else {
      items.push_back(name == "keys" ? key : value);
    }
  }
  using Form = List::Form;
  const Form form = name == "items" ? Form::kItems : name == "keys" ? Form::kKeys : Form::kValues;
  return run.list(std::move(items), form);
}

}  // namespace

Method method_of(const Value& object, const std::string& name) {
  if (as_text(object) != nullptr) {
    if (among(kText, name)) return Method::kSupported;
    return among(kTextOther, name) ? Method::kUnsupported : Method::kNone;
  }
  if (as_dict(object) != nullptr) {
    if (among(kDict, name)) return Method::kSupported;
    if (among(kDictChanges, name)) return Method::kChanges;
    return name == "fromkeys" ? Method::kUnsupported : Method::kNone;
  }
  if (const List* list = as_list(object)) {
    if (list->form == List::Form::kList) {
      if (among(kList, name)) return Method::kSupported;
      return among(kListChanges, name) ? Method::kChanges : Method::kNone;
    }
    const bool counts = name == "index" || name == "count";
    if (list->form == List::Form::kTuple && counts) return Method::kSupported;
    const bool range = list->form == List::Form::kRange;
    const bool other = range && (counts || name == "start" || name == "stop" || name == "step");
    return other ? Method::kUnsupported : Method::kNone;
  }
  // A number's, such as real and bit_length, or a function's: none that a template has use for.
  double number = 0;
  const bool numeric = as_number(object, number);
  constexpr std::string_view kNumber[] = {
      "real",      "imag",       "numerator",  "denominator", "bit_length",
      "bit_count", "conjugate",  "is_integer", "hex",         "as_integer_ratio",
      "to_bytes",  "from_bytes", "fromhex"};
  if (numeric && among(kNumber, name)) return Method::kUnsupported;
  const bool callable = as<CallablePtr>(object) != nullptr;
  return callable ? Method::kUnsupported : Method::kNone;
}

Value call_method(Run& run, const Value& object, const std::string& name, const Args& args) {
  if (const Text* text = as_text(object)) return call_text_method(run, *text, name, args);
  if (as_dict(object) != nullptr) return call_dict_method(run, object, name, args);
  if (as_list(object) != nullptr) return call_list_method(run, object, name, args);
  // loop.cycle
  const auto& loop = **as<std::shared_ptr<const Loop>>(object);
  if (args.positional.empty() || !args.named.empty())
    run.fail("loop.cycle: expected the values to go round");
  const auto count = static_cast<int64_t>(args.positional.size());
  return args.positional[static_cast<size_t>(loop.index0 % count)];
}

Value replaced(Run& run, const Text& text, const Text& from, const Text& to, int64_t count) {
  Builder out(run);
  size_t done = 0;
  if (from.bytes.empty()) {  // before every character, and at the end
    const auto offsets = offsets_of(text.bytes);
    for (size_t i = 0; i < offsets.size(); ++i) {
      run.step();
      if (count < 0 || static_cast<int64_t>(i) < count) out.add(to);
      if (i + 1 < offsets.size()) out.add(cut(text, offsets[i], offsets[i + 1]));
    }
    return out.value();
  }
  for (int64_t n = 0; count < 0 || n < count; ++n) {
    run.step();
    const size_t at = find_text(text.bytes, from.bytes, done);
    if (at == std::string::npos) break;
    out.add(cut(text, done, at)).add(to);
    done = at + from.size();
  }
  return out.add(cut(text, done, text.size())).value();
}

Value joined(Run& run, const Text& separator, const std::vector<Value>& texts) {
  Builder out(run);
  for (size_t i = 0; i < texts.size(); ++i) {
    run.step();
    if (i > 0) out.add(separator);
    out.add(to_text(run, texts[i]));
  }
  return out.value();
}

}  // namespace charter::model::jinja
