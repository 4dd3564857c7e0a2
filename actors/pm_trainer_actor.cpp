#include "actors/pm_trainer_actor.hpp"

#include <ATen/Parallel.h>

#include "actors/fault_handler.hpp"
#include "actors/pm_setup.hpp"
#include "actors/publish.hpp"

namespace charter::actors {
namespace {

using Self = PmTrainerActor::stateful_pointer<PmTrainerState>;

struct Metrics {
  metrics::PmTrainerMetrics pm;
  metrics::CheckpointMetrics checkpoint;
};

// Puts a pair into the queue. One whose answers are the same is given up: an ordinary outcome, not
// somebody's mistake.
void take(PmTrainerState& state, int64_t work_id, const ComparisonWork& work) {
  if (!(work.p_first >= 0 && work.p_first <= 1))
    throw std::runtime_error("p_first: " + std::to_string(work.p_first) +
                             ", expected a probability");
  auto first = state.text->example(work.prompt, work.first, state.options.max_tokens);
  auto second = state.text->example(work.prompt, work.second, state.options.max_tokens);
  if (const auto why = equal_sides(first, second); !why.empty())
    return state.work.record(Quarantine{work_id, why}, work_id);
  state.queue.push_back(
      {.pair = {.work_id = work_id,
                .first = std::move(first.tokens),
                .second = std::move(second.tokens),
                .p_first = work.p_first,
                .source = work.source},
       .cut = static_cast<int64_t>(first.cut > 0) + static_cast<int64_t>(second.cut > 0)});
}

void publish(PmTrainerState& state, const metrics::PmTrainerMetrics& metrics) {
  feedback::AffineMap map;
  if (!state.probes.empty() && state.trainer->version() > 0) {
    const auto scores = measure(state, metrics);
    metrics.score_drift.Set((scores.mean().item<double>() - state.probe_mean) /
                            state.probe_deviation);
    if (scores.std().item<double>() > 0)
      map = feedback::affine_onto(scores, state.probe_mean, state.probe_deviation);
  }
  auto snapshot = state.trainer->snapshot(state.lineage, map);
  snapshot.model = "pm";
  state.published.push(publish_snapshot(snapshot, state.options.snapshots, metrics.weights),
                       state.trainer->version());
}

void show(const feedback::PmStats& stats, const metrics::PmTrainerMetrics& metrics) {
  metrics.pm_version.Set(static_cast<double>(stats.version));
  metrics.loss.Set(stats.loss);
  metrics.accuracy_train.Set(stats.accuracy);
  metrics.margin.Set(stats.margin_mean);
  metrics.label_entropy.Set(stats.label_entropy);
}

void complete_batch(PmTrainerState& state, const metrics::PmTrainerMetrics& metrics) {
  const auto& stats = state.trainer->stats();
  show(stats, metrics);
  state.loop.count_read(stats.tokens);
  const std::vector<int64_t> ids = std::exchange(state.in_batch, {});
  const nlohmann::json json{{"pairs", stats.pairs},
                            {"loss", stats.loss},
                            {"accuracy", stats.accuracy},
                            {"margin", stats.margin_mean},
                            {"label_entropy", stats.label_entropy},
                            {"grad_norm", stats.grad_norm},
                            {"learning_rate", stats.learning_rate},
                            {"tokens", stats.tokens},
                            {"cut", std::exchange(state.cut_in_batch, 0)}};
  state.log.trained(stats.version, ids, json.dump(), [&state, ids] {
    for (int64_t id : ids) state.work.release(id);
  });
  if (state.options.online) publish(state, metrics);
}

void begin_batch(PmTrainerState& state) {
  std::vector<feedback::PreferencePair> batch;
  while (!state.queue.empty() && static_cast<int64_t>(batch.size()) < state.options.batch) {
    state.in_batch.push_back(state.queue.front().pair.work_id);
    batch.push_back(std::move(state.queue.front().pair));
    state.cut_in_batch += state.queue.front().cut;
    state.queue.pop_front();
  }
  state.trainer->begin(std::move(batch));
}

// Offline the PM is measured at its checkpoints: the measurement costs a third of a batch.
void save(PmTrainerState& state, const Metrics& metrics) {
  state.log.checkpoint(
      state.trainer->version(), [&](const auto& dir) { state.trainer->save(dir); },
      metrics.checkpoint);
  if (!state.options.online && !state.probes.empty()) (void)measure(state, metrics.pm);
}

// Everything is in the ledger: write what the phase leaves behind, and go.
void finish(Self self, const Metrics& metrics) {
  auto& state = self->state;
  if (state.finish_checkpoint && state.trainer->version() > state.log.checkpointed())
    save(state, metrics);
  // Without a version nothing was trained, and the start must not stand there as the result.
  if (state.finish_result && !state.options.result.empty() && state.trainer->version() > 0) {
    auto snapshot = state.trainer->snapshot(state.lineage);
    snapshot.model = "pm";
    model::write_snapshot(snapshot, state.options.result, /*durable=*/true);
  }
  self->quit();
}

// One micro-batch, a checkpoint, or the start of a batch.
bool step(Self self, const Metrics& metrics) {
  auto& state = self->state;
  if (state.trainer->busy()) {
    if (state.trainer->advance()) complete_batch(state, metrics.pm);
  } else if (state.log.due(state.trainer->version())) {
    save(state, metrics);
  } else if (const auto queued = static_cast<int64_t>(state.queue.size());
             !state.finishing && !state.log.awaits_checkpoint(state.trainer->version()) &&
             (queued >= state.options.batch ||
              (!state.options.online && queued > 0 && state.work.is_drained()))) {
    begin_batch(state);
  } else {
    if (state.finishing && state.log.settled()) finish(self, metrics);
    return false;
  }
  return true;
}

// A pair that cannot be read, rendered or believed is nobody's to train on.
void refuse(PmTrainerState& state, int64_t id, const std::exception& why,
            const metrics::PmTrainerMetrics& metrics) {
  metrics.dropped_schema.Increment();
  state.work.record(Quarantine{id, why.what()}, id);
}

RoleReport role_report(PmTrainerState& s) {
  return s.loop.report(s.loop.read(), "version " + std::to_string(s.trainer->version()) + ", " +
                                          std::to_string(s.queue.size()) + " pairs queued");
}

}  // namespace

PmTrainerActor::behavior_type pm_trainer_actor(Self self, Wiring wiring,
                                               std::shared_ptr<const PhaseModels> models,
                                               PmTrainerOptions options,
                                               metrics::PmTrainerMetrics pm_metrics,
                                               metrics::CheckpointMetrics checkpoint_metrics,
                                               metrics::StageMetrics stage) {
  install_fault_handler(self, [self] {
    const auto& s = self->state;
    return s.trainer ? "version " + std::to_string(s.trainer->version()) : std::string();
  });
  const Metrics metrics{pm_metrics, checkpoint_metrics};
  auto& state = self->state;
  state.options = std::move(options);
  state.lineage = wiring.hello.lineage;
  at::set_num_threads(state.options.threads);
  make_trainer(state, *models);
  set_up_probes(state, metrics.pm);  // of the starting weights, before a checkpoint replaces them:
                                     // the scale survives a restore
  const auto handle = caf::actor_cast<PmTrainerActor>(self);
  state.ports = Ports(std::move(wiring), "pm_trainer", 0);
  state.work = WorkClient(&state.ports, state.options.kinds, 2 * state.options.batch);
  state.log =
      TrainingLog(state.options.model, &state.work,
                  store::CheckpointStore(state.options.checkpoints, state.options.keep_checkpoints),
                  state.lineage, state.options.checkpoint_every);
  if (const auto from = state.log.restore(); !from.empty()) {
    state.trainer->restore(from);
    metrics.checkpoint.resumes.Increment();
  }
  state.loop = ComputeLoop("pm_trainer/0", state.options.threads, stage);
  state.published = Outbox(&state.ports);
  if (state.options.online) {
    state.published.add_link(state.ports.connect<>(handle, Arrow::kWeights, 0, 0));
    state.ports.bind<Preference>(handle, Arrow::kPreference, 0, 4 * state.options.batch);
    state.ports.say(role_report(state));  // publishing may wait
    publish(state, metrics.pm);
  }
  state.work.connect(handle);
  state.work.start();
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
        self->state.finishing = true;
        self->state.finish_checkpoint = finish.checkpoint;
        self->state.finish_result = finish.complete;
        self->state.loop.wake(self);
      },
      [self](Probe) {
        auto& s = self->state;
        s.work.renew();
        return s.ports.say(role_report(s));
      },
      [self, metrics](const From<WorkItem>& item) {
        auto& s = self->state;
        if (!s.work.accept(item)) return;
        s.seen.insert(item.message.work_id);
        try {
          const auto work = nlohmann::json::parse(item.message.payload).get<ComparisonWork>();
          take(s, item.message.work_id, work);
        } catch (const std::exception& e) {
          refuse(s, item.message.work_id, e, metrics.pm);
        }
        s.loop.wake(self);
      },
      [self](const From<WorkDrained>& m) {
        self->state.work.drained(m.message);
        self->state.loop.wake(self);
      },
      [self](const From<Committed>& m) { self->state.ports.acknowledge(m.from, m.sequence); },
      [self, metrics](const From<Preference>& m) {
        auto& s = self->state;
        const auto& p = m.message;
        s.work.keep_ticket(p.work_id, p.ticket);
        // Ours from here: the sender records the pair after this, and a restore reads the record.
        s.ports.acknowledge(m.from, m.sequence);
        if (!s.seen.insert(p.work_id).second)
          return;  // judged again after its first judge was lost
        try {
          take(s, p.work_id,
               {.prompt = p.prompt,
                .first = p.first,
                .second = p.second,
                .p_first = p.p_first,
                .source = "ai"});
        } catch (const std::exception&
                     e) {  // the sender's mistake must not end the trainer, nor come back for ever
          refuse(s, p.work_id, e, metrics.pm);
        }
        s.loop.wake(self);
      },
  };
}

}  // namespace charter::actors
