// The generation engine: continuous batching over paged KV blocks, prefix reuse, per-request
// sampling, scoring. One engine serves one model's weights at a time; weights are exchanged between
// steps without dropping sequences.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "model/packed_model.hpp"
#include "model/tokenizer.hpp"

namespace charter::model {

// A version of a model's weights. Lineage rises on every restore; versions of an older lineage are
// never comparable.
struct WeightVersion {
  int64_t lineage = 0;
  int64_t number = 0;
  friend bool operator==(const WeightVersion&, const WeightVersion&) = default;
};

struct SamplingParams {
  // From kMinTemperature (model/sampler.hpp) on, or 0 for greedy (log-probs are then those at 1).
  double temperature = 1.0;
  double top_p = 1.0;           // nucleus, in (0, 1]; 1 is off. Training data needs 1
  int32_t max_new_tokens = 64;  // >= 1
  // The sampled tokens depend on it and on the logits, not on the batch's other requests.
  uint64_t seed = 0;
  std::vector<std::string> stop;  // generation ends before the first of these in the decoded text
  std::vector<int32_t> stop_tokens;  // ends after one of these: kept in tokens, not in text
};

struct GenerationRequest {
  uint64_t id = 0;                    // of no other request until its completion is returned
  std::vector<int32_t> prompt;        // >= 1 token
  std::vector<int32_t> continuation;  // not empty: score these tokens instead of sampling
  std::vector<int32_t> candidates;    // not empty: score each as the one token after the prompt
  SamplingParams sampling;
  bool stream = false;  // deltas() has each of its tokens
};

// A sampled token of a streaming request, the step it was sampled in; or, where a cancelled one
// had text that waited for more, the rest of it, the step its Completion is returned in.
struct Delta {
  uint64_t id = 0;
  int32_t token = -1;  // -1: none, a cancelled request's rest
  float logprob = 0;
  // What may be shown of the text since the last delta. All of a request's joined are its
  // Completion's text.
  std::string text;
};

enum class FinishReason { kStopToken, kStopString, kLength, kContext, kScored, kCancelled };

struct Completion {
  uint64_t id = 0;
  // Sampled (or the scored continuation or candidates), the stop token included.
  std::vector<int32_t> tokens;
  // Of each token under the softmax(logits / temperature) that sampled it, natural log.
  std::vector<float> logprobs;
  std::vector<WeightVersion> versions;  // the weights each token was sampled from
  std::string text;  // decoded, cut before a stop string, without stop and special tokens
  FinishReason finish = FinishReason::kLength;
  int64_t prompt_tokens = 0;
  int64_t cached_prompt_tokens = 0;  // of those, read from the prefix cache
};

struct EngineOptions {
  int32_t max_batch = 32;              // slots
  int64_t max_context = 2048;          // tokens of prompt and response; <= the model's longest_text
  int64_t prefill_chunk_tokens = 512;  // most prompt tokens computed in one step
  int64_t prefix_cache_bytes = 256ll << 20;  // evicted least-recently-used beyond this
};

struct EngineStats {
  int64_t prefill_tokens = 0, decode_tokens = 0;
  int64_t prefix_hit_tokens = 0, prefix_lookup_tokens = 0;
  double prefill_seconds = 0, decode_seconds = 0;
  int64_t kv_bytes = 0, prefix_bytes = 0;  // in use; the prefix cache's blocks are part of the KV's
};

// Used by one thread. Deterministic in fp32: a request's tokens do not depend on slot order;
// log-probs agree to 1e-4 whatever the batch.
class Engine {
 public:
  // `tokenizer` may be null: completions then have no text. Throws std::invalid_argument for
  // options out of range.
  Engine(std::shared_ptr<const PackedModel> model, std::shared_ptr<const Tokenizer> tokenizer,
         WeightVersion version, EngineOptions options);
  ~Engine();
  Engine(Engine&&) noexcept;
  Engine& operator=(Engine&&) noexcept;

  // Queues a request. Throws std::invalid_argument when the prompt is empty, holds an id outside
  // the vocabulary, or does not leave room for one token (or the continuation) in max_context, when
  // a sampling parameter is out of its range, when the id is that of a request under way, when both
  // a continuation and candidates are given, or stop strings without a tokenizer.
  void submit(GenerationRequest request);
  // The next step returns what the request has so far as kCancelled. False: no such request.
  bool cancel(uint64_t id);

  // One prefill chunk or one decode step over all running sequences. Returns what finished in it.
  // Throws std::runtime_error naming a request whose logits are not finite: give the engine up
  // then, whose keys and values may be no better.
  [[nodiscard]] std::vector<Completion> step();
  [[nodiscard]] const std::vector<Delta>& deltas() const;  // of the last step
  [[nodiscard]] bool idle() const;                         // nothing queued, nothing running
  [[nodiscard]] int32_t free_slots() const;  // slots a submit would fill without queueing

  // Takes effect at the next step. Running sequences go on with their KV; prefix entries of other
  // versions are dropped.
  void set_weights(std::shared_ptr<const PackedModel> model, WeightVersion version);
  [[nodiscard]] WeightVersion version() const;
  [[nodiscard]] const EngineStats& stats() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace charter::model
