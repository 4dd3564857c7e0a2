#include "actors/optimizer_plan.hpp"

#include <algorithm>
#include <stdexcept>

namespace charter::actors {
namespace {

model::Schedule schedule_from(const std::string& name) {
  if (name == "linear") return model::Schedule::kLinear;
  if (name == "cosine") return model::Schedule::kCosine;
  if (name == "constant") return model::Schedule::kConstant;
  throw std::invalid_argument("schedule: " + name + ", expected constant, linear or cosine");
}

// The last batch may be smaller.
int64_t batches(int64_t items, int64_t batch) { return (items + batch - 1) / batch; }

// section: a part of the configuration with warmup and schedule.
template <class Section>
model::AdamWOptions options(const Section& section, double learning_rate, int64_t steps) {
  return {.lr = learning_rate,
          .warmup_steps = section.warmup,
          .schedule = schedule_from(section.schedule),
          .total_steps = std::max(steps, int64_t{section.warmup} + 1)};
}

}  // namespace

model::AdamWOptions optimizer_options(const config::RunConfig& c, const Phase& phase,
                                      int64_t items) {
  if (phase.name == "sl_train")
    return options(c.sl_train, c.sl_train.learning_rate, batches(items, c.sl_train.batch));
  if (phase.name == "pmp")
    return options(c.pm_train, c.pm_train.pmp_learning_rate, batches(items, c.pm_train.batch));
  if (phase.name == "pm_train")
    return options(c.pm_train, c.pm_train.learning_rate, batches(items, c.pm_train.batch));
  if (phase.name == "rl")
    return options(c.rl, c.rl.learning_rate,
                   int64_t{c.rl.updates} * c.rl.epochs * c.rl.minibatches);
  throw std::invalid_argument("phase: " + phase.name + ", expected one that trains a model");
}

model::AdamWOptions online_pm_optimizer(const config::RunConfig& c) {
  return {.lr = c.pm_train.learning_rate};
}

}  // namespace charter::actors
