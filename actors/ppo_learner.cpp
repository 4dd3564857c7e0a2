#include "actors/ppo_learner.hpp"

#include <ATen/Parallel.h>

#include <limits>

#include "actors/fault_handler.hpp"
#include "actors/kept_model.hpp"
#include "actors/learner_batches.hpp"
#include "actors/learner_stats.hpp"
#include "actors/publish.hpp"

namespace charter::actors {
namespace {

using Self = LearnerActor::stateful_pointer<LearnerState>;
struct Metrics {
  metrics::LearnerMetrics learner;
  metrics::CheckpointMetrics checkpoint;
};

void make_trainer(LearnerState& state) {
  state.base = state.models->load(state.options.start);
  auto policy = state.base->transformer;
  if (state.models->lora_enabled())
    model::attach_lora(policy, state.models->lora(), state.options.seed);
  else
    model::enable_full_training(policy);
  if (state.options.ppo)
    state.ppo.emplace(std::move(policy),
                      model::zero_value_head(state.base->transformer.config.hidden_size,
                                             state.base->transformer.embedding.device()),
                      state.options.options, state.options.optimizer);
  else
    state.sft.emplace(std::move(policy), state.options.sft, state.options.optimizer);
}

int64_t version(const LearnerState& state) {
  return state.ppo ? state.ppo->version() : state.sft->version();
}
bool busy(const LearnerState& state) { return state.ppo ? state.ppo->busy() : state.sft->busy(); }
bool advance(LearnerState& state) {
  return state.ppo ? state.ppo->advance() : state.sft->advance();
}

void publish(LearnerState& state, const metrics::LearnerMetrics& metrics) {
  auto snapshot = state.ppo->snapshot(state.lineage);
  snapshot.model = "policy";
  state.published.push(publish_snapshot(snapshot, state.options.snapshots, metrics.weights),
                       snapshot.version);
}

void complete_sft(LearnerState& state, const metrics::LearnerMetrics& metrics) {
  const auto& stats = state.sft->stats();
  show(stats, metrics);
  state.loop.count_read(stats.tokens);
  state.log.trained(stats.version, state.in_batch,
                    to_json(stats, std::exchange(state.cut_in_batch, 0)),
                    [&state, ids = state.in_batch] {
                      for (int64_t id : ids) state.work.release(id);
                    });
  state.in_batch.clear();
}

void complete_ppo(LearnerState& state, const metrics::LearnerMetrics& metrics) {
  auto batch = std::move(state.batches.front());
  state.batches.pop_front();
  const auto& stats = state.ppo->stats();
  show(stats, state.options.options.kl_coef, metrics);
  state.loop.count_read(stats.tokens);
  publish(state, metrics);  // before the ledger's commit: rollouts of the next version need not
                            // wait for the disk
  std::vector<int64_t> ids, versions;
  double pm_version = 0;
  for (const auto& scored : batch.message.trajectories) {
    ids.push_back(scored.trajectory.work_id);
    versions.push_back(rl::oldest_version(scored.trajectory));
    pm_version = std::max(pm_version, static_cast<double>(scored.pm_version));
  }
  state.log.trained(stats.version, ids, to_json(stats, versions, pm_version),
                    [&state, from = batch.from, sequence = batch.sequence] {
                      state.ports.acknowledge(from, sequence);
                    });
}

void save(LearnerState& state, const metrics::CheckpointMetrics& metrics) {
  state.log.checkpoint(
      version(state),
      [&](const auto& dir) { state.ppo ? state.ppo->save(dir) : state.sft->save(dir); }, metrics);
}

// The merged model, as a directory that every other stage and other programs read. Complete or not
// at all.
void leave_result(LearnerState& state) {
  const auto target = state.models->weights() / state.options.result;
  if (std::filesystem::exists(target)) return;
  auto files = load_kept_model(state.models->weights() /
                               weights_name(state.models->config(), state.options.start));
  const at::NoGradGuard no_grad;
  carry_format(files, *state.models->load(state.options.start)->text);
  files.tensors.clear();
  for (auto& [tensor_name, tensor] :
       model::merged_tensors(state.ppo ? state.ppo->policy() : state.sft->policy()))
    files.tensors[tensor_name] = tensor.detach();
  save_kept_model(files, target);
}

void finish(Self self, const Metrics& metrics) {
  auto& state = self->state;
  if (state.finish_checkpoint && version(state) > state.log.checkpointed())
    save(state, metrics.checkpoint);
  // Without a version nothing was trained, and the start must not stand there as the result.
  if (state.finish_result && version(state) > 0) leave_result(state);
  metrics.learner.last_step_timestamp_seconds.Set(std::numeric_limits<double>::quiet_NaN());
  self->quit();
}

// One micro-batch, a checkpoint, or the start of a batch.
bool step(Self self, const Metrics& metrics) {
  auto& state = self->state;
  if (busy(state)) {
    if (advance(state))
      state.ppo ? complete_ppo(state, metrics.learner) : complete_sft(state, metrics.learner);
  } else if (state.log.due(version(state))) {
    save(state, metrics.checkpoint);
  } else if (state.finishing || state.log.awaits_checkpoint(version(state)) ||
             !begin_batch(state)) {
    if (state.finishing && state.log.settled()) finish(self, metrics);
    return false;
  }
  return true;
}

RoleReport role_report(LearnerState& s) {
  const auto queued = s.ppo ? s.batches.size() : s.examples.size();
  return s.loop.report(s.loop.read(), "version " + std::to_string(version(s)) +
                                          (busy(s) ? ", training" : ", waiting") + ", " +
                                          std::to_string(queued) + " queued");
}

void open_links(Self self, const LearnerActor& handle, const metrics::LearnerMetrics& metrics) {
  auto& state = self->state;
  state.work =
      WorkClient(&state.ports,
                 state.options.ppo ? std::vector<std::string>{} : std::vector<std::string>{"sft"},
                 2 * state.options.batch);
  state.published = Outbox(&state.ports);
  if (state.options.ppo) {
    state.published.add_link(state.ports.connect<>(handle, Arrow::kWeights, 0, 0));
    state.ports.connect<Batch>(handle, Arrow::kBatch, 0, 1);
    state.ports.say(role_report(state));  // publishing may wait
    publish(state, metrics);
  }
  state.work.connect(handle);
  state.work.start();
}

}  // namespace

LearnerActor::behavior_type ppo_learner(Self self, Wiring wiring,
                                        std::shared_ptr<const PhaseModels> models,
                                        LearnerOptions options,
                                        metrics::LearnerMetrics learner_metrics,
                                        metrics::CheckpointMetrics checkpoint_metrics,
                                        metrics::StageMetrics stage) {
  install_fault_handler(self, [self] {
    const auto& s = self->state;
    return s.ppo || s.sft ? "version " + std::to_string(version(s)) : std::string();
  });
  const Metrics metrics{learner_metrics, checkpoint_metrics};
  auto& state = self->state;
  state.options = std::move(options);
  state.models = std::move(models);
  state.lineage = wiring.hello.lineage;
  at::set_num_threads(state.options.threads);
  make_trainer(state);
  state.ports = Ports(std::move(wiring), "ppo_learner", 0);
  state.log =
      TrainingLog(state.options.ppo ? "policy" : "sl", &state.work,
                  store::CheckpointStore(state.options.checkpoints, state.options.keep_checkpoints),
                  state.lineage, state.options.checkpoint_every);
  if (const auto from = state.log.restore(); !from.empty()) {
    state.ppo ? state.ppo->restore(from) : state.sft->restore(from);
    metrics.checkpoint.resumes.Increment();
  }
  if (state.ppo) metrics.learner.policy_version.Set(static_cast<double>(version(state)));
  state.loop = ComputeLoop("ppo_learner/0", state.options.threads, stage);
  open_links(self, caf::actor_cast<LearnerActor>(self), metrics.learner);
  state.ports.say(role_report(state));
  return {
      [self](const LinkEvent& event) {
        auto& s = self->state;
        s.ports.expect_accepted(event);
        s.log.committed(s.work.handle(event));
        (void)s.published.handle(event);
        s.loop.wake(self);
      },
      [self, metrics](Tick) {
        auto& s = self->state;
        s.loop.tick(self, [&] { return step(self, metrics); });
        s.ports.say(role_report(s));
      },
      [self](const FinishRole& finish) {
        auto& s = self->state;
        s.finishing = true;
        s.finish_checkpoint = finish.checkpoint;
        s.finish_result = finish.complete;
        s.loop.wake(self);
      },
      [self](Probe) {
        auto& s = self->state;
        s.work.renew();
        return s.ports.say(role_report(s));
      },
      [self](const From<WorkItem>& item) {
        auto& s = self->state;
        if (!s.work.accept(item)) return;
        take_example(s, item.message);
        s.loop.wake(self);
      },
      [self](const From<WorkDrained>& m) {
        self->state.work.drained(m.message);
        self->state.loop.wake(self);
      },
      [self](const From<Committed>& m) { self->state.ports.acknowledge(m.from, m.sequence); },
      [self, metrics](const From<Batch>& m) {
        take_batch(self->state, m, metrics.learner);
        self->state.loop.wake(self);
      },
  };
}

}  // namespace charter::actors
