#include "actors/feedback_jobs.hpp"

#include <algorithm>

#include "feedback/counter_rng.hpp"

namespace charter::actors {
namespace {

using Clock = std::chrono::steady_clock;

// The constitution's principles are about harm; helpful answers are compared by this one.
const feedback::FeedbackPrinciple& helpfulness_principle() {
  static const feedback::FeedbackPrinciple principle{
      "helpfulness",
      "Which of these responses answers the question more helpfully: correct, complete, clear and "
      "to the point?",
      {"helpful, knowledgeable and clear", "useless, ignorant and confusing"}};
  return principle;
}

// Principles that label are the first ones, those of the evaluation the held-out rest: its judge
// differs from the labeller.
const feedback::FeedbackPrinciple& draw(const FeedbackState& state, int64_t work_id,
                                        const std::string& purpose) {
  if (purpose == "helpfulness" || purpose == "check_helpfulness") return helpfulness_principle();
  const bool evaluation = purpose == "harmlessness" || purpose == "check_harmlessness";
  const auto& all = state.options.constitution->feedback;
  const auto held = std::min<size_t>(state.options.held_out_principles, all.size() - 1);
  const size_t first = evaluation ? all.size() - held : 0,
               count = evaluation ? held : all.size() - held;
  return all[first + feedback::draw_index({.seed = state.options.seed,
                                           .work_id = static_cast<uint64_t>(work_id),
                                           .round = 7},
                                          count)];
}

void finish_judgement(FeedbackState& state, int64_t id, const metrics::FeedbackMetrics& metrics) {
  auto& j = state.judging.at(id);
  feedback::Preference label;
  try {
    label = j.judge->label(*j.principle, j.sums, j.counts);
  } catch (const std::runtime_error& e) {
    fail_judgement(state, id, e.what(), metrics);
    return;
  }
  auto& r = j.record;
  r.p_first = label.p_first;
  r.entropy = label.entropy;
  r.flip = label.flip ? static_cast<int32_t>(*label.flip) : -1;
  r.method = label.method;
  r.principle_id = label.principle_id;
  r.judge_id = label.judge_id;
  (label.p_first == 0.5 ? metrics.requests_undecided : metrics.requests_ok).Increment();
  metrics.confidence.Observe(std::max(label.p_first, 1 - label.p_first));
  metrics.principle_used[label.principle_id].Increment();
  metrics.latency_seconds.Observe(std::chrono::duration<double>(Clock::now() - j.started).count());
  if (label.flip) {
    state.flips += static_cast<int64_t>(*label.flip);
    ++state.flips_measured;
    metrics.position_flip_ratio.Set(static_cast<double>(state.flips) /
                                    static_cast<double>(state.flips_measured));
  }
  const bool online = state.options.online && j.is_pair;
  Record record{
      .work_id = id, .kind = j.is_pair ? "pair" : "judge", .body = nlohmann::json(r).dump()};
  // A row settles the pair, and from then on only a restore reads it: it is written when the PM
  // trainer has the preference. Should this process die before, the pair is issued again; should
  // the trainer die after, the row brings the preference back.
  if (!online) {
    state.work.record(record, id);
  } else {
    state.unrecorded.emplace(id, std::move(record));
    state.preferences.push(Preference{.work_id = id,
                                      .prompt = r.prompt,
                                      .first = r.first,
                                      .second = r.second,
                                      .p_first = r.p_first,
                                      .principle_id = r.principle_id,
                                      .method = r.method,
                                      .judge_id = r.judge_id,
                                      .ticket = state.work.ticket(id)},
                           id);
  }
  state.judging.erase(id);
}

}  // namespace

void make_judges(FeedbackState& state) {
  const auto& o = state.options;
  const std::string model = "judge:" + state.loaded->source;
  state.judges[feedback::kLikelihoodContrast] =
      feedback::make_likelihood_contrast_judge({.judge_id = model,
                                                .scale = o.contrast_scale,
                                                .clamp_low = o.clamp,
                                                .clamp_high = 1 - o.clamp});
  state.judges[feedback::kMultipleChoice] =
      feedback::make_multiple_choice_judge(o.constitution.get(), o.examples.get(),
                                           {.judge_id = model,
                                            .clamp_low = o.clamp,
                                            .clamp_high = 1 - o.clamp,
                                            .seed = o.seed,
                                            .fixed_examples = true,
                                            .max_prompt_tokens = o.max_context - 8},
                                           [text = state.loaded->text](std::string_view s) {
                                             return static_cast<int64_t>(text->plain(s).size());
                                           });
}

void fail_judgement(FeedbackState& state, int64_t id, const std::string& why,
                    const metrics::FeedbackMetrics& metrics) {
  metrics.requests_error.Increment();
  std::erase_if(state.requests, [id](const auto& r) { return r.second.first == id; });
  state.judging.erase(id);
  state.work.record(Quarantine{id, why}, id);
}

void begin_judgement(FeedbackState& state, int64_t id, Judgement judgement,
                     const std::string& method, const metrics::FeedbackMetrics& metrics) {
  auto& j = state.judging.insert_or_assign(id, std::move(judgement)).first->second;
  j.started = Clock::now();
  try {
    j.judge = state.judges.at(method).get();
    j.principle = &draw(state, id, j.record.purpose);
    const auto requests = j.judge->requests({.id = static_cast<uint64_t>(id),
                                             .prompt = feedback::parse_prompt(j.record.prompt),
                                             .first = j.record.first,
                                             .second = j.record.second},
                                            *j.principle);
    j.sums.resize(requests.size());
    j.counts.resize(requests.size());
    j.open = requests.size();
    for (size_t i = 0; i < requests.size(); ++i) {
      model::GenerationRequest request;
      request.id = state.next_request++;
      request.prompt = state.loaded->text->plain(requests[i].context);
      request.continuation = state.loaded->text->continuation(requests[i].continuation);
      state.requests[request.id] = {id, i};
      state.engine->submit(std::move(request));
    }
  } catch (const std::exception&
               e) {  // an empty response, a conversation longer than the context: no label exists
    fail_judgement(state, id, e.what(), metrics);
  }
}

void complete_score(FeedbackState& state, const model::Completion& completion,
                    const metrics::FeedbackMetrics& metrics) {
  const auto found = state.requests.find(completion.id);
  if (found == state.requests.end()) return;
  const auto [id, number] = found->second;
  state.requests.erase(found);
  auto& j = state.judging.at(id);
  for (float logprob : completion.logprobs) j.sums[number] += logprob;
  j.counts[number] = static_cast<int64_t>(completion.logprobs.size());
  if (--j.open == 0) finish_judgement(state, id, metrics);
}

}  // namespace charter::actors
