#include "feedback/preference_model.hpp"

#include <ATen/ATen.h>

#include <charconv>
#include <cmath>
#include <sstream>
#include <stdexcept>

#include "model/lora.hpp"
#include "model/train_step.hpp"

namespace charter::feedback {
namespace {

void check_tokens(const PreferenceModel& pm, std::span<const std::vector<int32_t>> sequences) {
  const int64_t vocab = pm.transformer.config.vocab_size;
  for (const std::vector<int32_t>& sequence : sequences) {
    for (const int32_t id : sequence) {
      if (id >= 0 && id < vocab) continue;
      throw std::invalid_argument("token id: " + std::to_string(id) + ", expected 0.." +
                                  std::to_string(vocab - 1));
    }
  }
}

std::string exact_text(double value) {
  std::ostringstream text;
  text.precision(17);
  text << value;
  return text.str();
}

double number(const std::map<std::string, std::string>& metadata, const std::string& key,
              double absent) {
  const auto found = metadata.find(key);
  if (found == metadata.end()) return absent;
  const std::string& text = found->second;
  double value = 0.0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc() && end == text.data() + text.size() && std::isfinite(value))
    return value;
  throw std::runtime_error("metadata key " + key + ": '" + text + "', expected a finite number");
}

}  // namespace

std::vector<int64_t> last_valid_index(const model::PackedSequences& batch) {
  std::vector<int64_t> rows;
  for (const size_t end : batch.ends) rows.push_back(batch.segments[end].end - 1);
  return rows;
}

at::Tensor scores(const PreferenceModel& pm, std::span<const std::vector<int32_t>> sequences,
                  bool gradient_checkpointing) {
  check_tokens(pm, sequences);
  const at::Device device = pm.transformer.embedding.device();
  const model::PackedSequences batch = model::pack_shared(sequences, device);
  const at::Tensor rows = at::tensor(last_valid_index(batch)).to(device);
  return model::forward(pm.head,
                        model::hidden_rows(pm.transformer, batch, rows,
                                           {.gradient_checkpointing = gradient_checkpointing}));
}

at::Tensor scores_in_slices(const PreferenceModel& pm,
                            std::span<const std::vector<int32_t>> sequences,
                            int64_t micro_batch_tokens) {
  const at::NoGradGuard no_grad;
  std::vector<int64_t> lengths;
  for (const auto& sequence : sequences) lengths.push_back(static_cast<int64_t>(sequence.size()));
  std::vector<at::Tensor> parts;
  size_t begin = 0;
  for (const size_t end : model::plan_micro_batches(lengths, micro_batch_tokens)) {
    parts.push_back(scores(pm, sequences.subspan(begin, end - begin)));
    begin = end;
  }
  if (parts.empty()) throw std::invalid_argument("sequences: 0, expected >= 1");
  return at::cat(parts);
}

AffineMap affine_onto(const at::Tensor& probe_scores, double mean, double deviation) {
  if (probe_scores.dim() != 1 || probe_scores.numel() < 2) {
    throw std::invalid_argument("probe_scores: expected [n] with n >= 2");
  }
  const at::Tensor values = probe_scores.detach().to(at::kDouble);
  const double own_mean = values.mean().item<double>();
  const double own_deviation = values.std(/*unbiased=*/true).item<double>();
  if (!(own_deviation > 0) || !std::isfinite(own_deviation) || !(deviation > 0)) {
    throw std::invalid_argument("deviation: " + std::to_string(own_deviation) + " onto " +
                                std::to_string(deviation) + ", expected both > 0");
  }
  const double gain = deviation / own_deviation;
  return {.gain = gain, .bias = mean - gain * own_mean};
}

std::map<std::string, std::string> to_metadata(const AffineMap& map) {
  return {{"score_gain", exact_text(map.gain)}, {"score_bias", exact_text(map.bias)}};
}

AffineMap affine_from(const std::map<std::string, std::string>& metadata) {
  return {.gain = number(metadata, "score_gain", 1.0), .bias = number(metadata, "score_bias", 0.0)};
}

PreferenceModel with_snapshot(const model::Transformer& base, const model::Snapshot& snapshot) {
  return {.transformer = model::with_snapshot(base, snapshot),
          .head = model::value_head_from(snapshot.tensors, base.config.hidden_size,
                                         base.embedding.device())};
}

}  // namespace charter::feedback
