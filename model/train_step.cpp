#include "model/train_step.hpp"

#include <ATen/ATen.h>

#include <cmath>
#include <stdexcept>

#include "model/lora.hpp"
#include "model/train_state.hpp"

namespace charter::model {

std::vector<size_t> plan_micro_batches(std::span<const int64_t> lengths, int64_t budget) {
  if (budget < 1) {
    throw std::invalid_argument("micro_batch_tokens: " + std::to_string(budget) +
                                ", expected >= 1");
  }
  std::vector<size_t> ends;
  int64_t tokens = 0;
  for (size_t i = 0; i < lengths.size(); ++i) {
    if (tokens > 0 && tokens + lengths[i] > budget) {
      ends.push_back(i);
      tokens = 0;
    }
    tokens += lengths[i];
  }
  if (!lengths.empty()) ends.push_back(lengths.size());
  return ends;
}

struct SftTrainer::Impl {
  Impl(Transformer policy_in, SftOptions options_in, AdamWOptions optimizer_in)
      : policy(std::move(policy_in)),
        options(options_in),
        optimizer(trainable_parameters(policy), optimizer_in) {
    (void)plan_micro_batches({}, options.micro_batch_tokens);
  }

  void check(const SftExample& example) const {
    const auto n = static_cast<int64_t>(example.tokens.size());
    if (n < 2 || n > policy.config.longest_text()) {
      throw std::invalid_argument("tokens: " + std::to_string(n) + ", expected 2.." +
                                  std::to_string(policy.config.longest_text()));
    }
    if (example.loss_from < 1 || example.loss_from >= n) {
      throw std::invalid_argument("loss_from: " + std::to_string(example.loss_from) +
                                  ", expected 1.." + std::to_string(n - 1));
    }
    if (!(example.weight > 0) || !std::isfinite(example.weight)) {
      throw std::invalid_argument("weight: " + std::to_string(example.weight) + ", expected > 0");
    }
    for (const int32_t id : example.tokens) {
      if (id < 0 || id >= policy.config.vocab_size) {
        throw std::invalid_argument("token id: " + std::to_string(id) + ", expected 0.." +
                                    std::to_string(policy.config.vocab_size - 1));
      }
    }
  }

  // The weighted sum of negative log-likelihoods over the loss tokens of examples [begin, end).
  at::Tensor loss_sum(size_t begin, size_t end) const {
    std::vector<std::vector<int32_t>> inputs;  // without the last token: nothing follows it
    for (size_t i = begin; i < end; ++i)
      inputs.emplace_back(batch[i].tokens.begin(), batch[i].tokens.end() - 1);
    const at::Device device = policy.embedding.device();
    const PackedSequences packed = pack_shared(inputs, device);
    std::vector<int64_t> rows, targets;
    std::vector<double> weights;
    for (size_t i = begin; i < end; ++i) {
      const SftExample& example = batch[i];
      for (size_t t = static_cast<size_t>(example.loss_from); t < example.tokens.size(); ++t) {
        rows.push_back(packed.row(i - begin, static_cast<int64_t>(t) - 1));
        targets.push_back(example.tokens[t]);
        weights.push_back(example.weight);
      }
    }
    const at::Tensor hidden =
        hidden_rows(policy, packed, at::tensor(rows).to(device),
                    {.gradient_checkpointing = options.gradient_checkpointing});
    const at::Tensor logprobs =
        token_logprobs(policy, hidden, at::tensor(targets).to(device), /*temperature=*/1.0);
    return -(logprobs.to(at::kDouble) * at::tensor(weights, at::kDouble).to(device)).sum();
  }

  void finish() {
    stats.learning_rate = optimizer.next_learning_rate();
    stats.grad_norm = optimizer.step(options.max_grad_norm);
    optimizer.zero_grad();
    stats.version = ++version;
    batch.clear();
    ends.clear();
  }

  Transformer policy;
  SftOptions options;
  AdamW optimizer;
  int64_t version = 0;
  SftStats stats;

  std::vector<SftExample> batch;  // empty when idle
  std::vector<size_t> ends;       // of its micro-batches
  size_t next = 0;                // micro-batch
  double denominator = 0.0;       // weighted loss tokens of the batch
};

SftTrainer::SftTrainer(Transformer policy, SftOptions options, AdamWOptions optimizer)
    : impl_(std::make_unique<Impl>(std::move(policy), options, optimizer)) {}
SftTrainer::~SftTrainer() = default;
SftTrainer::SftTrainer(SftTrainer&&) noexcept = default;
SftTrainer& SftTrainer::operator=(SftTrainer&&) noexcept = default;

void SftTrainer::begin(std::vector<SftExample> batch) {
  if (busy()) throw std::invalid_argument("begin: a batch is under way, expected none");
  if (batch.empty()) throw std::invalid_argument("batch: 0 examples, expected >= 1");
  SftStats stats;
  double denominator = 0.0;
  std::vector<int64_t> lengths;
  for (const SftExample& example : batch) {
    impl_->check(example);
    const auto n = static_cast<int64_t>(example.tokens.size());
    lengths.push_back(n - 1);
    stats.tokens += n;
    stats.loss_tokens += n - example.loss_from;
    denominator += example.weight * static_cast<double>(n - example.loss_from);
  }
  stats.examples = static_cast<int64_t>(batch.size());
  impl_->ends = plan_micro_batches(lengths, impl_->options.micro_batch_tokens);
  impl_->batch = std::move(batch);
  impl_->stats = stats;
  impl_->denominator = denominator;
  impl_->next = 0;
}

bool SftTrainer::advance() {
  Impl& s = *impl_;
  if (!busy()) throw std::invalid_argument("advance: no batch, expected begin() before");
  const size_t begin = s.next == 0 ? 0 : s.ends[s.next - 1];
  const at::Tensor loss = s.loss_sum(begin, s.ends[s.next]) / s.denominator;
  const double value = loss.item<double>();
  if (!std::isfinite(value)) {
    throw std::runtime_error("loss of examples " + std::to_string(begin) + ".." +
                             std::to_string(s.ends[s.next] - 1) + " of the batch is not finite");
  }
  loss.backward();
  s.stats.loss += value;
  if (++s.next < s.ends.size()) return false;
  s.finish();
  return true;
}

bool SftTrainer::busy() const { return !impl_->batch.empty(); }
const SftStats& SftTrainer::stats() const { return impl_->stats; }
int64_t SftTrainer::version() const { return impl_->version; }
const Transformer& SftTrainer::policy() const { return impl_->policy; }

Snapshot SftTrainer::snapshot(int64_t lineage) const {
  return {.model = "policy",
          .lineage = lineage,
          .version = impl_->version,
          .tensors = copy_tensors(impl_->optimizer.parameters()),
          .metadata = adapter_metadata(impl_->policy)};
}

void SftTrainer::save(const std::filesystem::path& directory) const {
  if (busy()) throw std::invalid_argument("save: a batch is under way, expected none");
  save_training(directory, "sft_trainer", impl_->optimizer, impl_->version);
}

void SftTrainer::restore(const std::filesystem::path& directory) {
  Impl& s = *impl_;
  const int64_t version = restore_training(directory, "sft_trainer", s.optimizer).version;
  s.optimizer.zero_grad();
  s.batch.clear();
  s.version = version;
}

}  // namespace charter::model
