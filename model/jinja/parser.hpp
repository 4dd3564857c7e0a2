// A template's tokens as a tree: jinja2's grammar. Refuses, by name and line, tags that chat
// templates have no use for (block, extends, include, import), "*" in arguments, and trees deeper
// than kMaxHeight.
#pragma once
#include <string_view>

#include "model/jinja/ast.hpp"

namespace charter::model::jinja {

inline constexpr int kMaxHeight = 200;  // of expressions, and of tags within each other

// Throws InputError "chat template line N: ...".
[[nodiscard]] Body parse(std::string_view source);

}  // namespace charter::model::jinja
