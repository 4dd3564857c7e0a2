#include "actors/reward.hpp"

#include <ATen/Parallel.h>

#include "actors/fault_handler.hpp"
#include "actors/publish.hpp"
#include "rl/policy_pass.hpp"

namespace charter::actors {
namespace {

using Self = RewardActor::stateful_pointer<RewardState>;

// The conversation as the PM reads it: ended by the end-of-turn token, on which the score is read.
std::vector<int32_t> pm_sequence(const RewardState& state, const rl::Trajectory& t) {
  auto tokens = t.prompt;
  tokens.insert(tokens.end(), t.response.begin(), t.response.end());
  const int32_t end = state.reference->text->end_token();
  if (tokens.back() != end) tokens.push_back(end);
  return tokens;
}

void score_trajectories(RewardState& state, const metrics::RewardMetrics& metrics) {
  std::vector<rl::ScoredTrajectory> batch;
  std::vector<std::vector<int32_t>> sequences;
  int64_t tokens = 0;
  while (!state.trajectories.empty()) {
    auto& next = state.trajectories.front();
    const auto length =
        static_cast<int64_t>(next.message.prompt.size() + next.message.response.size()) + 1;
    if (!batch.empty() && tokens + length > state.options.batch_tokens) break;
    tokens += length;
    state.unacknowledged.emplace(next.message.work_id, std::pair{next.from, next.sequence});
    sequences.push_back(pm_sequence(state, next.message));
    batch.push_back({.trajectory = std::move(next.message),
                     .score = 0,
                     .pm_version = state.pm_version.number,
                     .ref_logprobs = {}});
    state.trajectories.pop_front();
  }
  const auto scores = feedback::scores(*state.pm, sequences).cpu().contiguous();
  rl::set_reference_logprobs(state.reference->transformer, batch);
  for (size_t i = 0; i < batch.size(); ++i) {
    batch[i].score = state.pm_map(scores.data_ptr<float>()[i]);
    metrics.pm_score.Observe(batch[i].score);
    const int64_t id = batch[i].trajectory.work_id;
    state.scored.push(batch[i], id);
  }
  state.loop.count_read(2 * tokens);  // once by the PM, once by the reference
}

void score_comparison(RewardState& state, const WorkItem& item) {
  const auto work = nlohmann::json::parse(item.payload).get<ComparisonWork>();
  const auto& text = *state.reference->text;
  auto first = text.example(work.prompt, work.first, state.options.max_tokens);
  auto second = text.example(work.prompt, work.second, state.options.max_tokens);
  // The scores would be the same, and measure nothing.
  if (const auto why = equal_sides(first, second); !why.empty()) throw std::runtime_error(why);
  const auto cut = static_cast<int64_t>(first.cut > 0) + static_cast<int64_t>(second.cut > 0);
  const std::vector<std::vector<int32_t>> sequences{std::move(first.tokens),
                                                    std::move(second.tokens)};
  const auto scores = feedback::scores(*state.pm, sequences).cpu().contiguous();
  const ScoreRecord record{.first = scores.data_ptr<float>()[0],
                           .second = scores.data_ptr<float>()[1],
                           .p_first = work.p_first,
                           .purpose = work.purpose,
                           .cut = cut};
  state.loop.count_read(static_cast<int64_t>(sequences[0].size() + sequences[1].size()));
  state.work.record(
      Record{.work_id = item.work_id, .kind = item.kind, .body = nlohmann::json(record).dump()},
      item.work_id);
}

void record_activation(RewardState& state, const WorkItem& item) {
  const auto work = nlohmann::json::parse(item.payload).get<PromptWork>();
  std::vector<std::vector<int32_t>> sequences{state.reference->text->prompt(work.prompt)};
  const auto device = state.reference->transformer.embedding.device();
  const auto packed = model::pack(sequences, device);
  const auto rows =
      at::full({1}, packed.segments[0].end - 1, at::TensorOptions(at::kLong).device(device));
  const auto layers = model::layer_activations(state.reference->transformer, packed, rows)
                          .cpu()
                          .contiguous();  // [L, 1, H]
  ActivationRecord record{.group = work.group, .split = work.split, .layers = {}, .values = {}};
  for (int64_t layer = layers.size(0) - 1; layer >= 0; layer -= state.options.activation_stride) {
    const float* row = layers.data_ptr<float>() + layer * layers.size(2);
    record.layers.push_back(layer);
    record.values.emplace_back(row, row + layers.size(2));
  }
  state.loop.count_read(static_cast<int64_t>(sequences[0].size()));
  state.work.record(
      Record{.work_id = item.work_id, .kind = item.kind, .body = nlohmann::json(record).dump()},
      item.work_id);
}

void work_item(RewardState& state) {
  const auto item = std::move(state.items.front());
  state.items.pop_front();
  try {
    if (item.kind == "activation")
      record_activation(state, item);
    else
      score_comparison(state, item);
  } catch (const std::exception& e) {
    state.work.record(Quarantine{item.work_id, e.what()}, item.work_id);
  }
}

bool waits_for_pm(const RewardState& state) {
  return state.options.follows_pm && state.pm_version.number < 0;
}

// One batch of trajectories, or one work item.
bool step(RewardState& state, const metrics::RewardMetrics& metrics) {
  if (waits_for_pm(state) || (state.trajectories.empty() && state.items.empty())) return false;
  const c10::InferenceMode inference;
  if (!state.trajectories.empty())
    score_trajectories(state, metrics);
  else
    work_item(state);
  return true;
}

void apply_weights(Self self, const WeightsReady& ready, const metrics::RewardMetrics& metrics) {
  auto& state = self->state;
  if (!state.options.follows_pm || ready.model != "pm" ||
      !defect(ready, state.ports.wiring().hello.lineage).empty())
    return;
  const model::WeightVersion version{ready.lineage, ready.version};
  if (std::pair(version.lineage, version.number) <=
      std::pair(state.pm_version.lineage, state.pm_version.number))
    return;
  const auto start = std::chrono::steady_clock::now();
  const bool waits = waits_for_pm(state);
  if (!waits)
    metrics.weights.version_lag.Set(static_cast<double>(version.number - state.pm_version.number));
  const auto snapshot = take_snapshot(ready, state.options.snapshots, waits, metrics.weights);
  if (!snapshot) return;
  state.pm = feedback::with_snapshot(state.models->load("pm_init")->transformer, *snapshot);
  state.pm_map = feedback::affine_from(snapshot->metadata);
  state.pm_version = version;
  metrics.pm_version.Set(static_cast<double>(version.number));
  metrics.weights.version_lag.Set(0);
  metrics.weights.seconds.Observe(seconds_since(start));
  state.loop.wake(self);
}

RoleReport role_report(RewardState& s) {
  return s.loop.report(s.loop.read(),
                       waits_for_pm(s)
                           ? "waiting for PM weights"
                           : std::to_string(s.trajectories.size() + s.items.size()) + " queued, " +
                                 std::to_string(s.scored.unacknowledged()) + " to replay");
}

}  // namespace

RewardActor::behavior_type reward(Self self, Wiring wiring,
                                  std::shared_ptr<const PhaseModels> models, RewardOptions options,
                                  metrics::RewardMetrics metrics, metrics::StageMetrics stage) {
  install_fault_handler(self, [self] {
    const auto& s = self->state;
    return s.options.follows_pm ? "PM version " + std::to_string(s.pm_version.number)
                                : std::string();
  });
  auto& state = self->state;
  state.options = std::move(options);
  state.models = std::move(models);
  at::set_num_threads(state.options.threads);
  state.reference = state.models->load(state.options.reference);
  if (state.options.has_pm) {
    state.pm = state.models->preference_model();
    if (!state.options.follows_pm) state.pm_version = {0, 0};
  }
  const auto handle = caf::actor_cast<RewardActor>(self);
  state.ports = Ports(std::move(wiring), "reward", state.options.index);
  state.scored = Outbox(&state.ports);
  if (state.options.serves_trajectories) {
    state.scored.add_link(state.ports.connect<>(handle, Arrow::kScored, 0, 0));
    state.trajectory_link =
        state.ports.bind<rl::Trajectory>(handle, Arrow::kTrajectory, state.options.index, 32);
  }
  state.weights = WeightsClient(&state.ports, "pm");
  if (state.options.follows_pm) state.weights.connect(handle);
  state.work = WorkClient(&state.ports, state.options.kinds, 8);
  state.work.connect(handle);
  state.work.start();
  state.loop =
      ComputeLoop("reward/" + std::to_string(state.options.index), state.options.threads, stage);
  state.ports.say(role_report(state));
  return {
      [self](const LinkEvent& event) {
        auto& s = self->state;
        s.ports.expect_accepted(event);
        (void)s.work.handle(event);
        for (int64_t id : s.scored.handle(event)) {
          auto it = s.unacknowledged.find(id);
          if (it == s.unacknowledged.end()) continue;
          s.ports.acknowledge(it->second.first, it->second.second);
          s.unacknowledged.erase(it);
        }
        s.weights.handle(event, s.pm_version.number);
      },
      [self, metrics](Tick) {
        auto& s = self->state;
        s.loop.tick(self, [&] { return step(s, metrics); });
        s.ports.say(role_report(s));
      },
      [self](const FinishRole&) { self->quit(); },
      [self](Probe) {
        auto& s = self->state;
        s.work.renew();
        s.weights.ask(s.pm_version.number);
        return s.ports.say(role_report(s));
      },
      [self](const From<WorkItem>& item) {
        if (!self->state.work.accept(item)) return;
        self->state.items.push_back(item.message);
        self->state.loop.wake(self);
      },
      [](const From<WorkDrained>&) {},
      [self](const From<Committed>& m) { self->state.ports.acknowledge(m.from, m.sequence); },
      [self, metrics](const From<rl::Trajectory>& m) {
        auto& s = self->state;
        s.work.keep_ticket(m.message.work_id, m.message.ticket);
        const auto why = rl::defect(m.message, s.reference->transformer.config.vocab_size);
        if (!why.empty()) {  // a remote value is checked before pure code sees it
          metrics.dropped_schema.Increment();
          s.work.record(Quarantine{m.message.work_id, why}, 0);
          s.ports.acknowledge(m.from, m.sequence);
          return;
        }
        s.trajectories.push_back(m);
        s.loop.wake(self);
      },
      [self, metrics](const From<WeightsReady>& m) { apply_weights(self, m.message, metrics); },
  };
}

}  // namespace charter::actors
