#include "model/engine.hpp"

#include <ATen/ATen.h>

#include <chrono>
#include <cmath>
#include <optional>
#include <stdexcept>
#include <string>
#include <unordered_set>
#include <utility>

#include "model/cached_forward.hpp"
#include "model/device_forward.hpp"
#include "model/request_checks.hpp"
#include "model/sampler.hpp"
#include "model/scheduler.hpp"
#include "model/stopping.hpp"

namespace charter::model {
namespace {

std::optional<at::Device> device_of(const PackedModel& model) {
  return model.impl().on_device ? std::optional(model.device()) : std::nullopt;
}

std::unique_ptr<StepForward> forward_of(const PackedModel& model, const KvCache& kv,
                                        int64_t positions) {
  if (const auto& device = model.impl().on_device) {
    return std::make_unique<DeviceForward>(*device, kv, positions);
  }
  return std::make_unique<CachedForward>(model.config(), kv, positions);
}

}  // namespace

struct Engine::Impl {
  // What a row of logits is for, and what came of it.
  struct Wanted {
    Sequence* sequence;
    int64_t index;  // of the response token the row predicts
    SampledToken result{};
    bool finite = true;  // its logits
  };

  Impl(std::shared_ptr<const PackedModel> m, std::shared_ptr<const Tokenizer> t, WeightVersion v,
       EngineOptions o)
      : model(std::move(m)),
        tokenizer(std::move(t)),
        version(v),
        options(checked(o, model->config())),
        scheduler(model->config(), options, device_of(*model)),
        forward(forward_of(*model, scheduler.kv(), options.max_context)) {}

  void step();
  void measure_memory();
  void want_logits();
  void use_logits(Wanted& wanted, std::span<const float> logits) const;
  void require_finite() const;
  void apply(const Wanted& wanted);
  void finish_or_stream(Sequence* sequence);
  void stream(Sequence& sequence, const Completion& so_far, bool ended);
  void cancel(Sequence& sequence);

