// A random two-layer policy over 32 tokens, and sampling from it the slow and obvious way.
#pragma once
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "model/lora.hpp"
#include "model/transformer.hpp"
#include "model/value_head.hpp"
#include "rl/policy_pass.hpp"
#include "rl/trajectory.hpp"

namespace charter::rl {

constexpr int64_t kTinyVocab = 32, kTinyHidden = 32;

// Weights of small scale: the policy starts out nearly uniform.
inline model::Transformer tiny_policy(uint64_t seed = 3) {
  model::ModelFiles files;
  model::ModelConfig& c = files.config;
  c.vocab_size = kTinyVocab;
  c.hidden_size = kTinyHidden;
  c.intermediate_size = 64;
  c.num_layers = 2;
  c.num_heads = 4;
  c.num_kv_heads = 2;
  c.head_dim = 8;
  c.max_position = 64;
  files.source = "tiny";
  const at::Generator generator = at::detail::createCPUGenerator(seed);
  const auto random = [&](const std::string& name, std::vector<int64_t> shape, double scale) {
    files.tensors[name] = at::randn(shape, generator, at::TensorOptions(at::kFloat)) * scale;
  };
  random("model.embed_tokens.weight", {32, 32}, 1.0);
  random("lm_head.weight", {32, 32}, 0.1);
  files.tensors["model.norm.weight"] = at::ones({32});
  for (int i = 0; i < 2; ++i) {
    const std::string p = "model.layers." + std::to_string(i) + ".";
    random(p + "self_attn.q_proj.weight", {32, 32}, 0.15);
    random(p + "self_attn.k_proj.weight", {16, 32}, 0.15);
    random(p + "self_attn.v_proj.weight", {16, 32}, 0.15);
    random(p + "self_attn.o_proj.weight", {32, 32}, 0.15);
    random(p + "mlp.gate_proj.weight", {64, 32}, 0.15);
    random(p + "mlp.up_proj.weight", {64, 32}, 0.15);
    random(p + "mlp.down_proj.weight", {32, 64}, 0.15);
    files.tensors[p + "input_layernorm.weight"] = at::ones({32});
    files.tensors[p + "post_attention_layernorm.weight"] = at::ones({32});
  }
  return model::make_transformer(files);
}

inline model::Transformer tiny_trainable(uint64_t seed = 3) {
  model::Transformer policy = tiny_policy(seed);
  model::attach_lora(policy, {.rank = 4, .alpha = 8}, seed);
  return policy;
}

struct SamplePlan {
  int64_t count = 16, response_tokens = 8, version = 0;
  double temperature = 1.0;
  uint64_t seed = 0;
  std::vector<int32_t> beginning = {};  // of every prompt
};

// Log-probs of the response tokens under `policy`.
inline std::vector<float> logprobs_of(const model::Transformer& policy,
                                      const ScoredTrajectory& scored) {
  const at::NoGradGuard no_grad;
  const at::Tensor x = run_policy(policy, model::zero_value_head(kTinyHidden), {&scored, 1}, {})
                           .logprobs.contiguous();
  return {x.const_data_ptr<float>(), x.const_data_ptr<float>() + x.numel()};
}

// Prompts of 1 to 3 tokens, responses of plan.response_tokens; `reference` scores them, `reward`
// too.
inline std::vector<ScoredTrajectory> sample(
    const model::Transformer& policy, const model::Transformer& reference, const SamplePlan& plan,
    const std::function<double(const std::vector<int32_t>&)>& reward) {
  const at::NoGradGuard no_grad;
  at::Generator generator = at::detail::createCPUGenerator(plan.seed);
  std::vector<std::vector<int32_t>> sequences;
  std::vector<ScoredTrajectory> result(static_cast<size_t>(plan.count));
  for (int64_t i = 0; i < plan.count; ++i) {
    result[i].trajectory.prompt = plan.beginning;
    for (int64_t k = 0; k <= i % 3; ++k) {
      result[i].trajectory.prompt.push_back(static_cast<int32_t>((5 * i + 11 * k) % kTinyVocab));
    }
    sequences.push_back(result[i].trajectory.prompt);
  }
  for (int64_t t = 0; t < plan.response_tokens; ++t) {
    const model::PackedSequences packed = model::pack(sequences);
    std::vector<int64_t> last;
    for (const size_t end : packed.ends) last.push_back(packed.segments[end].end - 1);
    const at::Tensor rows = model::hidden_states(policy, packed).index_select(0, at::tensor(last));
    const at::Tensor p = at::softmax(model::logits(policy, rows) / plan.temperature, 1);
    const at::Tensor drawn = at::multinomial(p, 1, false, generator);
    for (int64_t i = 0; i < plan.count; ++i) {
      sequences[i].push_back(static_cast<int32_t>(drawn[i].item<int64_t>()));
      result[i].trajectory.response.push_back(sequences[i].back());
    }
  }
  for (int64_t i = 0; i < plan.count; ++i) {
    ScoredTrajectory& scored = result[i];
    Trajectory& t = scored.trajectory;
    t.work_id = 100 + i;
    t.temperature = plan.temperature;
    t.policy_versions.assign(t.response.size(), plan.version);
    t.precision = "float32";
    t.finished = true;
    t.behavior_logprobs = logprobs_of(policy, scored);
    scored.ref_logprobs = logprobs_of(reference, scored);
    scored.score = reward(t.response);
  }
  return result;
}

inline double count_of_seven(const std::vector<int32_t>& response) {
  return static_cast<double>(std::count(response.begin(), response.end(), 7));
}

}  // namespace charter::rl
