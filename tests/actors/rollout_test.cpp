// With a model of two layers that says noise.
#include "actors/rollout.hpp"

#include "actors/publish.hpp"
#include "tests/actors/fixture.hpp"
#include "tests/store/temp_dir.hpp"
#include "tests/system/tiny_model_files.hpp"

namespace charter::actors {
namespace {

class RolloutTest : public ActorTest {
 protected:
  void SetUp() override {
    const auto files = tiny_model_files(CHARTER_SOURCE_DIR "/tests/golden/metaspace/trained.gguf");
    model::save_hf_directory(files, directory.path() / "sl_cai");
    tensors = files.tensors;
    weight_store.bind(Arrow::kWeights);
  }
  void TearDown() override { finish(actor); }

  // Starts on sl_cai's weights and follows the policy.
  void start(bool lora) {
    run.models.policy_format = "plain";
    run.lora.enabled = lora;
    auto models = std::make_shared<PhaseModels>(directory.path(), run);
    RolloutOptions options{
        .model = "sl_cai", .kinds = {"rollout"}, .follows_policy = true, .snapshots = places};
    options.engine = {.max_batch = 2, .max_context = 64};
    models->prepare("sl_cai", options.packed);
    start_weights = options.packed.at("sl_cai");
    actor = system.spawn<caf::detached>(rollout, wiring(), models, std::move(options), metrics,
                                        metrics::StageMetrics::make(registry, {}, "rollout"));
    ASSERT_TRUE(weight_store.up());
    probe(actor);
  }
  void announce(int64_t version) {
    weight_store.announce(
        publish_snapshot({.model = "policy", .lineage = 1, .version = version, .tensors = tensors},
                         places, published));
    EXPECT_TRUE(
        eventually([&] { return metrics.policy_version.Value() == static_cast<double>(version); }));
  }

  store::TempDir directory;
  const SnapshotPlaces places{directory.path(), directory.path()};
  config::RunConfig run;
  std::map<std::string, at::Tensor> tensors;
  metrics::RolloutMetrics metrics = metrics::RolloutMetrics::make(registry, {});
  metrics::WeightPublishMetrics published =
      metrics::WeightPublishMetrics::make(registry, {}, "policy");
  std::weak_ptr<const model::PackedModel> start_weights;
  FarEnd weight_store{far(), "weight_store"};
  RolloutActor actor;
};

TEST_F(RolloutTest, TheFirstVersionTakesThePlaceOfTheStartWeights) {
  start(/*lora=*/false);
  ASSERT_FALSE(start_weights.expired());  // the engine's
  const auto bytes = static_cast<double>(start_weights.lock()->packed_bytes());
  announce(1);
  EXPECT_TRUE(start_weights.expired());
  EXPECT_EQ(metrics.packed_policy_bytes.Value(), bytes);
  announce(2);
  EXPECT_EQ(metrics.packed_policy_bytes.Value(), bytes);
}

TEST_F(RolloutTest, WithAdaptersEveryVersionSharesTheStartWeights) {
  start(/*lora=*/true);
  tensors.clear();
  announce(1);
  EXPECT_FALSE(start_weights.expired());
  EXPECT_EQ(metrics.packed_policy_bytes.Value(), 0);
}

}  // namespace
}  // namespace charter::actors
