#include "actors/policy_weights.hpp"

#include <gtest/gtest.h>

#include "tests/model/tiny_model.hpp"

namespace charter::actors {
namespace {

using Packed = std::shared_ptr<const model::PackedModel>;
using Watch = std::weak_ptr<const model::PackedModel>;

constexpr model::EngineOptions kOptions{.max_batch = 2, .max_context = 64};

model::Engine engine_on(const Packed& packed) { return {packed, nullptr, {}, kOptions}; }

PolicyWeights policy_from(const Packed& start, bool adapters) {
  return {start, adapters, model::Precision::kFloat32};
}

TEST(PolicyWeights, TheStartIsFreedWhenTheLastEngineLeavesIt) {
  auto start = model::PackedModel::make(model::tiny_transformer());
  const Watch watch = start;
  model::Engine first = engine_on(start), second = engine_on(start);
  const auto policy = policy_from(start, false);
  start.reset();
  const auto version = model::tiny_transformer({.seed = 8});
  policy.give(first, version, {1, 1});
  EXPECT_FALSE(watch.expired());  // the second engine serves it
  policy.give(second, version, {1, 1});
  EXPECT_TRUE(watch.expired());
}

TEST(PolicyWeights, AVersionOfItsOwnIsServedAndCounted) {
  const auto start = model::PackedModel::make(model::tiny_transformer());
  model::Engine engine = engine_on(start);
  EXPECT_EQ(policy_from(start, false).give(engine, model::tiny_transformer({.seed = 8}), {2, 5}),
            start->packed_bytes());  // of the same shapes
  EXPECT_EQ(engine.version(), (model::WeightVersion{2, 5}));
}

TEST(PolicyWeights, AdaptersShareTheStart) {
  auto start = model::PackedModel::make(model::tiny_transformer());
  const Watch watch = start;
  model::Engine engine = engine_on(start);
  const auto policy = policy_from(start, true);
  start.reset();
  auto version = model::tiny_transformer();
  model::add_random_adapters(version);
  EXPECT_EQ(policy.give(engine, version, {1, 1}), 0);
  EXPECT_EQ(policy.give(engine, version, {1, 2}), 0);
  EXPECT_FALSE(watch.expired());
}

}  // namespace
}  // namespace charter::actors
