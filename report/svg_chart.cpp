#include "report/svg_chart.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

#include "report/text.hpp"
#include "report/ticks.hpp"

namespace charter::report {
namespace {

using Point = std::pair<double, double>;

// The plot's place in the drawing, in SVG units.
constexpr double kWidth = 420, kHeight = 210;
constexpr double kLeft = 52, kRight = 12, kTop = 12, kBottom = 38;
constexpr std::size_t kMaxPoints = 600;
constexpr std::size_t kMaxDots = 40;
constexpr int kColors = 6;

struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();

  void include(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  // [low, high] -> [0, 1]; the middle if they are equal.
  [[nodiscard]] double share(double value) const {
    return high > low ? (value - low) / (high - low) : 0.5;
  }
};

std::string coordinate(double value) {
  char buffer[32];
  std::snprintf(buffer, sizeof(buffer), "%.1f", value);
  return buffer;
}

bool finite(const Point& point) {
  return std::isfinite(point.first) && std::isfinite(point.second);
}

std::vector<Point> thinned(const std::vector<Point>& points) {
  if (points.size() <= kMaxPoints) return points;
  std::vector<Point> result;
  const std::size_t bins = kMaxPoints / 2;
  for (std::size_t bin = 0; bin < bins; ++bin) {
    const auto begin = points.begin() + static_cast<std::ptrdiff_t>(bin * points.size() / bins);
    const auto end = points.begin() + static_cast<std::ptrdiff_t>((bin + 1) * points.size() / bins);
    auto less = [](const Point& a, const Point& b) { return a.second < b.second; };
    auto least = std::min_element(begin, end, less);
    auto most = std::max_element(begin, end, less);
    if (most < least) std::swap(least, most);
    result.push_back(*least);
    if (most != least) result.push_back(*most);
  }
  return result;
}

struct Axes {
  Range x, y;
  std::vector<double> x_ticks, y_ticks;

