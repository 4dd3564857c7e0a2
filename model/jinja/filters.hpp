// Filters and tests by name.
#pragma once
#include <string>

#include "model/jinja/call.hpp"

namespace charter::model::jinja {

// value | name(args). Refuses a name that we do not have.
[[nodiscard]] Value apply_filter(Run& run, const std::string& name, const Value& value,
                                 const Args& args);
// value is name(args).
[[nodiscard]] bool apply_test(Run& run, const std::string& name, const Value& value,
                              const Args& args);

// Those of texts and of sequences; false for a name of neither.
[[nodiscard]] bool apply_text_filter(Run& run, const std::string& name, const Value& value,
                                     const Args& args, Value& out);
[[nodiscard]] bool apply_sequence_filter(Run& run, const std::string& name, const Value& value,
                                         const Args& args, Value& out);

}  // namespace charter::model::jinja