  std::shared_ptr<const PackedModel> model;
  std::shared_ptr<const Tokenizer> tokenizer;
  WeightVersion version;
  EngineOptions options;
  EngineStats stats;
  Scheduler scheduler;
  std::unique_ptr<StepForward> forward;
  StepBatch batch;
  std::vector<Wanted> wanted;
  std::unordered_set<uint64_t> under_way;  // ids from submit() until their completion is returned
  std::vector<Completion> done;            // for the step under way, or the next, to return
  std::vector<Delta> deltas;               // of the last step
  std::vector<Delta> cancelled_deltas;     // for the next one
};

// Rows whose next-token distribution a request needs: its last one when it samples, all from the
// end of the prompt when it is scored.
void Engine::Impl::want_logits() {
  wanted.clear();
  for (size_t i = 0; i < batch.sequences.size(); ++i) {
    const StepSequence& part = batch.sequences[i];
    Sequence* sequence = scheduler.scheduled()[i];
    const int64_t first =
        sequence->prompt_size() - 1;  // the position that predicts response token 0
    for (int64_t t = 0; t < part.rows; ++t) {
      const int64_t position = part.start + t;
      const bool last = position + 1 == static_cast<int64_t>(sequence->tokens.size());
      const bool scored = !sequence->request.continuation.empty();
      if (position < first || !(scored || last)) continue;
      wanted.push_back({sequence, position - first});
      batch.logit_rows.push_back(part.first_row + t);
    }
  }
}

// Runs on any member of the team: touches only its own entry and, for candidates, its own sequence.
void Engine::Impl::use_logits(Wanted& w, std::span<const float> logits) const {
  const GenerationRequest& request = w.sequence->request;
  const SamplingParams& p = request.sampling;
  w.finite = all_finite(logits);
  if (!w.finite) return;
  if (!request.candidates.empty()) {
    auto& logprobs = w.sequence->completion.logprobs;
    for (const int32_t token : request.candidates) {
      logprobs.push_back(token_logprob(logits, p.temperature, token));
    }
  } else if (!request.continuation.empty()) {
    const int32_t token = request.continuation[static_cast<size_t>(w.index)];
    w.result = {token, token_logprob(logits, p.temperature, token)};
  } else {
    w.result =
        sample(logits, p.temperature, p.top_p, uniform(p.seed, static_cast<uint64_t>(w.index)));
  }
}

void Engine::Impl::require_finite() const {
  for (const Wanted& w : wanted) {
    if (w.finite && std::isfinite(w.result.logprob)) continue;
    throw std::runtime_error("request " + std::to_string(w.sequence->request.id) +
                             ": the logits of response token " + std::to_string(w.index) +
                             " are not finite");
  }
}

void Engine::Impl::apply(const Wanted& w) {
  Completion& c = w.sequence->completion;
  const GenerationRequest& request = w.sequence->request;
  if (!request.candidates.empty()) {
    c.tokens = request.candidates;
    c.versions.assign(c.tokens.size(), version);
    return;
  }
  c.tokens.push_back(w.result.token);
  c.logprobs.push_back(w.result.logprob);
  c.versions.push_back(version);
  if (!request.continuation.empty()) return;
  w.sequence->tokens.push_back(w.result.token);
  if (tokenizer == nullptr || (!request.stream && request.sampling.stop.empty())) return;
  auto& text = w.sequence->text;
  if (!text) text.emplace(*tokenizer, request.sampling.stop);
  text->push(w.result.token);
}

void Engine::Impl::finish_or_stream(Sequence* sequence) {
  const auto reason = finished(*sequence, options.max_context);
  if (!reason) return stream(*sequence, sequence->completion, false);
  const auto retired = scheduler.retire(sequence);
  done.push_back(complete(*retired, *reason, tokenizer.get()));
  stream(*retired, done.back(), true);
}

void Engine::Impl::stream(Sequence& s, const Completion& c, bool ended) {
  const GenerationRequest& r = s.request;
  if (!r.stream || !r.continuation.empty() || !r.candidates.empty() || c.tokens.empty()) return;
  Delta delta{r.id, c.tokens.back(), c.logprobs.back(), {}};
  if (s.text) delta.text = ended ? s.text->rest_of(c.text) : s.text->take();
  deltas.push_back(std::move(delta));
}

void Engine::Impl::cancel(Sequence& s) {
  done.push_back(complete(s, FinishReason::kCancelled, tokenizer.get()));
  if (!s.request.stream || !s.text) return;
  Delta rest{.id = s.request.id, .text = s.text->rest_of(done.back().text)};
  if (!rest.text.empty()) cancelled_deltas.push_back(std::move(rest));
}

void Engine::Impl::measure_memory() {
  stats.kv_bytes = scheduler.kv().blocks_in_use() * scheduler.kv().block_bytes();
  stats.prefix_bytes = scheduler.prefix_bytes();
}

void Engine::Impl::step() {
  deltas.clear();
  const auto begin = std::chrono::steady_clock::now();
  const int64_t decoded_before = stats.decode_tokens;
  scheduler.plan(batch, stats);
  if (batch.tokens.empty()) {
    deltas.swap(cancelled_deltas);
    measure_memory();
    return;
  }
  want_logits();
  forward->run(model->impl(), batch, [&](int64_t index, float* logits) {
    use_logits(wanted[static_cast<size_t>(index)],
               {logits, static_cast<size_t>(model->config().vocab_size)});
  });
  require_finite();
  deltas.swap(cancelled_deltas);
  scheduler.commit(batch);
  for (const Wanted& w : wanted) apply(w);
  const auto scheduled = scheduler.scheduled();
  for (Sequence* sequence : scheduled) finish_or_stream(sequence);
  // A shared step's time is divided by its rows.
  const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - begin;
  const double decoding = static_cast<double>(stats.decode_tokens - decoded_before) /
                          static_cast<double>(batch.tokens.size());
  stats.decode_seconds += spent.count() * decoding;
  stats.prefill_seconds += spent.count() * (1 - decoding);
  measure_memory();
}

Engine::Engine(std::shared_ptr<const PackedModel> model, std::shared_ptr<const Tokenizer> tokenizer,
               WeightVersion version, EngineOptions options)
    : impl_(std::make_unique<Impl>(std::move(model), std::move(tokenizer), version, options)) {}
Engine::~Engine() = default;
Engine::Engine(Engine&&) noexcept = default;
Engine& Engine::operator=(Engine&&) noexcept = default;

void Engine::submit(GenerationRequest request) {
  check_request(request, impl_->model->config().vocab_size, impl_->options.max_context,
                impl_->tokenizer != nullptr);
  if (!impl_->under_way.insert(request.id).second) {
    throw std::invalid_argument("id: got " + std::to_string(request.id) +
                                ", that of a request under way, expected one of its own");
  }
  impl_->scheduler.submit(std::move(request));
}

bool Engine::cancel(uint64_t id) {
  auto sequence = impl_->scheduler.remove(id);
  if (sequence == nullptr) return false;
  impl_->cancel(*sequence);
  return true;
}

std::vector<Completion> Engine::step() {
  impl_->step();
  for (const Completion& c : impl_->done) impl_->under_way.erase(c.id);
  return std::exchange(impl_->done, {});
}
const std::vector<Delta>& Engine::deltas() const { return impl_->deltas; }
bool Engine::idle() const { return impl_->under_way.empty(); }
int32_t Engine::free_slots() const { return static_cast<int32_t>(impl_->scheduler.free_slots()); }

void Engine::set_weights(std::shared_ptr<const PackedModel> model, WeightVersion version) {
  if (!(model->config() == impl_->model->config())) {
    throw std::invalid_argument(
        "model: a different configuration, expected the one the engine was made for");
  }
  if (device_of(*model) != device_of(*impl_->model)) {
    throw std::invalid_argument("model: on " + model->device().str() +
                                ", expected the engine's device " + impl_->model->device().str());
  }
  impl_->model = std::move(model);
  impl_->version = version;
  impl_->scheduler.forget_prefixes();
}

WeightVersion Engine::version() const { return impl_->version; }
const EngineStats& Engine::stats() const { return impl_->stats; }

}  // namespace charter::model
