#include "actors/feedback_actor.hpp"

#include <ATen/Parallel.h>

#include "actors/fault_handler.hpp"
#include "actors/feedback_jobs.hpp"

namespace charter::actors {
namespace {

using Self = FeedbackActor::stateful_pointer<FeedbackState>;

// The judgement is in the ledger: its pair is acknowledged to its rollout actor.
void owned(FeedbackState& state, int64_t id) {
  if (auto pair = state.unacknowledged.find(id); pair != state.unacknowledged.end()) {
    state.ports.acknowledge(pair->second.first, pair->second.second);
    state.unacknowledged.erase(pair);
  }
}

// One engine step.
bool step(FeedbackState& state, const metrics::FeedbackMetrics& metrics) {
  if (state.engine->idle()) return false;
  for (const auto& completion : state.engine->step()) complete_score(state, completion, metrics);
  state.meter.show(state.engine->stats(), state.requests.size(), metrics.engine, state.loop);
  return true;
}

RoleReport role_report(FeedbackState& s) {
  return s.loop.report(s.loop.read(), s.judging.empty() ? "waiting for pairs"
                                                        : std::to_string(s.judging.size()) +
                                                              " pairs under judgement");
}

}  // namespace

FeedbackActor::behavior_type feedback_actor(Self self, Wiring wiring,
                                            std::shared_ptr<const PhaseModels> models,
                                            FeedbackOptions options,
                                            metrics::FeedbackMetrics metrics,
                                            metrics::StageMetrics stage) {
  install_fault_handler(self);
  auto& state = self->state;
  state.options = std::move(options);
  at::set_num_threads(state.options.threads);
  state.loaded = models->load("judge");
  state.engine.emplace(std::move(state.options.packed), state.loaded->text->shared_tokenizer(),
                       model::WeightVersion{}, state.options.engine);
  make_judges(state);
  const auto handle = caf::actor_cast<FeedbackActor>(self);
  state.ports = Ports(std::move(wiring), "feedback", state.options.index);
  state.preferences = Outbox(&state.ports);
  if (state.options.online)
    state.preferences.add_link(state.ports.connect<>(handle, Arrow::kPreference, 0, 0));
  if (state.options.serves_pairs)
    state.pair_link = state.ports.bind<Pair>(handle, Arrow::kPair, state.options.index, 16);
  state.work = WorkClient(&state.ports, state.options.kinds, state.options.engine.max_batch);
  state.work.connect(handle);
  state.work.start();
  state.loop =
      ComputeLoop("feedback/" + std::to_string(state.options.index), state.options.threads, stage);
  state.ports.say(role_report(state));
  return {
      [self](const LinkEvent& event) {
        auto& s = self->state;
        s.ports.expect_accepted(event);
        for (int64_t id : s.work.handle(event)) owned(s, id);
        // The trainer has the preference: now it may count as given.
        for (int64_t id : s.preferences.handle(event))
          if (auto record = s.unrecorded.extract(id)) s.work.record(record.mapped(), id);
      },
      [self, metrics](Tick) {
        auto& s = self->state;
        s.loop.tick(self, [&] { return step(s, metrics); });
        s.ports.say(role_report(s));
      },
      [self, metrics](const FinishRole&) {
        metrics.engine.ended();
        self->quit();
      },
      [self](Probe) {
        auto& s = self->state;
        s.work.renew();
        return s.ports.say(role_report(s));
      },
      [self, metrics](const From<WorkItem>& item) {
        auto& s = self->state;
        if (!s.work.accept(item)) return;
        ComparisonWork work;
        try {
          work = nlohmann::json::parse(item.message.payload).get<ComparisonWork>();
        } catch (const nlohmann::json::exception& e) {
          fail_judgement(s, item.message.work_id, std::string("payload: ") + e.what(), metrics);
          return;
        }
        Judgement j;
        j.record = {.prompt_id = work.comparison_id,
                    .prompt = work.prompt,
                    .first = work.first,
                    .second = work.second,
                    .purpose = work.purpose,
                    .left = work.left,
                    .right = work.right,
                    .target = work.p_first};
        begin_judgement(s, item.message.work_id, std::move(j), work.method, metrics);
        s.loop.wake(self);
      },
      [](const From<WorkDrained>&) {},
      [self](const From<Committed>& m) { self->state.ports.acknowledge(m.from, m.sequence); },
      [self, metrics](const From<Pair>& m) {
        auto& s = self->state;
        const auto& p = m.message;
        s.work.keep_ticket(p.work_id, p.ticket);
        if (auto held = s.unacknowledged.find(p.work_id); held != s.unacknowledged.end()) {
          // The lease was issued again: the label under way stands for both, the later sender waits
          // for it.
          s.ports.acknowledge(held->second.first, held->second.second);
          held->second = {m.from, m.sequence};
          return;
        }
        Judgement j;
        j.is_pair = true;
        j.record = {.prompt_id = p.prompt_id,
                    .prompt = p.prompt,
                    .first = p.first,
                    .second = p.second,
                    .purpose = "label"};
        s.unacknowledged[p.work_id] = {m.from, m.sequence};
        begin_judgement(s, p.work_id, std::move(j), s.options.method, metrics);
        s.loop.wake(self);
      },
  };
}

}  // namespace charter::actors