  [[nodiscard]] double px(double value) const {
    return kLeft + x.share(value) * (kWidth - kLeft - kRight);
  }
  [[nodiscard]] double py(double value) const {
    return kHeight - kBottom - y.share(value) * (kHeight - kTop - kBottom);
  }
};

Axes axes_for(const std::vector<Series>& series) {
  Axes axes;
  for (const Series& s : series) {
    for (const Point& point : s.points) {
      if (!finite(point)) continue;
      axes.x.include(point.first);
      axes.y.include(point.second);
    }
  }
  axes.y_ticks = nice_ticks(axes.y.low, axes.y.high, 4);
  axes.y = {axes.y_ticks.front(), axes.y_ticks.back()};
  // The x axis ends with the data; ticks outside of it are left out.
  if (axes.x.high > axes.x.low) {
    const double slack = (axes.x.high - axes.x.low) * 1e-9;
    for (const double tick : nice_ticks(axes.x.low, axes.x.high, 6)) {
      if (tick >= axes.x.low - slack && tick <= axes.x.high + slack) axes.x_ticks.push_back(tick);
    }
  } else {
    axes.x_ticks = {axes.x.low};
  }
  return axes;
}

double step_of(const std::vector<double>& ticks) {
  return ticks.size() > 1 ? ticks[1] - ticks[0] : std::max(std::abs(ticks[0]), 1.0);
}

std::string draw_axes(const Axes& axes, const std::string& x_label) {
  std::string out;
  const std::string right = coordinate(kWidth - kRight);
  for (const double tick : axes.y_ticks) {
    const std::string y = coordinate(axes.py(tick));
    out += "<line class=\"" + std::string(tick == 0 ? "zero" : "grid") + "\" x1=\"" +
           coordinate(kLeft) + "\" x2=\"" + right + "\" y1=\"" + y + "\" y2=\"" + y + "\"/>";
    out += "<text class=\"tick end\" x=\"" + coordinate(kLeft - 6) + "\" y=\"" +
           coordinate(axes.py(tick) + 4.5) + "\">" + format_tick(tick, step_of(axes.y_ticks)) +
           "</text>";
  }
  const std::string base = coordinate(kHeight - kBottom + 16);
  for (const double tick : axes.x_ticks) {
    out += "<text class=\"tick mid\" x=\"" + coordinate(axes.px(tick)) + "\" y=\"" + base + "\">" +
           format_tick(tick, step_of(axes.x_ticks)) + "</text>";
  }
  out += "<text class=\"tick end\" x=\"" + right + "\" y=\"" + coordinate(kHeight - 4) + "\">" +
         escape_html(x_label) + "</text>";
  return out;
}

std::string draw_series(const Axes& axes, const Series& series, int color) {
  const std::vector<Point> points = thinned(series.points);
  std::string path, dots;
  bool pen_down = false;
  std::size_t finite_points = 0;
  for (const Point& point : points) finite_points += finite(point) ? 1 : 0;
  for (const Point& point : points) {
    if (!finite(point)) {
      pen_down = false;
      continue;
    }
    const std::string x = coordinate(axes.px(point.first)), y = coordinate(axes.py(point.second));
    path += (pen_down ? "L" : "M") + x + " " + y;
    pen_down = true;
    if (finite_points > kMaxDots) continue;
    const double step = step_of(axes.y_ticks) / 100;
    dots += "<circle cx=\"" + x + "\" cy=\"" + y + "\" r=\"" + (finite_points == 1 ? "4" : "2.2") +
            "\"><title>" + escape_html(series.name) + " " + format_tick(point.second, step) +
            " at " + format_tick(point.first, 0.01) + "</title></circle>";
    if (finite_points == 1) {
      dots += "<text class=\"value mid\" x=\"" + x + "\" y=\"" +
              coordinate(axes.py(point.second) - 9) + "\">" + format_tick(point.second, step) +
              "</text>";
    }
  }
  return "<g class=\"s" + std::to_string(color % kColors) + "\"><path" +
         (finite_points > 200 ? " class=\"dense\"" : "") + " d=\"" + path + "\"/>" + dots + "</g>";
}

std::string legend(const std::vector<Series>& series) {
  std::string out = "<span class=\"legend\">";
  for (std::size_t i = 0; i < series.size(); ++i) {
    out += "<span class=\"s" + std::to_string(i % kColors) + "\"><i></i>" +
           escape_html(series[i].name) + "</span>";
  }
  return out + "</span>";
}

}  // namespace

std::string svg_line_chart(const Chart& chart) {
  const bool any = std::any_of(chart.series.begin(), chart.series.end(), [](const Series& s) {
    return std::any_of(s.points.begin(), s.points.end(), finite);
  });
  std::string out = "<figure class=\"chart\"><figcaption><b>" + escape_html(chart.title) + "</b>";
  if (!chart.unit.empty()) out += " <span class=\"unit\">" + escape_html(chart.unit) + "</span>";
  if (any && chart.series.size() > 1) out += legend(chart.series);
  out += "</figcaption>";
  if (any) {
    const Axes axes = axes_for(chart.series);
    out += "<svg viewBox=\"0 0 420 210\" role=\"img\" aria-label=\"" + escape_html(chart.title) +
           "\">" + draw_axes(axes, chart.x_label);
    for (std::size_t i = 0; i < chart.series.size(); ++i) {
      out += draw_series(axes, chart.series[i], static_cast<int>(i));
    }
    out += "</svg>";
  } else {
    out += "<p class=\"nodata\">no data</p>";
  }
  if (!chart.note.empty()) out += "<p class=\"note\">" + escape_html(chart.note) + "</p>";
  return out + "</figure>\n";
}

std::string svg_interval(const Estimate& estimate, double low, double high) {
  const Range range{low, high};
  auto x = [&](double value) {
    return coordinate(4 + std::clamp(range.share(value), 0.0, 1.0) * 152);
  };
  std::string out = "<svg class=\"interval\" viewBox=\"0 0 160 16\" aria-hidden=\"true\">";
  if (low <= 0 && high >= 0) {
    out += "<line class=\"zero\" x1=\"" + x(0) + "\" x2=\"" + x(0) + "\" y1=\"0\" y2=\"16\"/>";
  }
  out += "<line class=\"whisker\" x1=\"" + x(estimate.low) + "\" x2=\"" + x(estimate.high) +
         "\" y1=\"8\" y2=\"8\"/><circle cx=\"" + x(estimate.value) +
         "\" cy=\"8\" r=\"3.5\"/></svg>";
  return out;
}

std::string svg_shares(const std::vector<std::pair<std::string, int64_t>>& parts) {
  int64_t total = 0;
  for (const auto& [name, count] : parts) total += count;
  if (total == 0) return {};
  std::string out = "<svg class=\"shares\" viewBox=\"0 0 160 12\" aria-hidden=\"true\">";
  int64_t before = 0;
  for (const auto& [name, count] : parts) {
    if (count == 0) continue;
    const double scale = 160.0 / static_cast<double>(total);
    out += "<rect class=\"" + name + "\" x=\"" + coordinate(static_cast<double>(before) * scale) +
           "\" width=\"" + coordinate(static_cast<double>(count) * scale - 1) +
           "\" y=\"0\" height=\"12\"/>";
    before += count;
  }
  return out + "</svg>";
}

}  // namespace charter::report
