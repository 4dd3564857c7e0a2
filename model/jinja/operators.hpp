// What operators, subscripts and attributes do.
#pragma once
#include <string_view>

#include "model/jinja/run.hpp"

namespace charter::model::jinja {

// + - * / // % **. Integers have 64 bits; beyond them is an error.
[[nodiscard]] Value binary(Run& run, std::string_view sign, const Value& a, const Value& b);
[[nodiscard]] Value negative(Run& run, const Value& value, bool minus);
// == != < <= > >= in, "not in".
[[nodiscard]] bool compare(Run& run, std::string_view sign, const Value& a, const Value& b);
// a < b; an error where Python has no order.
[[nodiscard]] bool is_less(Run& run, const Value& a, const Value& b);
[[nodiscard]] bool contains(Run& run, const Value& in, const Value& value);

// object.name: methods before items. An attribute of Python's that would change the object, or that
// we do not have, is an error; what is not there is undefined.
[[nodiscard]] Value attribute(Run& run, const Value& object, const std::string& name);
// object[key]: items before methods.
[[nodiscard]] Value item(Run& run, const Value& object, const Value& key);
// object[start:stop:step]; a bound that is None is not there.
[[nodiscard]] Value slice(Run& run, const Value& object, const Value& start, const Value& stop,
                          const Value& step);

}  // namespace charter::model::jinja
