#include "actors/pm_trainer_actor.hpp"

#include <ATen/Parallel.h>

#include "actors/fault_handler.hpp"
#include "actors/publish.hpp"
#include "metrics/busy_clock.hpp"

namespace charter::actors {
namespace {

using Self = PmTrainerActor::stateful_pointer<PmTrainerState>;
using Clock = std::chrono::steady_clock;

feedback::PreferencePair to_pair(const PmTrainerState& state, int64_t id, const std::string& prompt, const std::string& first,
                                 const std::string& second, double p_first, std::string source) {
  return {.work_id = id,
          .first = state.text->example(prompt, first, state.options.max_tokens).tokens,
          .second = state.text->example(prompt, second, state.options.max_tokens).tokens,
          .p_first = p_first,
          .source = std::move(source)};
}

void make_trainer(PmTrainerState& state, const PhaseModels& models) {
  const auto base = models.load("pm_init");
  state.text = base->text;
  feedback::PreferenceModel pm{base->transformer, model::random_value_head(base->transformer.config.hidden_size, state.options.seed)};
  if (models.lora_enabled()) model::attach_lora(pm.transformer, models.lora(), state.options.seed);
  else model::enable_full_training(pm.transformer);
  if (!state.options.start.empty()) {
    const auto snapshot = model::read_snapshot(state.options.start);
    auto tensors = snapshot.tensors;
    pm.head = model::value_head_from(tensors, base->transformer.config.hidden_size);
    std::erase_if(tensors, [](const auto& entry) { return entry.first.starts_with("value_head."); });
    model::load_trainable(pm.transformer, tensors);
  }
  state.trainer.emplace(std::move(pm), feedback::PmOptions{}, model::AdamWOptions{.lr = state.options.learning_rate});
}

// Scores of the probe pairs under the present weights. [n]
at::Tensor probe_scores(const PmTrainerState& state) {
  return feedback::scores_in_slices(state.trainer->preference_model(), state.probes, 1024);
}

void publish(PmTrainerState& state, const metrics::PmTrainerMetrics& metrics) {
  feedback::AffineMap map;
  if (state.probes.size() >= 2 && state.trainer->version() > 0) {
    const auto scores = probe_scores(state);
    metrics.score_drift.Set(scores.mean().item<double>() - state.probe_mean);
    if (scores.std().item<double>() > 0) map = feedback::affine_onto(scores, state.probe_mean, state.probe_deviation);
  }
  auto snapshot = state.trainer->snapshot(state.lineage, map);
  snapshot.model = "pm";
  state.published.push(publish_snapshot(snapshot, state.options.shared_memory), state.trainer->version());
}

void show(const feedback::PmStats& stats, const metrics::PmTrainerMetrics& metrics) {
  metrics.pm_version.Set(static_cast<double>(stats.version));
  metrics.loss.Set(stats.loss);
  metrics.accuracy_train.Set(stats.accuracy);
  metrics.label_entropy.Set(stats.label_entropy);
}

void complete_batch(PmTrainerState& state, const metrics::PmTrainerMetrics& metrics) {
  const auto& stats = state.trainer->stats();
  show(stats, metrics);
  state.tokens += stats.tokens;
  std::vector<int64_t> ids;
  for (const auto& source : state.in_batch) ids.push_back(source.work_id);
  const nlohmann::json json{{"pairs", stats.pairs}, {"loss", stats.loss}, {"accuracy", stats.accuracy},
                            {"margin", stats.margin_mean}, {"label_entropy", stats.label_entropy}, {"grad_norm", stats.grad_norm},
                            {"tokens", stats.tokens}};
  state.log.trained(stats.version, ids, json.dump(), [&state, sources = std::move(state.in_batch)] {
    for (const auto& source : sources) {
      if (source.peer.peer != 0) state.ports.acknowledge(source.peer, source.sequence);
      else state.work.release(source.work_id);
    }
  });
  state.in_batch.clear();
  if (state.options.online) publish(state, metrics);
}

void begin_batch(PmTrainerState& state) {
  std::vector<feedback::PreferencePair> batch;
  while (!state.queue.empty() && static_cast<int64_t>(batch.size()) < state.options.batch) {
    batch.push_back(std::move(state.queue.front().pair));
    state.in_batch.push_back(state.queue.front().source);
    state.queue.pop_front();
  }
  state.trainer->begin(std::move(batch));
}

void save(PmTrainerState& state, const metrics::CheckpointMetrics& metrics) {
  state.log.checkpoint(state.trainer->version(), [&](const auto& dir) { state.trainer->save(dir); }, metrics);
}

// Everything is in the ledger: write what the phase leaves behind, and go.
void finish(Self self, const metrics::CheckpointMetrics& metrics) {
  auto& state = self->state;
  if (state.finish_checkpoint && state.trainer->version() > state.log.checkpointed()) save(state, metrics);
  if (state.finish_result && !state.options.result.empty()) {
    auto snapshot = state.trainer->snapshot(state.lineage);
    snapshot.model = "pm";
    model::write_snapshot(snapshot, state.options.result, /*durable=*/true);
  }
  self->quit();
}

void tick(Self self, const metrics::PmTrainerMetrics& metrics, const metrics::CheckpointMetrics& checkpoint_metrics) {
  auto& state = self->state;
  at::set_num_threads(state.options.threads);
  ++state.progress;
  if (state.trainer->busy()) {
    if (state.trainer->advance()) complete_batch(state, metrics);
  } else if (state.log.due(state.trainer->version())) {
    save(state, checkpoint_metrics);
  } else if (const auto queued = static_cast<int64_t>(state.queue.size());
             !state.finishing && !state.log.awaits_checkpoint(state.trainer->version()) &&
             (queued >= state.options.batch || (!state.options.online && queued > 0 && state.work.is_drained()))) {
    begin_batch(state);
  } else {
    state.ticking = false;
    if (state.finishing && state.log.settled()) finish(self, checkpoint_metrics);
    return;
  }
  self->send(self, Tick{});
}

void wake(Self self) {
  if (self->state.ticking) return;
  self->state.ticking = true;
  self->send(self, Tick{});
}

void set_up_probes(PmTrainerState& state) {
  for (const auto& probe : state.options.probes) {
    state.probes.push_back(state.text->example(probe.prompt, probe.first, state.options.max_tokens).tokens);
    state.probes.push_back(state.text->example(probe.prompt, probe.second, state.options.max_tokens).tokens);
  }
  if (state.probes.size() < 2) return;
  const auto scores = probe_scores(state);
  state.probe_mean = scores.mean().item<double>();
  state.probe_deviation = scores.std().item<double>();
}

}  // namespace

PmTrainerActor::behavior_type pm_trainer_actor(Self self, Wiring wiring, std::shared_ptr<const PhaseModels> models,
                                               PmTrainerOptions options, metrics::PmTrainerMetrics metrics,
                                               metrics::CheckpointMetrics checkpoint_metrics, metrics::StageMetrics stage) {
  install_fault_handler(self);
  auto& state = self->state;
  state.options = std::move(options);
  state.lineage = wiring.hello.lineage;
  at::set_num_threads(state.options.threads);
  make_trainer(state, *models);
  set_up_probes(state);   // of the starting weights, before a checkpoint replaces them: the scale survives a restore
  const auto handle = caf::actor_cast<PmTrainerActor>(self);
  state.ports = Ports(std::move(wiring), "pm_trainer", 0);
  state.work = WorkClient(&state.ports, state.options.kinds, 2 * state.options.batch);
  state.log = TrainingLog(state.options.model, &state.work,
                          store::CheckpointStore(state.options.checkpoints, state.options.keep_checkpoints), state.lineage,
                          state.options.checkpoint_every);
  if (const auto from = state.log.restore(); !from.empty()) {
    state.trainer->restore(from);
    checkpoint_metrics.resumes.Increment();
  }
  state.published = Outbox(&state.ports);
  if (state.options.online) {
    state.published.add_link(state.ports.connect<>(handle, Arrow::kWeights, 0, 0));
    state.ports.bind<Preference>(handle, Arrow::kPreference, 0, 4 * state.options.batch);
    publish(state, metrics);
  }
  state.work.connect(handle);
  state.work.start();
  auto clock = std::make_shared<metrics::BusyClock>(stage, Clock::now());
  return {
      [self](const LinkEvent& event) {
        auto& s = self->state;
        s.log.committed(s.work.handle(event));
        (void)s.published.handle(event);
        wake(self);
      },
      [self, metrics, checkpoint_metrics, clock](Tick) {
        clock->enter(metrics::StageState::kBusy, Clock::now());
        tick(self, metrics, checkpoint_metrics);
        clock->enter(self->state.ticking ? metrics::StageState::kBusy : metrics::StageState::kWaitIn, Clock::now());
      },
      [self](const FinishRole& finish) {
        self->state.finishing = true;
        self->state.finish_checkpoint = finish.checkpoint;
        self->state.finish_result = finish.complete;
        wake(self);
      },
      [self, clock](Probe) {
        auto& s = self->state;
        s.work.renew();
        clock->flush(Clock::now());
        return RoleReport{.name = "pm_trainer/0", .progress = s.progress, .tokens = s.tokens,
                          .state = "version " + std::to_string(s.trainer->version()) + ", " + std::to_string(s.queue.size()) + " pairs queued"};
      },
      [self](const From<WorkItem>& item) {
        auto& s = self->state;
        if (!s.work.accept(item)) return;
        s.seen.insert(item.message.work_id);
        try {
          const auto work = nlohmann::json::parse(item.message.payload).get<ComparisonWork>();
          s.queue.push_back({to_pair(s, item.message.work_id, work.prompt, work.first, work.second, work.p_first, work.source),
                             {.work_id = item.message.work_id}});
        } catch (const std::exception& e) {   // a comparison that cannot be read or rendered is nobody's to train on
          s.work.record(Quarantine{item.message.work_id, e.what()}, item.message.work_id);
        }
        wake(self);
      },
      [self](const From<WorkDrained>& m) {
        self->state.work.drained(m.message);
        wake(self);
      },
      [self](const From<Committed>& m) { self->state.ports.acknowledge(m.from, m.sequence); },
      [self](const From<Preference>& m) {
        auto& s = self->state;
        const auto& p = m.message;
        if (!s.seen.insert(p.work_id).second) {   // a pair judged again after its first judge was lost
          s.ports.acknowledge(m.from, m.sequence);
          return;
        }
        s.queue.push_back({to_pair(s, p.work_id, p.prompt, p.first, p.second, p.p_first, "ai"),
                           {.work_id = p.work_id, .peer = m.from, .sequence = m.sequence}});
        wake(self);
      },
  };
}

}  // namespace charter::actors
