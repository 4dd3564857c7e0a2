#include "metrics/maker.hpp"

#include <limits>

#include "metrics/limits.hpp"
#include "metrics/quantities.hpp"

namespace charter::metrics {

std::string full_help(const std::string& name, const std::string& help) {
  std::string out = help;
  if (const auto worry = worry_text(name); !worry.empty()) out += " " + worry;
  if (const auto unit = text(unit_of_metric(name)); !unit.empty())
    out += " In " + std::string(unit) + ".";
  return out;
}

prometheus::Labels Maker::merged(const prometheus::Labels& extra) const {
  prometheus::Labels all = extra;
  all.insert(labels_.begin(), labels_.end());
  return all;
}

prometheus::Counter& Maker::counter(const std::string& name, const std::string& help,
                                    const prometheus::Labels& extra) {
  return prometheus::BuildCounter()
      .Name("charter_" + name)
      .Help(full_help(name, help))
      .Register(registry_)
      .Add(merged(extra));
}

prometheus::Gauge& Maker::gauge(const std::string& name, const std::string& help,
                                const prometheus::Labels& extra) {
  return prometheus::BuildGauge()
      .Name("charter_" + name)
      .Help(full_help(name, help))
      .Register(registry_)
      .Add(merged(extra));
}

prometheus::Gauge& Maker::measured(const std::string& name, const std::string& help,
                                   const prometheus::Labels& extra) {
  prometheus::Gauge& result = gauge(name, help, extra);
  result.Set(std::numeric_limits<double>::quiet_NaN());
  return result;
}

prometheus::Histogram& Maker::histogram(const std::string& name, const std::string& help,
                                        const prometheus::Histogram::BucketBoundaries& bounds,
                                        const prometheus::Labels& extra) {
  return prometheus::BuildHistogram()
      .Name("charter_" + name)
      .Help(full_help(name, help))
      .Register(registry_)
      .Add(merged(extra), bounds);
}

LabelledCounters::LabelledCounters(Maker& make, const std::string& name, const std::string& help,
                                   const std::string& label, std::span<const std::string> values,
                                   const prometheus::Labels& extra) {
  auto add = [&](const std::string& value) {
    prometheus::Labels labels = extra;
    labels[label] = value;
    return &make.counter(name, help, labels);
  };
  for (const std::string& value : values) counters_.emplace(value, add(value));
  other_ = add("other");
}

prometheus::Counter& LabelledCounters::operator[](std::string_view value) const {
  const auto it = counters_.find(value);
  return it == counters_.end() ? *other_ : *it->second;
}

}  // namespace charter::metrics
