#include "model/value_head.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <stdexcept>

namespace charter::model {
namespace {

TEST(ValueHead, IsAnAffineFunctionOfTheHiddenState) {
  const ValueHead head{.weight = at::tensor({1.0f, -2.0f}), .bias = at::full({}, 0.5)};
  const at::Tensor hidden = at::tensor({3.0f, 1.0f, 0.0f, 1.0f}).view({2, 2});
  // 3 - 2 + 0.5 = 1.5; 0 - 2 + 0.5 = -1.5
  EXPECT_TRUE(at::equal(forward(head, hidden), at::tensor({1.5f, -1.5f})));
}

TEST(ValueHead, StartsAtZeroOrWithTheStatedSpread) {
  EXPECT_EQ(zero_value_head(8).weight.abs().max().item<float>(), 0.0f);
  const ValueHead head = random_value_head(9999, 3);  // deviation 1 / sqrt(10000) = 0.01
  EXPECT_NEAR(head.weight.std().item<double>(), 0.01, 5e-4);
  EXPECT_TRUE(at::equal(head.weight, random_value_head(9999, 3).weight));
}

TEST(ValueHead, ComputesInFloat32WhateverTheTrunk) {
  EXPECT_EQ(forward(random_value_head(4, 1), at::ones({2, 4}, at::kBFloat16)).scalar_type(),
            at::kFloat);
}

TEST(ValueHead, ComesBackFromASnapshotsTensors) {
  const ValueHead head = random_value_head(4, 1);
  const std::map<std::string, at::Tensor> tensors = {{"value_head.weight", head.weight},
                                                     {"value_head.bias", head.bias}};
  EXPECT_TRUE(at::equal(value_head_from(tensors, 4).weight, head.weight));
  EXPECT_THROW((void)value_head_from(tensors, 5), std::runtime_error);
  EXPECT_THROW((void)value_head_from({}, 4), std::runtime_error);
}

TEST(ValueHead, RefusesHiddenStatesOfAnotherSize) {
  EXPECT_THROW((void)forward(zero_value_head(4), at::ones({2, 5})), std::invalid_argument);
}

}  // namespace
}  // namespace charter::model
