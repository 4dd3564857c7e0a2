#include "feedback/pm_trainer.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <stdexcept>

#include "model/lora.hpp"
#include "tests/model/tiny_model.hpp"

namespace charter::feedback {
namespace {

constexpr model::AdamWOptions kAdam{.lr = 5e-3, .beta1 = 0.0};  // the first moment is the gradient

PreferenceModel tiny_pm(bool trainable = true) {
  PreferenceModel pm{.transformer = model::tiny_transformer(),
                     .head = model::random_value_head(48, 5)};
  if (trainable) model::attach_lora(pm.transformer, {.rank = 4}, 1);
  return pm;
}

std::vector<PreferencePair> some_pairs() {
  std::vector<PreferencePair> pairs;
  for (int64_t i = 0; i < 6; ++i) {
    pairs.push_back({.work_id = 10 + i,
                     .first = model::tiny_tokens(5 + i, static_cast<uint64_t>(i)),
                     .second = model::tiny_tokens(12 - i, static_cast<uint64_t>(50 + i)),
                     .p_first = 0.1 + 0.15 * static_cast<double>(i),
                     .weight = i == 2 ? 3.0 : 1.0,
                     .source = "ai"});
  }
  // Two pairs after a prompt each; the others have none in common.
  for (PreferencePair* pair : {&pairs[1], &pairs[4]}) {
    const auto prompt = model::tiny_tokens(20, static_cast<uint64_t>(pair->work_id));
    pair->first = model::joined(prompt, pair->first);
    pair->second = model::joined(prompt, pair->second);
  }
  return pairs;
}

std::vector<std::vector<int32_t>> one(const std::vector<int32_t>& sequence) { return {sequence}; }

PmStats train(PmTrainer& trainer, std::vector<PreferencePair> batch) {
  trainer.begin(std::move(batch));
  while (!trainer.advance()) {
  }
  return trainer.stats();
}

std::filesystem::path scratch(const std::string& name) {
  const auto dir = std::filesystem::temp_directory_path() /
                   ("charter_pm_" + std::to_string(::getpid()) + "_" + name);
  std::filesystem::remove_all(dir);
  return dir;
}

std::map<std::string, at::Tensor> saved(const PmTrainer& trainer, const std::string& name) {
  const auto dir = scratch(name);
  trainer.save(dir);
  auto tensors = model::read_snapshot(dir / "pm_trainer.safetensors").tensors;
  std::filesystem::remove_all(dir);
  return tensors;
}

TEST(PreferenceModel, AScoreDoesNotDependOnItsNeighbours) {
  const PreferenceModel pm = tiny_pm(false);
  const at::NoGradGuard no_grad;
  std::vector<std::vector<int32_t>> all;
  for (uint64_t i = 0; i < 7; ++i)
    all.push_back(model::tiny_tokens(3 + 4 * static_cast<int64_t>(i), i));
  const at::Tensor together = scores(pm, all);
  EXPECT_LE((together - scores_in_slices(pm, all, 20)).abs().max().item<double>(), 1e-5);
  for (size_t i = 0; i < all.size(); ++i) {
    EXPECT_NEAR(scores(pm, one(all[i])).item<double>(),
                together[static_cast<int64_t>(i)].item<double>(), 1e-5);
  }
}

TEST(PreferenceModel, TheScoreIsReadAtTheLastToken) {
  const PreferenceModel pm = tiny_pm(false);
  const at::NoGradGuard no_grad;
  const std::vector<std::vector<int32_t>> sequences = {{1, 2, 3}, {4, 5}};
  const model::PackedSequences packed = model::pack(sequences);
  EXPECT_EQ(last_valid_index(packed), (std::vector<int64_t>{2, 4}));
  const at::Tensor h = model::hidden_states(pm.transformer, packed);
  const double expected = (h[2].dot(pm.head.weight) + pm.head.bias).item<double>();
  EXPECT_NEAR(scores(pm, sequences)[0].item<double>(), expected, 1e-5);
}

TEST(AffineMap, PutsAProbeSetOnTheStatedMeanAndDeviation) {
  // 1, 3: mean 2, unbiased deviation sqrt 2. Onto mean 5, deviation 2 sqrt 2: gain 2, bias 1.
  const AffineMap map = affine_onto(at::tensor({1.0, 3.0}, at::kDouble), 5.0, 2 * std::sqrt(2.0));
  EXPECT_NEAR(map.gain, 2.0, 1e-12);
  EXPECT_NEAR(map.bias, 1.0, 1e-12);
  const AffineMap back = affine_from(to_metadata({.gain = 1.0 / 3, .bias = -0.1}));
  EXPECT_EQ(back.gain, 1.0 / 3);
  EXPECT_EQ(back.bias, -0.1);
  EXPECT_EQ(affine_from({})(7.5), 7.5);
  EXPECT_THROW((void)affine_onto(at::ones({3}), 0, 1), std::invalid_argument);
  EXPECT_THROW((void)affine_from({{"score_gain", "x"}}), std::runtime_error);
}

TEST(PmTrainer, LossAndStatisticsMatchHandWork) {
  const PreferenceModel base = tiny_pm(false);
  const auto pairs = some_pairs();
  double loss = 0, weights = 0, accuracy = 0, margin = 0, entropy = 0;
  for (const PreferencePair& pair : pairs) {
    const at::NoGradGuard no_grad;
    const double d =
        (scores(base, one(pair.first)) - scores(base, one(pair.second))).item<double>();
    const double p = pair.p_first;
    loss += pair.weight * (p * std::log1p(std::exp(-d)) + (1 - p) * std::log1p(std::exp(d)));
    weights += pair.weight;
    accuracy += ((p > 0.5) == (d > 0)) / 6.0;
    margin += (p > 0.5 ? d : -d) / 6.0;
    entropy -= (p * std::log(p) + (1 - p) * std::log(1 - p)) / 6.0;
  }
  PmTrainer trainer(tiny_pm(), {}, kAdam);
  const PmStats stats = train(trainer, pairs);
  EXPECT_NEAR(stats.loss, loss / weights, 1e-5);
  EXPECT_NEAR(stats.accuracy, accuracy, 1e-9);
  EXPECT_NEAR(stats.margin_mean, margin, 1e-5);
  EXPECT_NEAR(stats.label_entropy, entropy, 1e-9);
  EXPECT_EQ(stats.version, 1);
}

// A judge that decides nothing leaves nothing to be right about: no accuracy, not one of 0.
TEST(PmTrainer, UndecidedPairsHaveNoAccuracy) {
  auto pairs = some_pairs();
  for (PreferencePair& pair : pairs) pair.p_first = 0.5;
  PmTrainer trainer(tiny_pm(), {}, kAdam);
  const PmStats stats = train(trainer, pairs);
  EXPECT_TRUE(std::isnan(stats.accuracy));
  EXPECT_TRUE(std::isnan(stats.margin_mean));
  EXPECT_NEAR(stats.label_entropy, std::log(2.0), 1e-9);
}

TEST(PmTrainer, MicroBatchesDoNotChangeTheGradient) {
  PmTrainer whole(tiny_pm(), {.micro_batch_tokens = 4096}, kAdam);
  PmTrainer split(tiny_pm(), {.micro_batch_tokens = 20}, kAdam);
  EXPECT_NEAR(train(whole, some_pairs()).loss, train(split, some_pairs()).loss, 1e-6);
  const auto x = saved(whole, "whole"), y = saved(split, "split");
  for (const auto& [name, tensor] : x) {
    if (!name.starts_with("exp_avg.")) continue;
    EXPECT_LE((tensor - y.at(name)).abs().max().item<double>(), 1e-6) << name;
  }
}

// Responses differ in one token t in 0..7 whose worth is 0.4 t; labels are s(worth difference). A
// calibrated PM gives back those probabilities, not 0 and 1, on pairs it has never seen together.
TEST(PmTrainer, RecoversKnownProbabilitiesFromSoftLabels) {
  const auto pair = [](int32_t a, int32_t b) {
    return PreferencePair{.first = {40, 41, 50 + a, 96},
                          .second = {40, 41, 50 + b, 96},
                          .p_first = 1 / (1 + std::exp(-0.4 * (a - b))),
                          .source = "ai"};
  };
  std::vector<PreferencePair> seen, unseen;
  for (int32_t a = 0; a < 8; ++a) {
    for (int32_t b = 0; b < 8; ++b) {
      if (a != b) ((a + b) % 4 == 1 ? unseen : seen).push_back(pair(a, b));
    }
  }
  PmTrainer trainer(tiny_pm(), {}, {.lr = 3e-3});
  for (int i = 0; i < 120; ++i) (void)train(trainer, seen);
  EXPECT_NEAR(trainer.stats().loss, trainer.stats().label_entropy, 0.01);
  const at::NoGradGuard no_grad;
  for (const PreferencePair& p : unseen) {
    const double d = (scores(trainer.preference_model(), one(p.first)) -
                      scores(trainer.preference_model(), one(p.second)))
                         .item<double>();
    EXPECT_NEAR(1 / (1 + std::exp(-d)), p.p_first, 0.08);
  }
}

TEST(PmTrainer, ASnapshotScoresLikeTheTrainer) {
  PmTrainer trainer(tiny_pm(), {}, kAdam);
  (void)train(trainer, some_pairs());
  const model::Snapshot snapshot = trainer.snapshot(3, {.gain = 2.0, .bias = 1.0});
  EXPECT_EQ(snapshot.model, "pm");
  EXPECT_EQ(affine_from(snapshot.metadata).gain, 2.0);
  const PreferenceModel worker = feedback::with_snapshot(model::tiny_transformer(), snapshot);
  const at::NoGradGuard no_grad;
  const std::vector<std::vector<int32_t>> probe = {model::tiny_tokens(9, 1),
                                                   model::tiny_tokens(4, 2)};
  EXPECT_TRUE(at::equal(scores(worker, probe), scores(trainer.preference_model(), probe)));
}

TEST(PmTrainer, GoesOnBitForBitAfterARestore) {
  const auto dir = scratch("resume");
  PmTrainer first(tiny_pm(), {}, {}), second(tiny_pm(), {}, {});
  (void)train(first, some_pairs());
  first.save(dir);
  (void)train(first, some_pairs());
  second.restore(dir);
  EXPECT_EQ(second.version(), 1);
  (void)train(second, some_pairs());
  const auto x = saved(first, "x"), y = saved(second, "y");
  for (const auto& [name, tensor] : x) EXPECT_TRUE(at::equal(tensor, y.at(name))) << name;
  std::filesystem::remove_all(dir);
}

TEST(PmTrainer, NamesThePairThatIsOutOfRange) {
  PmTrainer trainer(tiny_pm(), {}, {});
  auto pairs = some_pairs();
  pairs[3].p_first = 1.5;
  try {
    trainer.begin(pairs);
    FAIL() << "expected an exception";
  } catch (const std::invalid_argument& error) {
    EXPECT_NE(std::string(error.what()).find("work_id 13: p_first"), std::string::npos);
  }
  pairs[3].p_first = 1.0;
  pairs[3].first.clear();
  EXPECT_THROW(trainer.begin(pairs), std::invalid_argument);
  EXPECT_THROW(trainer.begin({}), std::invalid_argument);
  EXPECT_FALSE(trainer.busy());
}

}  // namespace
}  // namespace charter::feedback
