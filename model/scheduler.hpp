// Which sequences run, what each computes in the next step, and where their keys and values lie.
// Requests wait in order of arrival; one whose prompt another request is computing waits for it and
// lets later ones pass. A step takes one token of every decoding sequence and, up to the chunk,
// prompt tokens in order of admission. Used by one thread.
#pragma once
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "model/engine.hpp"
#include "model/kv_cache.hpp"
#include "model/prefix_cache.hpp"
#include "model/step_forward.hpp"
#include "model/text_stream.hpp"

namespace charter::model {

// A request being computed.
struct Sequence {
  GenerationRequest request;
  std::vector<int32_t>
      tokens;  // inputs: the prompt, then what was sampled or all but the last scored token
  std::vector<int32_t> blocks;
  int64_t computed = 0;  // tokens whose keys and values are in the blocks
  // Prefix entries this sequence fills: entered[i] is for block first_entered + i.
  std::vector<PrefixCache::NodePtr> entered;
  size_t first_entered = 0;
  Completion completion;
  // Of a request that streams or has stop strings, where there is a tokenizer.
  std::optional<TextStream> text;

  [[nodiscard]] int64_t prompt_size() const { return static_cast<int64_t>(request.prompt.size()); }
  [[nodiscard]] int64_t pending() const { return static_cast<int64_t>(tokens.size()) - computed; }
};

class Scheduler {
 public:
  // `device`: where keys and values lie as tensors (model/kv_cache.hpp).
  Scheduler(const ModelConfig& config, const EngineOptions& options,
            std::optional<at::Device> device = std::nullopt);
  ~Scheduler();
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  void submit(GenerationRequest request);
  // Removes a request from the queue or the running ones and returns it, or null.
  [[nodiscard]] std::unique_ptr<Sequence> remove(uint64_t id);

  // Admits what it can, then lays out the next step; logit rows are left to the caller. Entry i of
  // `batch.sequences` is scheduled()[i]. Empty when nothing runs.
  void plan(StepBatch& batch, EngineStats& stats);
  [[nodiscard]] const std::vector<Sequence*>& scheduled() const { return scheduled_; }
  // After the step: its tokens are computed.
  void commit(const StepBatch& batch);
  // A sequence that ended; its blocks are given back.
  std::unique_ptr<Sequence> retire(Sequence* sequence);

  void forget_prefixes();  // the weights changed
  [[nodiscard]] bool idle() const { return queue_.empty() && running_.empty(); }
  [[nodiscard]] int64_t free_slots() const;
  [[nodiscard]] const KvCache& kv() const { return kv_; }
  [[nodiscard]] int64_t prefix_bytes() const { return prefixes_.bytes(); }

 private:
  void admit(EngineStats& stats);
  bool try_start(GenerationRequest& request, EngineStats& stats);
  void enter_prompt(Sequence& sequence, PrefixCache::NodePtr parent);
  void add_rows(Sequence& sequence, int64_t count, StepBatch& batch);
  void give_back(Sequence& sequence);

  EngineOptions options_;
  KvCache kv_;
  PrefixCache prefixes_;
  std::deque<GenerationRequest> queue_;
  std::vector<std::unique_ptr<Sequence>> running_;  // in order of admission
  std::vector<Sequence*> scheduled_;
};

}  // namespace charter::model
