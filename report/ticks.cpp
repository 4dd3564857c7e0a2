#include "report/ticks.hpp"

#include <algorithm>
#include <cmath>

#include "report/text.hpp"

namespace charter::report {
namespace {

double tick_step(double span, int count) {
  const double raw = span / count;
  const double power = std::pow(10.0, std::floor(std::log10(raw)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= raw * (1 - 1e-9)) return factor * power;
  }
  return 10 * power;
}

}  // namespace

std::vector<double> nice_ticks(double low, double high, int count) {
  if (!(high > low)) {
    const double margin = low == 0 ? 1 : std::abs(low) * 0.5;
    low -= margin;
    high += margin;
  }
  const double step = tick_step(high - low, count);
  const double first = std::floor(low / step + 1e-9), last = std::ceil(high / step - 1e-9);
  std::vector<double> ticks;
  for (double i = first; i <= last; ++i) ticks.push_back(i == 0 ? 0 : i * step);
  return ticks;
}

std::string format_tick(double value, double step) {
  if (value == 0) return "0";
  if (step >= 1e6) return format_number(value / 1e6, step < 1e7 ? 1 : 0) + "M";
  if (step >= 1e3) return format_number(value / 1e3, 0) + "k";
  if (step < 1e-4 && std::abs(value) < 1e-2) {
    const int exponent = static_cast<int>(std::floor(std::log10(std::abs(value)) + 1e-9));
    const double mantissa = value / std::pow(10.0, exponent);
    const bool whole = std::abs(mantissa - std::round(mantissa)) < 0.05;
    return format_number(mantissa, whole ? 0 : 1) + "e" + std::to_string(exponent);
  }
  const int decimals = std::clamp(static_cast<int>(std::ceil(-std::log10(step) - 1e-9)), 0, 6);
  return format_number(value, decimals);
}

}  // namespace charter::report
