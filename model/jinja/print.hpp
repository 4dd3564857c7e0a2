// Values as text: Python's str and repr, and json.dumps.
#pragma once
#include <string>

#include "model/jinja/run.hpp"

namespace charter::model::jinja {

// str(value); a text keeps its marks. Refuses what has no text that means anything: functions,
// namespaces, iterators.
[[nodiscard]] Text to_text(Run& run, const Value& value);
[[nodiscard]] std::string repr_of(double value);

struct JsonStyle {
  bool ensure_ascii = false;
  bool sort_keys = false;
  bool indents = false;
  Text indent = {};  // of one level, with `indents`
  Text item_separator = {.bytes = ", ", .marks = {}};
  Text key_separator = {.bytes = ": ", .marks = {}};
};
[[nodiscard]] Value to_json(Run& run, const Value& value, const JsonStyle& style);

// &, <, >, ' and " as HTML has them.
[[nodiscard]] Text escaped(Run& run, const Text& text);

}  // namespace charter::model::jinja
