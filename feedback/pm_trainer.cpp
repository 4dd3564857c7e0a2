#include "feedback/pm_trainer.hpp"

#include <ATen/ATen.h>

#include <cmath>
#include <limits>
#include <stdexcept>

#include "model/lora.hpp"
#include "model/train_state.hpp"
#include "model/train_step.hpp"

namespace charter::feedback {
namespace {

constexpr const char* kFile = "pm_trainer";

model::NamedTensors parameters_of(PreferenceModel& pm) {
  model::NamedTensors all = model::trainable_parameters(pm.transformer);
  for (auto& parameter : model::trainable_parameters(pm.head)) all.push_back(std::move(parameter));
  return all;
}

void check_pair(const PreferencePair& pair, const model::ModelConfig& config) {
  const auto refuse = [&pair](const std::string& what) {
    throw std::invalid_argument("pair of work_id " + std::to_string(pair.work_id) + ": " + what);
  };
  if (!(pair.p_first >= 0 && pair.p_first <= 1)) {
    refuse("p_first " + std::to_string(pair.p_first) + ", expected [0, 1]");
  }
  if (!(pair.weight > 0) || !std::isfinite(pair.weight)) {
    refuse("weight " + std::to_string(pair.weight) + ", expected > 0");
  }
  for (const auto* tokens : {&pair.first, &pair.second}) {
    const auto n = static_cast<int64_t>(tokens->size());
    if (n < 1 || n > config.longest_text()) {
      refuse(std::to_string(n) + " tokens, expected 1.." + std::to_string(config.longest_text()));
    }
    for (const int32_t id : *tokens) {
      if (id < 0 || id >= config.vocab_size) refuse("token id " + std::to_string(id));
    }
  }
}

int64_t tokens_of(const PreferencePair& pair) {
  return static_cast<int64_t>(pair.first.size() + pair.second.size());
}

std::vector<size_t> plan(std::span<const PreferencePair> pairs, int64_t budget) {
  std::vector<int64_t> lengths;
  for (const PreferencePair& pair : pairs)
    lengths.push_back(tokens_of(pair) - model::shared_beginning(pair.first, pair.second));
  return model::plan_micro_batches(lengths, budget);
}

double entropy(double p) {
  const auto term = [](double q) { return q > 0 ? -q * std::log(q) : 0.0; };
  return term(p) + term(1 - p);
}

// Differences of scores, [n]. Both sides go through one packed forward pass.
at::Tensor margins(const PreferenceModel& pm, std::span<const PreferencePair> pairs,
                   bool gradient_checkpointing) {
  std::vector<std::vector<int32_t>> sequences;
  for (const PreferencePair& pair : pairs) sequences.push_back(pair.first);
  for (const PreferencePair& pair : pairs) sequences.push_back(pair.second);
  const at::Tensor all = scores(pm, sequences, gradient_checkpointing);
  const auto n = static_cast<int64_t>(pairs.size());
  return all.narrow(0, 0, n) - all.narrow(0, n, n);
}

// log s(d) without overflow; the loss is p softplus(-d) + (1 - p) softplus(d).
at::Tensor pair_losses(const at::Tensor& margin, std::span<const PreferencePair> pairs) {
  std::vector<float> p;
  for (const PreferencePair& pair : pairs) p.push_back(static_cast<float>(pair.p_first));
  const at::Tensor target = at::tensor(p).to(margin.device());
  return -(target * at::log_sigmoid(margin) + (1.0 - target) * at::log_sigmoid(-margin));
}

std::vector<double> to_host(const at::Tensor& x) {
  const at::Tensor host = x.detach().to(at::kCPU, at::kDouble).contiguous();
  return {host.const_data_ptr<double>(), host.const_data_ptr<double>() + host.numel()};
}

}  // namespace

struct PmTrainer::Impl {
  Impl(PreferenceModel pm_in, PmOptions options_in, model::AdamWOptions optimizer_in)
      : pm(std::move(pm_in)), options(options_in), optimizer(parameters_of(pm), optimizer_in) {
    (void)model::plan_micro_batches({}, options.micro_batch_tokens);
  }

  void micro_batch(std::span<const PreferencePair> pairs);
  void finish();

  PreferenceModel pm;
  PmOptions options;
  model::AdamW optimizer;
  int64_t version = 0;
  PmStats stats;

