// A preference model: a transformer whose score is a scalar read at the last token of a
// conversation (Bai et al. 2022, arXiv:2204.05862, appendix A.2). The difference of two scores is
// the log-odds that the first conversation is preferred.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "model/snapshot.hpp"
#include "model/transformer.hpp"
#include "model/value_head.hpp"

namespace charter::feedback {

struct PreferenceModel {
  model::Transformer transformer;
  model::ValueHead head;
};

// Rows of the packed batch at which scores are read: the last token of each sequence. The one place
// that decides it; there is no padding to be mistaken for it. [n]
[[nodiscard]] std::vector<int64_t> last_valid_index(const model::PackedSequences& batch);

// Scores of token sequences that end in the end-of-context token (the caller appends it, for
// training and for use alike). [n] float32, differentiable unless a NoGradGuard is alive. A score
// does not depend on the other sequences but for rounding. Throws std::invalid_argument on an empty
// list, an empty sequence or a token outside the vocabulary.
[[nodiscard]] at::Tensor scores(const PreferenceModel& pm,
                                std::span<const std::vector<int32_t>> sequences,
                                bool gradient_checkpointing = false);

// The same without a graph, `micro_batch_tokens` at a time: memory does not grow with the list.
[[nodiscard]] at::Tensor scores_in_slices(const PreferenceModel& pm,
                                          std::span<const std::vector<int32_t>> sequences,
                                          int64_t micro_batch_tokens);

// score -> gain * score + bias: puts the scores of a later version of an online PM on the scale of
// version 1, so that a batch may mix versions.
struct AffineMap {
  double gain = 1.0;
  double bias = 0.0;
  [[nodiscard]] double operator()(double score) const { return gain * score + bias; }
};

// The map that gives `probe_scores` ([n], n >= 2) this mean and (unbiased) standard deviation.
// Throws std::invalid_argument on fewer than two scores, a spread of 0, or a deviation <= 0.
[[nodiscard]] AffineMap affine_onto(const at::Tensor& probe_scores, double mean, double deviation);

// As a snapshot's metadata carries it ("score_gain", "score_bias"); absent means the identity.
[[nodiscard]] std::map<std::string, std::string> to_metadata(const AffineMap& map);
// Throws std::runtime_error naming a key whose value is no number.
[[nodiscard]] AffineMap affine_from(const std::map<std::string, std::string>& metadata);

// The PM of a snapshot on the shared tensors of `base`, for inference. Throws std::runtime_error
// naming the tensor that does not fit.
[[nodiscard]] PreferenceModel with_snapshot(const model::Transformer& base,
                                            const model::Snapshot& snapshot);

}  // namespace charter::feedback
