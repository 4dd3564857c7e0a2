// Importance weights of stale data, and measures of how far behaviour and proximal policy are
// apart. Decoupled PPO: Hilton et al. 2021, arXiv:2110.00641; truncation: Ionides 2008. Shapes:
// any, all equal.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>

namespace charter::rl {

struct Importance {
  at::Tensor weights;       // min(proximal / behaviour, cap); 0 outside the mask; no graph
  double mean = 0.0;        // of the weights over valid tokens; near 1 is healthy
  double clip_ratio = 0.0;  // share of valid tokens whose weight the cap lowered
  double ess_ratio = 0.0;   // effective sample size / tokens: mean(w)^2 / mean(w^2), in (0, 1]
};

// proximal, behavior: log-probs at the same temperature; mask: bool. The log-ratio is clamped to
// +-20 before exp. Throws std::invalid_argument on shapes or cap < 1.
[[nodiscard]] Importance truncated_importance(const at::Tensor& proximal,
                                              const at::Tensor& behavior, const at::Tensor& mask,
                                              double cap);

struct Mismatch {
  int64_t tokens = 0;
  double kl = 0.0;            // mean(r - log r - 1), r = proximal / behaviour; 0 without tokens
  double abs_diff_max = 0.0;  // |log proximal - log behaviour|
};

// Over the true entries of mask: meant for tokens sampled by the very weights that recompute them,
// where anything but rounding says that sampler and trainer disagree.
[[nodiscard]] Mismatch mismatch(const at::Tensor& proximal, const at::Tensor& behavior,
                                const at::Tensor& mask);

}  // namespace charter::rl
