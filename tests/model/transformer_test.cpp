#include "model/transformer.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "model/fused_ops.hpp"
#include "model/lora.hpp"
#include "tests/model/tiny_model.hpp"

namespace charter::model {
namespace {

using Tensors = std::vector<at::Tensor>;

at::Tensor naive_norm(const at::Tensor& x, const at::Tensor& w, double eps) {
  return x * at::rsqrt((x * x).mean(-1, true) + eps) * w;
}

at::Tensor naive_linear(const Linear& l, const at::Tensor& x) {
  at::Tensor y = at::matmul(x, l.weight.t());
  if (l.bias.defined()) y = y + l.bias;
  if (l.has_adapter()) {
    y = y + l.lora_scale * at::matmul(at::matmul(x, l.lora_a.t()), l.lora_b.t());
  }
  return y;
}

at::Tensor naive_rope(const at::Tensor& x, double theta) {  // [n, heads, d]
  const int64_t n = x.size(0), d = x.size(2);
  const auto inverse = at::pow(theta, -at::arange(0, d, 2, at::kFloat) / d);
  const auto angle = at::outer(at::arange(n, at::kFloat), inverse);
  const auto c = at::cat({angle, angle}, 1).cos().unsqueeze(1);
  const auto s = at::cat({angle, angle}, 1).sin().unsqueeze(1);
  const auto halves = x.chunk(2, -1);
  return x * c + at::cat({-halves[1], halves[0]}, -1) * s;
}

// One sequence, written from the paper's formulas with nothing fused: [n] ids -> [n, H].
at::Tensor naive_hidden(const Transformer& t, const at::Tensor& ids) {
  const ModelConfig& c = t.config;
  const int64_t n = ids.size(0), group = c.num_heads / c.num_kv_heads;
  at::Tensor x = t.embedding.index_select(0, ids);
  const auto mask = at::full({n, n}, -INFINITY).triu(1);
  for (const Layer& layer : t.layers) {
    const auto h = naive_norm(x, layer.input_norm, c.rms_norm_eps);
    auto q = naive_linear(layer.q, h).view({n, c.num_heads, c.head_dim});
    auto k = naive_linear(layer.k, h).view({n, c.num_kv_heads, c.head_dim});
    const auto v = naive_linear(layer.v, h).view({n, c.num_kv_heads, c.head_dim});
    if (layer.q_norm.defined()) q = naive_norm(q, layer.q_norm, c.rms_norm_eps);
    if (layer.k_norm.defined()) k = naive_norm(k, layer.k_norm, c.rms_norm_eps);
    q = naive_rope(q, c.rope_theta).transpose(0, 1);
    k = naive_rope(k, c.rope_theta).transpose(0, 1).repeat_interleave(group, 0);
    const auto values = v.transpose(0, 1).repeat_interleave(group, 0);
    const auto scores = at::matmul(q, k.transpose(1, 2)) / std::sqrt(c.head_dim) + mask;
    const auto mixed = at::matmul(at::softmax(scores, -1), values).transpose(0, 1);
    x = x + naive_linear(layer.o, mixed.reshape({n, -1}));
    const auto m = naive_norm(x, layer.post_attention_norm, c.rms_norm_eps);
    x = x +
        naive_linear(layer.down, at::silu(naive_linear(layer.gate, m)) * naive_linear(layer.up, m));
  }
  return naive_norm(x, t.final_norm, c.rms_norm_eps);
}

Tensors parameters(Transformer& t) {
  Tensors result{t.embedding, t.final_norm};
  for_each_linear(t, [&](const std::string& name, Linear& l) {
    if (name != "lm_head") result.push_back(l.weight);
    for (const auto& x : {l.bias, l.lora_a, l.lora_b}) {
      if (x.defined()) result.push_back(x);
    }
  });
  for (Layer& layer : t.layers) {
    for (const auto& x :
         {layer.input_norm, layer.post_attention_norm, layer.q_norm, layer.k_norm}) {
      if (x.defined()) result.push_back(x);
    }
  }
  for (auto& x : result) x.requires_grad_(true);
  return result;
}

const std::vector<std::vector<int32_t>> kSequences{tiny_tokens(9, 1), tiny_tokens(1, 2),
                                                   tiny_tokens(70, 3)};

// Targets are the same for both passes; the loss weighs each row differently.
at::Tensor loss_of(const at::Tensor& logprobs) {
  return (logprobs * at::linspace(-1, 1, logprobs.size(0))).sum();
}

at::Tensor targets(int64_t n) { return at::arange(n, at::kLong).remainder(97); }

at::Tensor naive_loss(const Transformer& t, const std::vector<std::vector<int32_t>>& sequences) {
  Tensors rows;
  for (const auto& s : sequences) {
    std::vector<int64_t> ids(s.begin(), s.end());
    rows.push_back(naive_hidden(t, at::tensor(ids, at::kLong)));
  }
  const at::Tensor all = at::cat(rows);
  const auto scores = at::matmul(all, t.head.weight.t()) / 0.7;
  return loss_of(
      at::log_softmax(scores, 1).gather(1, targets(all.size(0)).unsqueeze(1)).squeeze(1));
}

double worst(const Tensors& a, const Tensors& b) {
  double result = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double scale = 1.0 + b[i].abs().max().item<double>();
    result = std::max(result, (a[i] - b[i]).abs().max().item<double>() / scale);
  }
  return result;
}

class PackedPass : public testing::TestWithParam<TinyOptions> {};

// The gradients of `loss` are those of `expected`, input by input.
void expect_same_gradients(const at::Tensor& loss, const at::Tensor& expected,
                           const Tensors& inputs) {
  const Tensors wanted = torch::autograd::grad({expected}, inputs, {}, true, false, true);
  const Tensors grads = torch::autograd::grad({loss}, inputs, {}, {}, false, true);
  Tensors a, b;
  for (size_t i = 0; i < grads.size(); ++i) {
    ASSERT_EQ(grads[i].defined(), wanted[i].defined()) << i;
    if (!grads[i].defined()) continue;
    a.push_back(grads[i]);
    b.push_back(wanted[i]);
  }
  EXPECT_LT(worst(a, b), 1e-4);
}

TEST_P(PackedPass, EqualsUnfusedFormulasInValueAndGradient) {
  Transformer t = tiny_transformer(GetParam());
  add_random_adapters(t);
  const Tensors inputs = parameters(t);
  const auto expected = naive_loss(t, kSequences);
  for (const bool checkpoint : {false, true}) {
    SCOPED_TRACE(checkpoint);
    const auto hidden = hidden_states(t, pack(kSequences), {.gradient_checkpointing = checkpoint});
    const auto loss = loss_of(token_logprobs(t, hidden, targets(hidden.size(0)), 0.7, 32));
    EXPECT_NEAR(loss.item<double>(), expected.item<double>(), 1e-3);
    expect_same_gradients(loss, expected, inputs);
  }
}

// Three of one beginning, two of them the same, and two others.
std::vector<std::vector<int32_t>> sharing_sequences() {
  const auto beginning = tiny_tokens(20, 4);
  const auto twice = joined(beginning, tiny_tokens(5, 5));
  return {twice, tiny_tokens(9, 1), joined(beginning, tiny_tokens(40, 6)), twice,
          tiny_tokens(30, 7)};
}

TEST_P(PackedPass, ASharedBeginningChangesNeitherValueNorGradient) {
  Transformer t = tiny_transformer(GetParam());
  add_random_adapters(t);
  const Tensors inputs = parameters(t);
  const auto sequences = sharing_sequences();
  const PackedSequences packed = pack_shared(sequences);
  EXPECT_EQ(packed.tokens.size(0), 20 + 5 + 5 + 40 + 9 + 30);
  std::vector<int64_t> rows;
  for (size_t i = 0; i < sequences.size(); ++i)
    for (size_t k = 0; k < sequences[i].size(); ++k)
      rows.push_back(packed.row(i, static_cast<int64_t>(k)));
  const auto expected = naive_loss(t, sequences);
  for (const bool checkpoint : {false, true}) {
    SCOPED_TRACE(checkpoint);
    const auto hidden =
        hidden_rows(t, packed, at::tensor(rows), {.gradient_checkpointing = checkpoint});
    const auto loss = loss_of(token_logprobs(t, hidden, targets(hidden.size(0)), 0.7, 32));
    EXPECT_NEAR(loss.item<double>(), expected.item<double>(), 1e-3);
    expect_same_gradients(loss, expected, inputs);
  }
}

TEST(Packing, LaysASharedBeginningOnceBeforeItsSequences) {
  const auto sequences = sharing_sequences();
  const PackedSequences packed = pack_shared(sequences);
  const auto tokens = packed.tokens, positions = packed.positions;
  for (size_t i = 0; i < sequences.size(); ++i) {
    ASSERT_EQ(packed.length(i), static_cast<int64_t>(sequences[i].size()));
    for (int64_t k = 0; k < packed.length(i); ++k) {
      EXPECT_EQ(tokens[packed.row(i, k)].item<int64_t>(), sequences[i][static_cast<size_t>(k)]);
      EXPECT_EQ(positions[packed.row(i, k)].item<int64_t>(), k);
    }
  }
  EXPECT_EQ(packed.row(0, 19), packed.row(2, 19));
  EXPECT_NE(packed.row(0, 20), packed.row(3, 20));  // each has a row of its own to be read at
}

TEST(Packing, AnotherJoinsWhileThatSavesRows) {
  // Beginnings of 30 (two sequences) inside one of 17 (three): 30 * 1 < 17 * 2, so all three.
  const auto short_one = tiny_tokens(17, 1), long_one = joined(short_one, tiny_tokens(13, 2));
  const PackedSequences three = pack_shared(
      std::vector{joined(long_one, {1}), joined(long_one, {2}), joined(short_one, {96})});
  EXPECT_EQ(three.tokens.size(0), 17 + 14 + 14 + 1);
  // Against one of 40 (two) it does not pay: the third goes alone.
  const auto longest = joined(short_one, tiny_tokens(23, 2));
  const PackedSequences two =
      pack_shared(std::vector{joined(longest, {1}), joined(longest, {2}), joined(short_one, {96})});
  EXPECT_EQ(two.tokens.size(0), 40 + 1 + 1 + 18);
}

TEST(Packing, LeavesShortBeginningsAlone) {
  const auto beginning = tiny_tokens(kSharedTokens - 1, 1);
  const std::vector sequences{joined(beginning, {1}), joined(beginning, {2})};
  EXPECT_EQ(pack_shared(sequences).segments.size(), 2u);
  EXPECT_EQ(shared_beginning(sequences[0], sequences[1]), 0);
  const auto same = tiny_tokens(kSharedTokens + 1, 1);
  EXPECT_EQ(shared_beginning(same, same), kSharedTokens);  // each keeps its last token
}

INSTANTIATE_TEST_SUITE_P(Families, PackedPass,
                         testing::Values(TinyOptions{},
                                         TinyOptions{.qkv_bias = true, .tied = false},
                                         TinyOptions{.qk_norm = true},
                                         TinyOptions{.num_kv_heads = 6}));

TEST(Transformer, SequencesDoNotSeeEachOther) {
  const at::NoGradGuard no_grad;
  const Transformer t = tiny_transformer();
  const auto all = hidden_states(t, pack(kSequences));
  const auto last = hidden_states(t, pack(std::span(kSequences).subspan(2)));
  EXPECT_LT((all.narrow(0, 10, 70) - last).abs().max().item<double>(), 1e-5);
}

TEST(Transformer, MergedTensorsGiveTheSameStates) {
  const at::NoGradGuard no_grad;
  Transformer t = tiny_transformer();
  add_random_adapters(t);
  ModelFiles files;
  files.config = t.config;
  for (const auto& [name, tensor] : merged_tensors(t)) files.tensors[name] = tensor;
  const Transformer merged = make_transformer(files);
  const auto a = hidden_states(t, pack(kSequences)), b = hidden_states(merged, pack(kSequences));
  EXPECT_LT((a - b).abs().max().item<double>(), 1e-4);
}

TEST(Transformer, NamesTheTensorThatIsMissingOrMisshapen) {
  const Transformer t = tiny_transformer();
  ModelFiles files;
  files.config = t.config;
  files.source = "here";
  for (const auto& [name, tensor] : merged_tensors(t)) files.tensors[name] = tensor;
  const std::string name = "model.layers.1.mlp.up_proj.weight";
  files.tensors[name] = at::zeros({3, 4});
  try {
    (void)make_transformer(files);
    FAIL() << "a misshapen tensor was accepted";
  } catch (const std::runtime_error& e) {
    EXPECT_EQ(std::string(e.what()),
              "here: tensor " + name + " has shape [3, 4], expected [80, 48]");
  }
  files.tensors.erase(name);
  EXPECT_THROW((void)make_transformer(files), std::runtime_error);
}

TEST(Transformer, RefusesEmptySequences) {
  EXPECT_THROW((void)pack({}), std::invalid_argument);
  const std::vector<std::vector<int32_t>> sequences{{1}, {}};
  EXPECT_THROW((void)pack(sequences), std::invalid_argument);
}

TEST(Transformer, LayerActivationsEndBeforeTheFinalNorm) {
  const Transformer t = tiny_transformer();
  const auto rows = at::tensor({0, 79}, at::kLong);
  const auto activations = layer_activations(t, pack(kSequences), rows);
  ASSERT_EQ(activations.sizes(), at::IntArrayRef({3, 2, 48}));
  const auto expected = hidden_states(t, pack(kSequences)).index_select(0, rows);
  const auto got = rms_norm(activations[2], t.final_norm, t.config.rms_norm_eps);
  EXPECT_LT((got - expected).abs().max().item<double>(), 1e-5);
}

TEST(TokenScores, AreTheLogprobsAndEntropiesOfTheDistributions) {
  for (const bool untied_adapter : {false, true}) {
    Transformer t = tiny_transformer({.tied = !untied_adapter});
    if (untied_adapter) attach_lora(t, {.rank = 2, .targets = {"lm_head"}}, 1);
    const at::NoGradGuard no_grad;
    const std::vector<std::vector<int32_t>> sequences{tiny_tokens(11, 4)};
    const at::Tensor hidden = hidden_states(t, pack(sequences)), ids = pack(sequences).tokens;
    const TokenScores scores = token_scores(t, hidden, ids, 0.7, /*slice=*/4);
    const at::Tensor p = at::log_softmax((logits(t, hidden) / 0.7).to(at::kDouble), 1);
    const at::Tensor chosen = p.gather(1, ids.unsqueeze(1)).squeeze(1);
    EXPECT_LT((scores.logprobs - chosen).abs().max().item<double>(), 1e-5);
    EXPECT_LT((scores.entropies + (p.exp() * p).sum(1)).abs().max().item<double>(), 1e-5);
  }
  const Transformer t = tiny_transformer();
  EXPECT_THROW((void)token_scores(t, at::zeros({2, 48}), at::zeros({3}, at::kLong), 1.0),
               std::invalid_argument);
}

}  // namespace
}  // namespace charter::model
