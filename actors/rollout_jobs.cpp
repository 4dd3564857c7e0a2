#include "actors/rollout_jobs.hpp"

#include "feedback/counter_rng.hpp"

namespace charter::actors {
namespace {

// The same work item draws the same tokens from the same weights, whoever runs it and however
// often.
uint64_t request_seed(const RolloutState& state, const RolloutJob& job, size_t part) {
  return feedback::draw_bits(
      {.seed = state.options.seed, .work_id = static_cast<uint64_t>(job.work_id), .round = part});
}

void submit(RolloutState& state, RolloutJob& job, size_t part, std::vector<int32_t> prompt,
            std::vector<std::string> stop) {
  model::GenerationRequest request;
  request.id = state.next_request++;
  request.prompt = std::move(prompt);
  request.sampling.temperature = state.options.temperature;
  request.sampling.max_new_tokens = state.options.max_new_tokens;
  request.sampling.seed = request_seed(state, job, part);
  request.sampling.stop = std::move(stop);
  request.sampling.stop_tokens = state.loaded->text->stop_tokens();
  state.requests[request.id] = {job.work_id, part};
  state.engine->submit(std::move(request));
}

// The chain's next request. The first answer is asked for in the model's chat format, as every
// other answer; critiques and revisions in the procedure's format, after the examples.
void submit_chain(RolloutState& state, RolloutJob& job) {
  const auto& request = *job.chain->next();
  const auto& text = *state.loaded->text;
  auto prompt = request.step == feedback::ChainStep::kInitial ? text.prompt(job.chain->prompt())
                                                              : text.plain(request.text);
  submit(state, job, job.parts.size(), std::move(prompt), request.stop);
  job.parts.emplace_back();
}

void start(RolloutState& state, RolloutJob job) {
  const int64_t id = job.work_id;
  auto& kept = state.jobs.insert_or_assign(id, std::move(job)).first->second;
  try {
    if (kept.kind == "sl_chain") {
      kept.chain.emplace(
          feedback::parse_prompt(kept.work.prompt), state.options.constitution.get(),
          state.options.critique_examples.get(),
          feedback::ChainOptions{
              .rounds = kept.work.rounds,
              .seed = state.options.seed,
              .work_id = static_cast<uint64_t>(id),
              .max_prompt_tokens = state.options.max_context - state.options.max_new_tokens,
              .max_fewshot_tokens = state.options.fewshot_max_tokens},
          [text = state.loaded->text](std::string_view s) {
            return static_cast<int64_t>(text->plain(s).size());
          });
      submit_chain(state, kept);
      return;
    }
    const size_t parts = kept.kind == "pair" ? 2 : 1;
    kept.parts.resize(parts);
    const auto prompt = state.loaded->text->prompt(kept.work.prompt);
    for (size_t part = 0; part < parts; ++part)
      submit(state, kept, part, prompt, state.loaded->text->stop_strings());
  } catch (const std::exception& e) {
    // The item itself cannot be run (too long, malformed): nobody else could either.
    std::erase_if(state.requests, [id](const auto& r) { return r.second.first == id; });
    state.jobs.erase(id);
    state.work.record(Quarantine{id, e.what()}, id);
  }
}

void finish_chain(RolloutState& state, RolloutJob& job, const metrics::RolloutMetrics& metrics) {
  const auto& result = job.chain->result();
  ChainRecord record{.prompt_id = job.work.prompt_id,
                     .prompt = job.work.prompt,
                     .response = result.initial,
                     .rounds = {},
                     .tokens = job.tokens,
                     .dropped_fewshots = result.dropped_examples};
  std::string previous = result.initial;
  for (const auto& round : result.rounds) {
    record.rounds.push_back({round.principle_id, round.critique, round.revision});
    metrics.critiques.Increment();
    ++state.revisions;
    state.changed += static_cast<int64_t>(round.revision != previous);
    previous = round.revision;
  }
  if (state.revisions > 0)
    metrics.revision_changed_ratio.Set(static_cast<double>(state.changed) /
                                       static_cast<double>(state.revisions));
  state.work.record(
      Record{.work_id = job.work_id, .kind = job.kind, .body = nlohmann::json(record).dump()},
      job.work_id);
}

void finish_trajectory(RolloutState& state, const RolloutJob& job) {
  const auto& completion = *job.parts.front();
  rl::Trajectory trajectory;
  trajectory.work_id = job.work_id;
  trajectory.ticket = state.work.ticket(job.work_id);
  trajectory.lineage = state.ports.wiring().hello.lineage;
  trajectory.prompt = state.loaded->text->prompt(job.work.prompt);
  trajectory.response = completion.tokens;
  trajectory.behavior_logprobs = completion.logprobs;
  for (const auto& version : completion.versions)
    trajectory.policy_versions.push_back(version.number);
  trajectory.temperature = state.options.temperature;
  trajectory.precision = model::name(state.options.precision);
  trajectory.finished = completion.finish == model::FinishReason::kStopToken;
  state.trajectories.push(trajectory, job.work_id);
}

void finish_job(RolloutState& state, RolloutJob& job, const metrics::RolloutMetrics& metrics) {
  if (job.kind == "sl_chain") {
    finish_chain(state, job, metrics);
  } else if (job.kind == "rollout") {
    finish_trajectory(state, job);
  } else if (job.kind == "pair") {
    state.pairs.push(Pair{.work_id = job.work_id,
                          .prompt_id = job.work.prompt_id,
                          .prompt = job.work.prompt,
                          .first = std::string(feedback::trim(job.parts[0]->text)),
                          .second = std::string(feedback::trim(job.parts[1]->text)),
                          .policy_version = state.engine->version().number,
                          .ticket = state.work.ticket(job.work_id)},
                     job.work_id);
  } else {
    const auto& completion = *job.parts.front();
    const ResponseRecord record{.prompt_id = job.work.prompt_id,
                                .prompt = job.work.prompt,
                                .group = job.work.group,
                                .snapshot = job.work.snapshot,
                                .response = std::string(feedback::trim(completion.text)),
                                .tokens = job.tokens,
                                .finished = completion.finish == model::FinishReason::kStopToken};
    state.work.record(
        Record{.work_id = job.work_id, .kind = job.kind, .body = nlohmann::json(record).dump()},
        job.work_id);
  }
}

}  // namespace

void begin_job(RolloutState& state, const WorkItem& item) {
  RolloutJob job{.work_id = item.work_id,
                 .kind = item.kind,
                 .work = {},
                 .chain = {},
                 .parts = {},
                 .tokens = 0};
  try {
    job.work = nlohmann::json::parse(item.payload).get<PromptWork>();
  } catch (const nlohmann::json::exception& e) {
    state.work.record(Quarantine{item.work_id, std::string("payload: ") + e.what()}, item.work_id);
    return;
  }
  const bool other = !job.work.snapshot.empty() && job.work.snapshot != state.model_name;
  if (other || !state.deferred.empty()) {
    state.deferred.push_back(std::move(job));
    return;
  }
  start(state, std::move(job));
}

void begin_deferred(RolloutState& state) {
  while (!state.deferred.empty() && state.deferred.front().work.snapshot == state.model_name) {
    auto job = std::move(state.deferred.front());
    state.deferred.pop_front();
    start(state, std::move(job));
  }
}

void complete_request(RolloutState& state, model::Completion completion,
                      const metrics::RolloutMetrics& metrics) {
  const auto found = state.requests.find(completion.id);
  if (found == state.requests.end()) return;
  const auto [id, part] = found->second;
  state.requests.erase(found);
  auto& job = state.jobs.at(id);
  const auto count = static_cast<int64_t>(completion.tokens.size());
  job.tokens += count;
  metrics.response_tokens.Observe(static_cast<double>(count));
  if (completion.finish == model::FinishReason::kLength ||
      completion.finish == model::FinishReason::kContext)
    metrics.eos_missing.Increment();
  if (job.chain) job.chain->accept(completion.text);
  job.parts[part] = std::move(completion);
  if (job.chain && job.chain->next()) {
    if (!job.chain->next()->fits) {
      state.work.record(Quarantine{id, "conversation and request do not fit into the context"}, id);
      state.jobs.erase(id);
      return;
    }
    submit_chain(state, job);
    return;
  }
  for (const auto& done : job.parts)
    if (!done) return;
  finish_job(state, job, metrics);
  state.jobs.erase(id);
}

}  // namespace charter::actors
