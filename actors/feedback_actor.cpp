#include "actors/feedback_actor.hpp"

#include <ATen/Parallel.h>

#include <algorithm>

#include "actors/fault_handler.hpp"
#include "feedback/counter_rng.hpp"
#include "metrics/busy_clock.hpp"

namespace charter::actors {
namespace {

using Self = FeedbackActor::stateful_pointer<FeedbackState>;
using Clock = std::chrono::steady_clock;

void make_judges(FeedbackState& state) {
  const auto& o = state.options;
  const std::string model = "judge:" + state.loaded->source;
  state.judges[feedback::kLikelihoodContrast] = feedback::make_likelihood_contrast_judge(
      {.judge_id = model, .scale = o.contrast_scale, .clamp_low = o.clamp, .clamp_high = 1 - o.clamp});
  state.judges[feedback::kMultipleChoice] = feedback::make_multiple_choice_judge(
      o.constitution.get(), o.examples.get(),
      {.judge_id = model, .clamp_low = o.clamp, .clamp_high = 1 - o.clamp, .seed = o.seed, .fixed_examples = true,
       .max_prompt_tokens = o.max_context - 8},
      [text = state.loaded->text](std::string_view s) { return static_cast<int64_t>(text->plain(s).size()); });
}

// The constitution's principles are about harm; helpful answers are compared by this one.
const feedback::FeedbackPrinciple& helpfulness_principle() {
  static const feedback::FeedbackPrinciple principle{
      "helpfulness", "Which of these responses answers the question more helpfully: correct, complete, clear and to the point?",
      {"helpful, knowledgeable and clear", "useless, ignorant and confusing"}};
  return principle;
}

// Principles that label are the first ones, those of the evaluation the held-out rest: its judge differs from the labeller.
const feedback::FeedbackPrinciple& draw(const FeedbackState& state, int64_t work_id, const std::string& purpose) {
  if (purpose == "helpfulness") return helpfulness_principle();
  const bool evaluation = purpose == "harmlessness";
  const auto& all = state.options.constitution->feedback;
  const auto held = std::min<size_t>(state.options.held_out_principles, all.size() - 1);
  const size_t first = evaluation ? all.size() - held : 0, count = evaluation ? held : all.size() - held;
  return all[first + feedback::draw_index({.seed = state.options.seed, .work_id = static_cast<uint64_t>(work_id), .round = 7},
                                          count)];
}

void fail(FeedbackState& state, int64_t id, const std::string& why, const metrics::FeedbackMetrics& metrics) {
  metrics.requests_error.Increment();
  std::erase_if(state.requests, [id](const auto& r) { return r.second.first == id; });
  state.judging.erase(id);
  state.owners_missing[id] = 1;
  state.work.record(Quarantine{id, why}, id);
}

void begin(FeedbackState& state, int64_t id, Judgement judgement, const std::string& method,
           const metrics::FeedbackMetrics& metrics) {
  auto& j = state.judging.insert_or_assign(id, std::move(judgement)).first->second;
  j.started = Clock::now();
  try {
    j.judge = state.judges.at(method).get();
    j.principle = &draw(state, id, j.record.purpose);
    const auto requests = j.judge->requests({.id = static_cast<uint64_t>(id), .prompt = feedback::parse_prompt(j.record.prompt),
                                             .first = j.record.first, .second = j.record.second}, *j.principle);
    j.sums.resize(requests.size());
    j.counts.resize(requests.size());
    j.open = requests.size();
    for (size_t i = 0; i < requests.size(); ++i) {
      model::GenerationRequest request;
      request.id = state.next_request++;
      request.prompt = state.loaded->text->plain(requests[i].context);
      request.continuation = state.loaded->text->plain(requests[i].continuation);
      state.requests[request.id] = {id, i};
      state.engine->submit(std::move(request));
    }
  } catch (const std::exception& e) {   // an empty response, a conversation longer than the context: no label exists
    fail(state, id, e.what(), metrics);
  }
}

void finish(FeedbackState& state, int64_t id, const metrics::FeedbackMetrics& metrics) {
  auto& j = state.judging.at(id);
  feedback::Preference label;
  try {
    label = j.judge->label(*j.principle, j.sums, j.counts);
  } catch (const std::runtime_error& e) {
    fail(state, id, e.what(), metrics);
    return;
  }
  auto& r = j.record;
  r.p_first = label.p_first;
  r.entropy = label.entropy;
  r.flip = label.flip ? static_cast<int32_t>(*label.flip) : -1;
  r.method = label.method;
  r.principle_id = label.principle_id;
  r.judge_id = label.judge_id;
  metrics.requests_ok.Increment();
  metrics.confidence.Observe(std::max(label.p_first, 1 - label.p_first));
  metrics.principle_used[label.principle_id].Increment();
  metrics.latency_seconds.Observe(std::chrono::duration<double>(Clock::now() - j.started).count());
  if (label.flip) {
    state.flips += static_cast<int64_t>(*label.flip);
    ++state.flips_measured;
    metrics.position_flip_ratio.Set(static_cast<double>(state.flips) / static_cast<double>(state.flips_measured));
  }
  const bool online = state.options.online && j.is_pair;
  // The ledger's row is enough to bring the preference back to the PM trainer after a restore: the rollout actor need not
  // hold the pair until a PM batch is full.
  state.owners_missing[id] = 1;
  state.work.record(Record{.work_id = id, .kind = j.is_pair ? "pair" : "judge", .body = nlohmann::json(r).dump()}, id);
  if (online)
    state.preferences.push(Preference{.work_id = id, .prompt = r.prompt, .first = r.first, .second = r.second, .p_first = r.p_first,
                                      .principle_id = r.principle_id, .method = r.method, .judge_id = r.judge_id},
                           id);
  state.judging.erase(id);
}

// One of a judgement's results is owned elsewhere; after the last, the pair is acknowledged to its rollout actor.
void owned(FeedbackState& state, int64_t id) {
  auto it = state.owners_missing.find(id);
  if (it == state.owners_missing.end() || --it->second > 0) return;
  state.owners_missing.erase(it);
  if (auto pair = state.unacknowledged.find(id); pair != state.unacknowledged.end()) {
    state.ports.acknowledge(pair->second.first, pair->second.second);
    state.unacknowledged.erase(pair);
  }
}

void tick(Self self, const metrics::FeedbackMetrics& metrics, const metrics::StageMetrics& stage) {
  auto& state = self->state;
  if (state.engine->idle()) {
    state.ticking = false;
    return;
  }
  at::set_num_threads(state.options.threads);
  for (auto& completion : state.engine->step()) {
    auto found = state.requests.find(completion.id);
    if (found == state.requests.end()) continue;
    const auto [id, number] = found->second;
    state.requests.erase(found);
    auto& j = state.judging.at(id);
    for (float logprob : completion.logprobs) j.sums[number] += logprob;
    j.counts[number] = static_cast<int64_t>(completion.logprobs.size());
    if (--j.open == 0) finish(state, id, metrics);
  }
  const auto computed = state.engine->stats().prefill_tokens - state.last_stats.prefill_tokens;
  state.last_stats = state.engine->stats();
  metrics.engine.prefill_tokens.Increment(static_cast<double>(computed));
  stage.prompt_tokens.Increment(static_cast<double>(computed));
  state.tokens += computed;
  ++state.progress;
  self->send(self, Tick{});
}

void wake(Self self) {
  if (self->state.ticking) return;
  self->state.ticking = true;
  self->send(self, Tick{});
}

}  // namespace

FeedbackActor::behavior_type feedback_actor(Self self, Wiring wiring, std::shared_ptr<const PhaseModels> models, FeedbackOptions options,
                                            metrics::FeedbackMetrics metrics, metrics::StageMetrics stage) {
  install_fault_handler(self);
  auto& state = self->state;
  state.options = std::move(options);
  at::set_num_threads(state.options.threads);
  state.loaded = models->load("judge");
  state.engine.emplace(models->packed("judge"), state.loaded->text->shared_tokenizer(), model::WeightVersion{}, state.options.engine);
  make_judges(state);
  const auto handle = caf::actor_cast<FeedbackActor>(self);
  state.ports = Ports(std::move(wiring), "feedback", state.options.index);
  state.preferences = Outbox(&state.ports);
  if (state.options.online) state.preferences.add_link(state.ports.connect<>(handle, Arrow::kPreference, 0, 0));
  if (state.options.serves_pairs) state.pair_link = state.ports.bind<Pair>(handle, Arrow::kPair, state.options.index, 16);
  state.work = WorkClient(&state.ports, state.options.kinds, state.options.engine.max_batch);
  state.work.connect(handle);
  state.work.start();
  auto clock = std::make_shared<metrics::BusyClock>(stage, Clock::now());
  return {
      [self](const LinkEvent& event) {
        auto& s = self->state;
        for (int64_t id : s.work.handle(event)) owned(s, id);
        (void)s.preferences.handle(event);
      },
      [self, metrics, stage, clock](Tick) {
        clock->enter(metrics::StageState::kBusy, Clock::now());
        tick(self, metrics, stage);
        clock->enter(self->state.ticking ? metrics::StageState::kBusy : metrics::StageState::kWaitIn, Clock::now());
      },
      [self](const FinishRole&) { self->quit(); },
      [self, clock](Probe) {
        auto& s = self->state;
        s.work.renew();
        clock->flush(Clock::now());
        return RoleReport{.name = "feedback/" + std::to_string(s.options.index), .progress = s.progress, .tokens = s.tokens,
                          .state = s.judging.empty() ? "waiting for pairs" : std::to_string(s.judging.size()) + " pairs under judgement"};
      },
      [self, metrics](const From<WorkItem>& item) {
        auto& s = self->state;
        if (!s.work.accept(item)) return;
        ComparisonWork work;
        try {
          work = nlohmann::json::parse(item.message.payload).get<ComparisonWork>();
        } catch (const nlohmann::json::exception& e) {
          fail(s, item.message.work_id, std::string("payload: ") + e.what(), metrics);
          return;
        }
        Judgement j;
        j.record = {.prompt_id = work.comparison_id, .prompt = work.prompt, .first = work.first, .second = work.second,
                    .purpose = work.purpose, .left = work.left, .right = work.right, .target = work.p_first};
        begin(s, item.message.work_id, std::move(j), work.method, metrics);
        wake(self);
      },
      [](const From<WorkDrained>&) {},
      [self](const From<Committed>& m) { self->state.ports.acknowledge(m.from, m.sequence); },
      [self, metrics](const From<Pair>& m) {
        auto& s = self->state;
        const auto& p = m.message;
        if (auto held = s.unacknowledged.find(p.work_id); held != s.unacknowledged.end()) {
          // The lease was issued again: the label under way stands for both, the later sender waits for it.
          s.ports.acknowledge(held->second.first, held->second.second);
          held->second = {m.from, m.sequence};
          return;
        }
        Judgement j;
        j.is_pair = true;
        j.record = {.prompt_id = p.prompt_id, .prompt = p.prompt, .first = p.first, .second = p.second, .purpose = "label"};
        s.unacknowledged[p.work_id] = {m.from, m.sequence};
        begin(s, p.work_id, std::move(j), s.options.method, metrics);
        wake(self);
      },
  };
}

}  // namespace charter::actors
