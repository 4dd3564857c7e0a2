#include "actors/learner_batches.hpp"

namespace charter::actors {

void take_example(LearnerState& state, const WorkItem& item) {
  try {
    const auto work = nlohmann::json::parse(item.payload).get<SftWork>();
    auto example = state.base->text->example(work.prompt, work.response, state.options.max_tokens);
    state.examples.push_back(
        {.work_id = item.work_id,
         .example = {.tokens = std::move(example.tokens), .loss_from = example.loss_from},
         .cut = example.cut > 0});
  } catch (const std::exception& e) {
    state.work.record(Quarantine{item.work_id, e.what()}, item.work_id);
  }
}

void take_batch(LearnerState& state, const From<Batch>& m, const metrics::LearnerMetrics& metrics) {
  auto batch = m;
  const auto vocabulary = state.base->transformer.config.vocab_size;
  std::erase_if(batch.message.trajectories, [&](const rl::ScoredTrajectory& scored) {
    state.work.keep_ticket(scored.trajectory.work_id, scored.trajectory.ticket);
    const auto why = rl::defect(scored, vocabulary);
    if (why.empty()) return false;
    metrics.dropped_schema.Increment();
    state.work.record(Quarantine{scored.trajectory.work_id, why}, 0);
    return true;
  });
  if (batch.message.trajectories.empty())
    state.ports.acknowledge(m.from, m.sequence);
  else
    state.batches.push_back(std::move(batch));
}

bool begin_batch(LearnerState& state) {
  if (state.ppo) {
    if (state.batches.empty()) return false;
    state.ppo->begin(state.batches.front().message.trajectories);
    return true;
  }
  const auto there = static_cast<int64_t>(state.examples.size());
  if (there == 0 || (there < state.options.batch && !state.work.is_drained())) return false;
  std::vector<model::SftExample> batch;
  while (!state.examples.empty() && static_cast<int64_t>(batch.size()) < state.options.batch) {
    auto& next = state.examples.front();
    batch.push_back(std::move(next.example));
    state.in_batch.push_back(next.work_id);
    state.cut_in_batch += static_cast<int64_t>(next.cut);
    state.examples.pop_front();
  }
  state.sft->begin(std::move(batch));
  return true;
}

}  // namespace charter::actors
