#include "model/scheduler.hpp"

#include <algorithm>
#include <span>

namespace charter::model {
namespace {

// The tokens whose keys and values a request needs from the start.
std::vector<int32_t> inputs_of(const GenerationRequest& request) {
  std::vector<int32_t> tokens = request.prompt;
  if (!request.continuation.empty()) {
    tokens.insert(tokens.end(), request.continuation.begin(), request.continuation.end() - 1);
  }
  return tokens;
}

}  // namespace

Scheduler::Scheduler(const ModelConfig& config, const EngineOptions& options,
                     std::optional<at::Device> device)
    : options_(options), kv_(config, device), prefixes_(kv_, options.prefix_cache_bytes) {}

Scheduler::~Scheduler() = default;

void Scheduler::submit(GenerationRequest request) { queue_.push_back(std::move(request)); }

std::unique_ptr<Sequence> Scheduler::remove(uint64_t id) {
  const auto queued = std::find_if(queue_.begin(), queue_.end(),
                                   [&](const GenerationRequest& r) { return r.id == id; });
  if (queued != queue_.end()) {
    auto sequence = std::make_unique<Sequence>();
    sequence->request = std::move(*queued);
    queue_.erase(queued);
    return sequence;
  }
  const auto running = std::find_if(running_.begin(), running_.end(),
                                    [&](const auto& s) { return s->request.id == id; });
  return running == running_.end() ? nullptr : retire(running->get());
}

int64_t Scheduler::free_slots() const {
  const auto taken = static_cast<int64_t>(running_.size() + queue_.size());
  return std::max<int64_t>(0, options_.max_batch - taken);
}

void Scheduler::plan(StepBatch& batch, EngineStats& stats) {
  batch.clear();
  scheduled_.clear();
  admit(stats);
  for (const auto& sequence : running_) {
    if (sequence->pending() == 1) add_rows(*sequence, 1, batch);
  }
  stats.decode_tokens += static_cast<int64_t>(batch.tokens.size());
  int64_t budget = options_.prefill_chunk_tokens;
  for (const auto& sequence : running_) {
    if (sequence->pending() <= 1 || budget == 0) continue;
    const int64_t count = std::min(budget, sequence->pending());
    add_rows(*sequence, count, batch);
    stats.prefill_tokens += count;
    budget -= count;
  }
}

void Scheduler::admit(EngineStats& stats) {
  for (auto request = queue_.begin(); request != queue_.end();) {
    if (static_cast<int64_t>(running_.size()) >= options_.max_batch) return;
    request = try_start(*request, stats) ? queue_.erase(request) : request + 1;
  }
}

bool Scheduler::try_start(GenerationRequest& request, EngineStats& stats) {
  // The last prompt token is always computed: its logits are what the request is for.
  const std::span<const int32_t> reusable(request.prompt.data(), request.prompt.size() - 1);
  PrefixCache::Match match = prefixes_.find(reusable);
  if (match.pending) return false;
  auto sequence = std::make_unique<Sequence>();
  sequence->request = std::move(request);
  sequence->tokens = inputs_of(sequence->request);
  sequence->blocks = match.blocks;
  sequence->computed = match.tokens();
  while (static_cast<int64_t>(sequence->blocks.size()) * kKvBlockTokens <
         static_cast<int64_t>(sequence->tokens.size())) {
    sequence->blocks.push_back(kv_.acquire());
  }
  if (match.partial_block >= 0) {
    kv_.copy_prefix(match.partial_block, sequence->blocks[match.blocks.size()],
                    match.partial_tokens);
    kv_.release(match.partial_block);
  }
  sequence->first_entered = match.blocks.size();
  enter_prompt(*sequence, match.last);
  sequence->completion.prompt_tokens = sequence->prompt_size();
  sequence->completion.cached_prompt_tokens = sequence->computed;
  stats.prefix_lookup_tokens += sequence->prompt_size();
  stats.prefix_hit_tokens += sequence->computed;
  running_.push_back(std::move(sequence));
  return true;
}

void Scheduler::enter_prompt(Sequence& sequence, PrefixCache::NodePtr parent) {
  const std::span<const int32_t> prompt(sequence.request.prompt);
  for (size_t i = sequence.first_entered; i * kKvBlockTokens < prompt.size(); ++i) {
    const size_t begin = i * kKvBlockTokens;
    const auto tokens =
        prompt.subspan(begin, std::min<size_t>(kKvBlockTokens, prompt.size() - begin));
    parent = prefixes_.enter(parent, tokens, sequence.blocks[i]);
    if (parent == nullptr) return;
    prefixes_.set_ready(parent, sequence.computed - static_cast<int64_t>(begin), false);
    sequence.entered.push_back(parent);
  }
}

void Scheduler::add_rows(Sequence& sequence, int64_t count, StepBatch& batch) {
  while (static_cast<int64_t>(sequence.blocks.size()) * kKvBlockTokens <
         sequence.computed + count) {
    sequence.blocks.push_back(kv_.acquire());
  }
  const auto owner = static_cast<int32_t>(batch.sequences.size());
  batch.sequences.push_back(
      {&sequence.blocks, static_cast<int64_t>(batch.tokens.size()), count, sequence.computed});
  for (int64_t position = sequence.computed; position < sequence.computed + count; ++position) {
    batch.tokens.push_back(sequence.tokens[static_cast<size_t>(position)]);
    batch.positions.push_back(position);
    batch.owner.push_back(owner);
  }
  scheduled_.push_back(&sequence);
}

void Scheduler::commit(const StepBatch& batch) {
  for (size_t i = 0; i < scheduled_.size(); ++i) {
    Sequence& s = *scheduled_[i];
    s.computed += batch.sequences[i].rows;
    bool complete = true;
    for (size_t n = 0; n < s.entered.size(); ++n) {
      const int64_t begin = static_cast<int64_t>(s.first_entered + n) * kKvBlockTokens;
      const int64_t ready = std::max<int64_t>(0, s.computed - begin);
      const bool done = ready >= static_cast<int64_t>(s.entered[n]->tokens.size());
      prefixes_.set_ready(s.entered[n], ready, done);
      complete = complete && done;
    }
    if (complete) s.entered.clear();
  }
}

std::unique_ptr<Sequence> Scheduler::retire(Sequence* sequence) {
  const auto found = std::find_if(running_.begin(), running_.end(),
                                  [&](const auto& s) { return s.get() == sequence; });
  std::unique_ptr<Sequence> result = std::move(*found);
  running_.erase(found);
  give_back(*result);
  return result;
}

void Scheduler::give_back(Sequence& sequence) {
  // From the last: a parent dropped for want of computed tokens takes its children along.
  for (auto node = sequence.entered.rbegin(); node != sequence.entered.rend(); ++node) {
    prefixes_.set_ready(*node, (*node)->ready, true);
  }
  sequence.entered.clear();
  for (const int32_t block : sequence.blocks) kv_.release(block);
  sequence.blocks.clear();
}

void Scheduler::forget_prefixes() {
  prefixes_.clear();
  for (const auto& sequence : running_) sequence->entered.clear();
}

}  // namespace charter::model
