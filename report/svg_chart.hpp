// Inline SVG charts: line charts with axes, and the small marks of tables. Colours come from the
// page's CSS variables, so that a chart follows the reader's light or dark scheme. No script.
#pragma once

#include <string>
#include <vector>

#include "report/report_data.hpp"

namespace charter::report {

// Title, unit, legend (from two series on), axes and lines. Without a finite point it says "no
// data"; a single point is drawn as a dot with its value. More than 600 points a series are thinned
// to each bin's least and greatest, so that spikes stay visible.
[[nodiscard]] std::string svg_line_chart(const Chart& chart);

// A point with its interval on a common scale [low, high], with a line at 0 if that is inside.
[[nodiscard]] std::string svg_interval(const Estimate& estimate, double low, double high);

// Shares of a whole as one bar; parts are (CSS class, count). Empty if all counts are 0.
[[nodiscard]] std::string svg_shares(const std::vector<std::pair<std::string, int64_t>>& parts);

}  // namespace charter::report
