#include "actors/ppo_learner.hpp"

#include <ATen/Parallel.h>

#include <limits>

#include "actors/fault_handler.hpp"
#include "actors/learner_stats.hpp"
#include "actors/publish.hpp"
#include "metrics/busy_clock.hpp"

namespace charter::actors {
namespace {

using Self = LearnerActor::stateful_pointer<LearnerState>;
using Clock = std::chrono::steady_clock;

void make_trainer(LearnerState& state) {
  state.base = state.models->load(state.options.start);
  auto policy = state.base->transformer;
  if (state.models->lora_enabled()) model::attach_lora(policy, state.models->lora(), state.options.seed);
  else model::enable_full_training(policy);
  if (state.options.ppo)
    state.ppo.emplace(std::move(policy), model::zero_value_head(state.base->transformer.config.hidden_size), state.options.options,
                      state.options.optimizer);
  else
    state.sft.emplace(std::move(policy), model::SftOptions{}, state.options.optimizer);
}

int64_t version(const LearnerState& state) { return state.ppo ? state.ppo->version() : state.sft->version(); }
bool busy(const LearnerState& state) { return state.ppo ? state.ppo->busy() : state.sft->busy(); }
bool advance(LearnerState& state) { return state.ppo ? state.ppo->advance() : state.sft->advance(); }

void publish(LearnerState& state) {
  auto snapshot = state.ppo->snapshot(state.lineage);
  snapshot.model = "policy";
  state.published.push(publish_snapshot(snapshot, state.options.shared_memory), snapshot.version);
}

void complete_sft(LearnerState& state, const metrics::LearnerMetrics& metrics) {
  const auto& stats = state.sft->stats();
  show(stats, metrics);
  state.tokens += stats.tokens;
  state.log.trained(stats.version, state.in_batch, to_json(stats), [&state, ids = state.in_batch] {
    for (int64_t id : ids) state.work.release(id);
  });
  state.in_batch.clear();
}

void complete_ppo(LearnerState& state, const metrics::LearnerMetrics& metrics) {
  auto batch = std::move(state.batches.front());
  state.batches.pop_front();
  const auto& stats = state.ppo->stats();
  show(stats, state.options.options.kl_coef, metrics);
  state.tokens += stats.tokens;
  publish(state);   // before the ledger's commit: rollouts of the next version need not wait for the disk
  std::vector<int64_t> ids, versions;
  double pm_version = 0;
  for (const auto& scored : batch.message.trajectories) {
    ids.push_back(scored.trajectory.work_id);
    versions.push_back(rl::oldest_version(scored.trajectory));
    pm_version = std::max(pm_version, static_cast<double>(scored.pm_version));
  }
  state.log.trained(stats.version, ids, to_json(stats, versions, pm_version), [&state, from = batch.from, sequence = batch.sequence] {
    state.ports.acknowledge(from, sequence);
  });
}

// A conversation that cannot be read or rendered is nobody's to train on.
void take_example(LearnerState& state, const WorkItem& item) {
  try {
    const auto work = nlohmann::json::parse(item.payload).get<SftWork>();
    auto example = state.base->text->example(work.prompt, work.response, state.options.max_tokens);
    state.examples.emplace_back(item.work_id, model::SftExample{.tokens = std::move(example.tokens), .loss_from = example.loss_from});
  } catch (const std::exception& e) {
    state.work.record(Quarantine{item.work_id, e.what()}, item.work_id);
  }
}

// The next batch, when one is there.
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
    batch.push_back(std::move(state.examples.front().second));
    state.in_batch.push_back(state.examples.front().first);
    state.examples.pop_front();
  }
  state.sft->begin(std::move(batch));
  return true;
}

void save(LearnerState& state, const metrics::CheckpointMetrics& metrics) {
  state.log.checkpoint(version(state), [&](const auto& dir) { state.ppo ? state.ppo->save(dir) : state.sft->save(dir); }, metrics);
}

// The merged model, as a directory that every other stage and other programs read. Complete or not at all.
void leave_result(LearnerState& state) {
  const auto target = state.models->weights() / state.options.result;
  if (std::filesystem::exists(target)) return;
  auto files = model::load_model(state.models->weights() / weights_name(state.models->config(), state.options.start));
  const at::NoGradGuard no_grad;
  files.tensors.clear();
  for (auto& [tensor_name, tensor] : model::merged_tensors(state.ppo ? state.ppo->policy() : state.sft->policy()))
    files.tensors[tensor_name] = tensor.detach();
  model::save_hf_directory(files, target);
}

void finish(Self self, const metrics::LearnerMetrics& metrics, const metrics::CheckpointMetrics& checkpoint_metrics) {
  auto& state = self->state;
  if (state.finish_checkpoint && version(state) > state.log.checkpointed()) save(state, checkpoint_metrics);
  if (state.finish_result) leave_result(state);
  metrics.last_step_timestamp_seconds.Set(std::numeric_limits<double>::quiet_NaN());
  self->quit();
}

