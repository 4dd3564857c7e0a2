// Registers the role structs' metrics. Names get the prefix "charter_" here, and help texts the
// metric's limits and unit (limits.hpp, quantities.hpp), so that a text never repeats them; the
// labels given at construction (run, actor) go to every metric. Registering the same name and
// labels twice gives the same metric, so that a restarted actor goes on counting where its
// predecessor stopped.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <map>
#include <span>
#include <string>
#include <string_view>

namespace charter::metrics {

// `help` with the metric's limits and unit behind it. Throws std::invalid_argument for a metric
// without a row in quantities().
[[nodiscard]] std::string full_help(const std::string& name, const std::string& help);

class Maker {
 public:
  Maker(prometheus::Registry& registry, const prometheus::Labels& labels)
      : registry_(registry), labels_(labels) {}

  prometheus::Counter& counter(const std::string& name, const std::string& help,
                               const prometheus::Labels& extra = {});

  // A level that exists from the start: a depth, a version. Begins at 0.
  prometheus::Gauge& gauge(const std::string& name, const std::string& help,
                           const prometheus::Labels& extra = {});

  // A measurement. NaN until the first one: a 0 would draw a reward that nobody measured, and
  // comparisons with NaN are false, which keeps alerts silent.
  prometheus::Gauge& measured(const std::string& name, const std::string& help,
                              const prometheus::Labels& extra = {});

  // bounds: upper bucket bounds, inclusive, rising.
  prometheus::Histogram& histogram(const std::string& name, const std::string& help,
                                   const prometheus::Histogram::BucketBoundaries& bounds,
                                   const prometheus::Labels& extra = {});

 private:
  [[nodiscard]] prometheus::Labels merged(const prometheus::Labels& extra) const;

  prometheus::Registry& registry_;
  prometheus::Labels labels_;
};

// Counters of one name over a set of label values fixed at construction; any other value counts as
// "other". Keeps labels bounded where the values come from a file or from a peer.
class LabelledCounters {
 public:
  LabelledCounters(Maker& make, const std::string& name, const std::string& help,
                   const std::string& label, std::span<const std::string> values,
                   const prometheus::Labels& extra = {});

  prometheus::Counter& operator[](std::string_view value) const;

 private:
  std::map<std::string, prometheus::Counter*, std::less<>> counters_;
  prometheus::Counter* other_;
};

}  // namespace charter::metrics
