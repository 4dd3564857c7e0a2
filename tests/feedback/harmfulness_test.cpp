#include "feedback/harmfulness.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <stdexcept>

namespace charter::feedback {
namespace {

at::Tensor rows(const std::vector<double>& values, std::int64_t width) {
  return at::tensor(values, at::kDouble).view({-1, width});
}

TEST(Harmfulness, RidgeOnOneFeatureIsTheHandWorkedLine) {
  // x = 0, 2: mean 1, deviation 1, z = -1, 1. y = 1, 3: mean 2. z'z = 2, penalty 0.5 * 2 rows = 1:
  // weight = (1 + 1) / (2 + 1) = 2/3.
  const HarmRegressor regressor =
      fit_harm_regressor(rows({0, 2}, 1), at::tensor({1.0, 3.0}, at::kDouble), 0.5);
  EXPECT_NEAR(regressor.weight[0].item<double>(), 2.0 / 3, 1e-12);
  EXPECT_NEAR(regressor.bias, 2, 1e-12);
  // At x = 2: 2 + 2/3.
  EXPECT_NEAR(predict_harm(regressor, rows({2}, 1))[0].item<double>(), 2 + 2.0 / 3, 1e-12);
}

TEST(Harmfulness, PredictionsStayOnTheScale) {
  const HarmRegressor regressor =
      fit_harm_regressor(rows({0, 2}, 1), at::tensor({0.0, 4.0}, at::kDouble), 1e-6);
  EXPECT_EQ(predict_harm(regressor, rows({100}, 1))[0].item<double>(), 4);
  EXPECT_EQ(predict_harm(regressor, rows({-100}, 1))[0].item<double>(), 0);
}

TEST(Harmfulness, PrimalAndDualSolutionsAgree) {
  // Constant features change no prediction but make the system wide enough for the dual form.
  const at::Tensor y = at::tensor({0.0, 1.0, 3.0}, at::kDouble);
  const at::Tensor narrow = rows({1, 2, 2, 1, 3, 5}, 2);
  const at::Tensor wide = at::cat({narrow, at::ones({3, 4}, at::kDouble)}, 1);
  const auto a = predict_harm(fit_harm_regressor(narrow, y, 0.1), narrow);
  const auto b = predict_harm(fit_harm_regressor(wide, y, 0.1), wide);
  EXPECT_LT((a - b).abs().max().item<double>(), 1e-10);
}

TEST(Harmfulness, EvaluationComparesWithTheMean) {
  HarmRegressor regressor{at::tensor({1.0}, at::kDouble), at::tensor({0.0}, at::kDouble),
                          at::tensor({1.0}, at::kDouble), 1.0};
  // Predictions 1, 2, 3 for x = 0, 1, 2 against 1, 3, 2: errors 0, 1, 1; SST around 2 is 2.
  const HarmEvaluation evaluation =
      evaluate_harm(regressor, rows({0, 1, 2}, 1), at::tensor({1.0, 3.0, 2.0}, at::kDouble));
  EXPECT_EQ(evaluation.n, 3);
  EXPECT_NEAR(evaluation.r2, 0, 1e-12);  // 1 - 2/2
  EXPECT_NEAR(evaluation.mae, 2.0 / 3, 1e-12);
  EXPECT_NEAR(evaluation.baseline_mae, 1, 1e-12);  // |1-1|, |3-1|, |2-1| around the bias 1
}

TEST(Harmfulness, RecoversAPlantedLinearRating) {
  at::Tensor x = at::linspace(-1, 1, 200, at::kDouble);
  x = at::stack({x, (7 * x).sin(), (13 * x).cos()}, 1);
  const at::Tensor y = 2 + x.select(1, 0) + 0.5 * x.select(1, 1);
  const HarmRegressor regressor = fit_harm_regressor(x, y, 1e-6);
  EXPECT_GT(evaluate_harm(regressor, x, y).r2, 0.999);
}

TEST(Harmfulness, RefusesBrokenArguments) {
  const at::Tensor x = rows({1, 2}, 1), y = at::tensor({1.0, 2.0}, at::kDouble);
  EXPECT_THROW((void)fit_harm_regressor(x, at::tensor({1.0}, at::kDouble)), std::invalid_argument);
  EXPECT_THROW((void)fit_harm_regressor(x, y + 4), std::invalid_argument);
  EXPECT_THROW((void)fit_harm_regressor(x, y, 0), std::invalid_argument);
  EXPECT_THROW((void)fit_harm_regressor(y, y), std::invalid_argument);
  EXPECT_THROW((void)predict_harm(fit_harm_regressor(x, y), rows({1, 2}, 2)),
               std::invalid_argument);
}

}  // namespace
}  // namespace charter::feedback
