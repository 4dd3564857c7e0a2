#include "actors/pm_setup.hpp"

#include <cmath>

#include "feedback/calibration.hpp"

namespace charter::actors {

void make_trainer(PmTrainerState& state, const PhaseModels& models) {
  const auto base = models.load("pm_init");
  state.text = base->text;
  feedback::PreferenceModel pm{
      base->transformer,
      model::random_value_head(base->transformer.config.hidden_size, state.options.seed,
                               base->transformer.embedding.device())};
  if (models.lora_enabled())
    model::attach_lora(pm.transformer, models.lora(), state.options.seed);
  else
    model::enable_full_training(pm.transformer);
  if (!state.options.start.empty()) {
    auto tensors = models.snapshot(state.options.start)->tensors;
    pm.head = model::value_head_from(tensors, base->transformer.config.hidden_size);
    std::erase_if(tensors,
                  [](const auto& entry) { return entry.first.starts_with("value_head."); });
    model::load_trainable(pm.transformer, tensors);
  }
  state.trainer.emplace(std::move(pm), state.options.training, state.options.optimizer);
}

void set_up_probes(PmTrainerState& state, const metrics::PmTrainerMetrics& metrics) {
  for (const auto& probe : state.options.probes) {
    auto first = state.text->example(probe.prompt, probe.first, state.options.max_tokens);
    auto second = state.text->example(probe.prompt, probe.second, state.options.max_tokens);
    if (!equal_sides(first, second).empty()) continue;  // it would measure nothing
    state.probes.push_back(std::move(first.tokens));
    state.probes.push_back(std::move(second.tokens));
    state.probe_first_better.push_back(probe.p_first > 0.5);
  }
  if (state.probes.empty() || !state.options.online) return;
  const auto scores = measure(state, metrics);
  state.probe_mean = scores.mean().item<double>();
  if (const auto deviation = scores.std().item<double>(); deviation > 0)
    state.probe_deviation = deviation;
}

at::Tensor measure(const PmTrainerState& state, const metrics::PmTrainerMetrics& metrics) {
  const auto scores =
      feedback::scores_in_slices(state.trainer->preference_model(), state.probes, 1024)
          .to(at::kDouble)
          .contiguous();
  const double* score = scores.data_ptr<double>();
  std::vector<double> p_first;
  for (int64_t i = 0; i < scores.numel(); i += 2)
    p_first.push_back(1 / (1 + std::exp(score[i + 1] - score[i])));
  const auto report = feedback::calibrate(p_first, state.probe_first_better);
  metrics.held_out_pairs.Set(static_cast<double>(report.n));
  metrics.accuracy_held_out.Set(report.accuracy.value);
  metrics.ece_ratio.Set(report.ece);
  metrics.brier.Set(report.brier);
  return scores;
}

}  // namespace charter::actors