  std::vector<PreferencePair> batch;  // empty when idle
  std::vector<size_t> ends;           // of its micro-batches
  size_t next = 0;
  double weight_sum = 0.0;
  int64_t decided = 0;
};

void PmTrainer::Impl::micro_batch(std::span<const PreferencePair> pairs) {
  const at::Tensor margin = margins(pm, pairs, options.gradient_checkpointing);
  const std::vector<double> d = to_host(margin);
  std::vector<float> weights;
  for (size_t i = 0; i < pairs.size(); ++i) {
    if (!std::isfinite(d[i])) {
      throw std::runtime_error("scores of work_id " + std::to_string(pairs[i].work_id) +
                               ": not finite");
    }
    weights.push_back(static_cast<float>(pairs[i].weight / weight_sum));
    stats.label_entropy += entropy(pairs[i].p_first) / static_cast<double>(batch.size());
    if (pairs[i].p_first == 0.5) continue;
    const double signed_margin = pairs[i].p_first > 0.5 ? d[i] : -d[i];
    stats.accuracy += (signed_margin > 0 ? 1.0 : signed_margin == 0 ? 0.5 : 0.0) / decided;
    stats.margin_mean += signed_margin / static_cast<double>(decided);
  }
  const at::Tensor loss =
      (pair_losses(margin, pairs) * at::tensor(weights).to(margin.device())).sum();
  stats.loss += loss.item<double>();
  loss.backward();
}

void PmTrainer::Impl::finish() {
  if (decided == 0) stats.accuracy = stats.margin_mean = std::numeric_limits<double>::quiet_NaN();
  stats.learning_rate = optimizer.next_learning_rate();
  stats.grad_norm = optimizer.step(options.max_grad_norm);
  optimizer.zero_grad();
  stats.version = ++version;
  batch.clear();
}

PmTrainer::PmTrainer(PreferenceModel pm, PmOptions options, model::AdamWOptions optimizer)
    : impl_(std::make_unique<Impl>(std::move(pm), options, optimizer)) {}
PmTrainer::~PmTrainer() = default;
PmTrainer::PmTrainer(PmTrainer&&) noexcept = default;
PmTrainer& PmTrainer::operator=(PmTrainer&&) noexcept = default;

void PmTrainer::begin(std::vector<PreferencePair> batch) {
  if (busy()) throw std::invalid_argument("begin: a batch is under way, expected none");
  if (batch.empty()) throw std::invalid_argument("batch: 0 pairs, expected >= 1");
  Impl& s = *impl_;
  PmStats stats{.pairs = static_cast<int64_t>(batch.size())};
  double weight_sum = 0.0;
  int64_t decided = 0;
  for (const PreferencePair& pair : batch) {
    check_pair(pair, s.pm.transformer.config);
    stats.tokens += tokens_of(pair);
    weight_sum += pair.weight;
    decided += pair.p_first != 0.5;
  }
  s.ends = plan(batch, s.options.micro_batch_tokens);
  s.batch = std::move(batch);
  s.stats = stats;
  s.weight_sum = weight_sum;
  s.decided = decided;
  s.next = 0;
}

bool PmTrainer::advance() {
  if (!busy()) throw std::invalid_argument("advance: no batch, expected begin() before");
  Impl& s = *impl_;
  const size_t begin = s.next == 0 ? 0 : s.ends[s.next - 1];
  s.micro_batch(std::span(s.batch).subspan(begin, s.ends[s.next] - begin));
  if (++s.next < s.ends.size()) return false;
  s.finish();
  return true;
}

bool PmTrainer::busy() const { return !impl_->batch.empty(); }
const PmStats& PmTrainer::stats() const { return impl_->stats; }
int64_t PmTrainer::version() const { return impl_->version; }
const PreferenceModel& PmTrainer::preference_model() const { return impl_->pm; }

model::Snapshot PmTrainer::snapshot(int64_t lineage, const AffineMap& map) const {
  model::Snapshot result{.model = "pm",
                         .lineage = lineage,
                         .version = impl_->version,
                         .tensors = model::copy_tensors(impl_->optimizer.parameters()),
                         .metadata = model::adapter_metadata(impl_->pm.transformer)};
  result.metadata.merge(to_metadata(map));
  return result;
}

void PmTrainer::save(const std::filesystem::path& directory) const {
  if (busy()) throw std::invalid_argument("save: a batch is under way, expected none");
  model::save_training(directory, kFile, impl_->optimizer, impl_->version);
}

void PmTrainer::restore(const std::filesystem::path& directory) {
  Impl& s = *impl_;
  const int64_t version = model::restore_training(directory, kFile, s.optimizer).version;
  s.optimizer.zero_grad();
  s.batch.clear();
  s.version = version;
}

}  // namespace charter::feedback
