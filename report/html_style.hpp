// The report's style sheet: one constant, light and dark, from telephone to wide screen and paper.
#pragma once

#include <string_view>

namespace charter::report {

extern const std::string_view kStyle;

}  // namespace charter::report