void tick(Self self, const metrics::LearnerMetrics& metrics, const metrics::CheckpointMetrics& checkpoint_metrics) {
  auto& state = self->state;
  at::set_num_threads(state.options.threads);
  ++state.progress;
  if (busy(state)) {
    if (advance(state)) state.ppo ? complete_ppo(state, metrics) : complete_sft(state, metrics);
  } else if (state.log.due(version(state))) {
    save(state, checkpoint_metrics);
  } else if (state.finishing || state.log.awaits_checkpoint(version(state)) || !begin_batch(state)) {
    state.ticking = false;
    if (state.finishing && state.log.settled()) finish(self, metrics, checkpoint_metrics);
    return;
  }
  self->send(self, Tick{});
}

void wake(Self self) {
  if (self->state.ticking) return;
  self->state.ticking = true;
  self->send(self, Tick{});
}

void open_links(Self self, const LearnerActor& handle) {
  auto& state = self->state;
  state.work = WorkClient(&state.ports, state.options.ppo ? std::vector<std::string>{} : std::vector<std::string>{"sft"},
                          2 * state.options.batch);
  state.published = Outbox(&state.ports);
  if (state.options.ppo) {
    state.published.add_link(state.ports.connect<>(handle, Arrow::kWeights, 0, 0));
    state.ports.connect<Batch>(handle, Arrow::kBatch, 0, 1);
    publish(state);
  }
  state.work.connect(handle);
  state.work.start();
}

}  // namespace

LearnerActor::behavior_type ppo_learner(Self self, Wiring wiring, std::shared_ptr<const PhaseModels> models, LearnerOptions options,
                                        metrics::LearnerMetrics metrics, metrics::CheckpointMetrics checkpoint_metrics,
                                        metrics::StageMetrics stage) {
  install_fault_handler(self);
  auto& state = self->state;
  state.options = std::move(options);
  state.models = std::move(models);
  state.lineage = wiring.hello.lineage;
  at::set_num_threads(state.options.threads);
  make_trainer(state);
  state.ports = Ports(std::move(wiring), "ppo_learner", 0);
  state.log = TrainingLog(state.options.ppo ? "policy" : "sl", &state.work,
                          store::CheckpointStore(state.options.checkpoints, state.options.keep_checkpoints), state.lineage,
                          state.options.checkpoint_every);
  if (const auto from = state.log.restore(); !from.empty()) {
    state.ppo ? state.ppo->restore(from) : state.sft->restore(from);
    checkpoint_metrics.resumes.Increment();
  }
  metrics.policy_version.Set(static_cast<double>(version(state)));
  open_links(self, caf::actor_cast<LearnerActor>(self));
  auto clock = std::make_shared<metrics::BusyClock>(stage, Clock::now());
  return {
      [self](const LinkEvent& event) {
        auto& s = self->state;
        s.log.committed(s.work.handle(event));
        (void)s.published.handle(event);
        wake(self);
      },
      [self, metrics, checkpoint_metrics, stage, clock](Tick) {
        clock->enter(metrics::StageState::kBusy, Clock::now());
        const auto before = self->state.tokens;
        tick(self, metrics, checkpoint_metrics);
        stage.prompt_tokens.Increment(static_cast<double>(self->state.tokens - before));
        clock->enter(self->state.ticking ? metrics::StageState::kBusy : metrics::StageState::kWaitIn, Clock::now());
      },
      [self](const FinishRole& finish) {
        auto& s = self->state;
        s.finishing = true;
        s.finish_checkpoint = finish.checkpoint;
        s.finish_result = finish.complete;
        wake(self);
      },
      [self, clock](Probe) {
        auto& s = self->state;
        s.work.renew();
        clock->flush(Clock::now());
        const auto queued = s.ppo ? s.batches.size() : s.examples.size();
        return RoleReport{.name = "ppo_learner/0", .progress = s.progress, .tokens = s.tokens,
                          .state = "version " + std::to_string(version(s)) + (busy(s) ? ", training" : ", waiting") + ", " +
                                   std::to_string(queued) + " queued"};
      },
      [self](const From<WorkItem>& item) {
        auto& s = self->state;
        if (!s.work.accept(item)) return;
        take_example(s, item.message);
        wake(self);
      },
      [self](const From<WorkDrained>& m) {
        self->state.work.drained(m.message);
        wake(self);
      },
      [self](const From<Committed>& m) { self->state.ports.acknowledge(m.from, m.sequence); },
      [self](const From<Batch>& m) {
        self->state.batches.push_back(m);
        wake(self);
      },
  };
}

}  // namespace charter::actors
