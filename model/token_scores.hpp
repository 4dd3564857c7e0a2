// What is read off a next-token distribution beside the logits themselves.
#pragma once
#include <ATen/core/Tensor.h>

namespace charter::model {

struct TokenScores {
  at::Tensor logprobs;   // [n] of the given tokens, natural log
  at::Tensor entropies;  // [n] of the whole distributions, nats
};

}  // namespace charter::model
