#include "model/matmul.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "model/linear.hpp"

namespace charter::model {
namespace {

// Sizes below, at and above the tile of 8 rows, a panel (24 or 48), the depth (1024) and the width
// (1536) of a packed block.
TEST(Matmul, EqualsTheReferenceForEverySizeAndOrderOfStrides) {
  at::manual_seed(1);
  for (const auto& [m, k, n] : {std::tuple<int64_t, int64_t, int64_t>{1, 1, 1},
                                {7, 5, 23},
                                {8, 1024, 48},
                                {97, 1025, 49},
                                {203, 2100, 1537},
                                {203, 2100, 16},
                                {50, 100, 8},
                                {3, 17, 3100}}) {
    const at::Tensor a = at::randn({m, k}), b = at::randn({k, n});
    const at::Tensor expected = at::matmul(a.to(at::kDouble), b.to(at::kDouble));
    for (const at::Tensor& left : {a, a.t().contiguous().t()}) {
      for (const at::Tensor& right : {b, b.t().contiguous().t()}) {
        at::Tensor c = at::full({m, n}, 3.0);
        matmul_into(left, right, c, false);
        EXPECT_LT((c - expected).abs().max().item<double>(), 1e-5 * static_cast<double>(k) + 1e-5)
            << m << " " << k << " " << n;
        matmul_into(left, right, c, true);
        EXPECT_LT((c - 2 * expected).abs().max().item<double>(),
                  2e-5 * static_cast<double>(k) + 1e-5);
      }
    }
  }
}

TEST(Matmul, WritesBetweenRowsOfTheResultNothing) {
  at::manual_seed(2);
  const at::Tensor a = at::randn({20, 30}), b = at::randn({30, 50}),
                   frame = at::full({20, 70}, 7.0);
  at::Tensor c = frame.narrow(1, 10, 50);
  matmul_into(a, b, c, false);
  EXPECT_TRUE(at::allclose(c, at::matmul(a, b), 1e-5, 1e-5));
  EXPECT_TRUE((frame.narrow(1, 0, 10) == 7).all().item<bool>());
  EXPECT_TRUE((frame.narrow(1, 60, 10) == 7).all().item<bool>());
}

TEST(Matmul, ARowDoesNotDependOnTheRowsBesideIt) {
  at::manual_seed(3);
  const at::Tensor a = at::randn({137, 1500}), b = at::randn({1500, 100});
  at::Tensor all = at::empty({137, 100}), some = at::empty({5, 100});
  matmul_into(a, b, all, false);
  matmul_into(a.narrow(0, 70, 5), b, some, false);
  EXPECT_TRUE(at::equal(all.narrow(0, 70, 5), some));
}

TEST(Matmul, NothingToSumIsZero) {
  at::Tensor c = at::full({2, 3}, 5.0);
  matmul_into(at::empty({2, 0}), at::empty({0, 3}), c, true);
  EXPECT_TRUE((c == 5).all().item<bool>());
  matmul_into(at::empty({2, 0}), at::empty({0, 3}), c, false);
  EXPECT_TRUE((c == 0).all().item<bool>());
}

TEST(Matmul, RefusesWhatDoesNotFit) {
  at::Tensor c = at::empty({2, 3});
  EXPECT_THROW(matmul_into(at::empty({2, 4}), at::empty({5, 3}), c, false), std::invalid_argument);
  EXPECT_THROW(matmul_into(at::empty({2, 4}, at::kDouble), at::empty({4, 3}), c, false),
               std::invalid_argument);
  const at::Tensor sparse = at::empty({4, 12}).as_strided({2, 4}, {12, 2});
  EXPECT_THROW(matmul_into(sparse, at::empty({4, 3}), c, false), std::invalid_argument);
}

TEST(Matmul, GradientsEqualLinears) {
  at::manual_seed(4);
  const at::Tensor x = at::randn({133, 70}).requires_grad_(),
                   w = at::randn({96, 70}).requires_grad_();
  const at::Tensor g = at::randn({133, 96});
  const auto ours = torch::autograd::grad({matmul_transposed(x, w)}, {x, w}, {g});
  const auto theirs = torch::autograd::grad({at::linear(x, w)}, {x, w}, {g});
  for (size_t i = 0; i < 2; ++i) EXPECT_TRUE(at::allclose(ours[i], theirs[i], 1e-4, 1e-4));
}

TEST(Matmul, AnAdaptedLayerEqualsItsFormulaInValueAndGradient) {
  at::manual_seed(5);
  for (const int64_t rank : {8, 16, 40}) {
    Linear layer{.weight = at::randn({96, 70}).requires_grad_(),
                 .bias = at::randn({96}),
                 .lora_a = at::randn({rank, 70}).requires_grad_(),
                 .lora_b = at::randn({96, rank}).requires_grad_(),
                 .lora_scale = 0.5};
    const at::Tensor x = at::randn({133, 70}).requires_grad_(), g = at::randn({133, 96});
    const at::Tensor ours = forward(layer, x);
    const at::Tensor theirs = at::linear(x, layer.weight, layer.bias) +
                              0.5 * at::linear(at::linear(x, layer.lora_a), layer.lora_b);
    EXPECT_TRUE(at::allclose(ours, theirs, 1e-4, 1e-3));
    const std::vector<at::Tensor> inputs{x, layer.weight, layer.lora_a, layer.lora_b};
    const auto d_ours = torch::autograd::grad({ours}, inputs, {g});
    const auto d_theirs = torch::autograd::grad({theirs}, inputs, {g});
    for (size_t i = 0; i < inputs.size(); ++i)
      EXPECT_TRUE(at::allclose(d_ours[i], d_theirs[i], 1e-4, 1e-3)) << "rank " << rank << ", " << i;
  }
}

}  // namespace
}  // namespace charter::model
