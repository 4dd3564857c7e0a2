// Methods of strings, lists and dicts, as Python has them.
#pragma once
#include <string>

#include "model/jinja/call.hpp"

namespace charter::model::jinja {

enum class Method {
  kNone,         // Python has none of this name
  kSupported,    //
  kChanges,      // would change the object: the sandbox has none
  kUnsupported,  // Python's, and not ours
};
[[nodiscard]] Method method_of(const Value& object, const std::string& name);

// A method that is supported.
[[nodiscard]] Value call_method(Run& run, const Value& object, const std::string& name,
                                const Args& args);
[[nodiscard]] Value call_text_method(Run& run, const Text& self, const std::string& name,
                                     const Args& args);

// str.replace; count < 0: all.
[[nodiscard]] Value replaced(Run& run, const Text& text, const Text& from, const Text& to,
                             int64_t count);
// separator.join(texts).
[[nodiscard]] Value joined(Run& run, const Text& separator, const std::vector<Value>& texts);

}  // namespace charter::model::jinja
