// Axis ticks: where they lie and how they read.
#pragma once

#include <string>
#include <vector>

namespace charter::report {

// Ticks at multiples of 1, 2 or 5 times a power of ten that enclose [low, high], about `count`
// intervals. A single value gets an interval around it. Needs finite low <= high, count >= 1.
[[nodiscard]] std::vector<double> nice_ticks(double low, double high, int count);

// A tick's text with as many decimals as the step needs: (0.30000000000000004, 0.1) -> "0.3",
// (20000, 5000) -> "20k", (0.00002, 0.00001) -> "2e-5".
[[nodiscard]] std::string format_tick(double value, double step);

}  // namespace charter::report
