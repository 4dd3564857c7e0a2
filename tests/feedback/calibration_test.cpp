#include "feedback/calibration.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <stdexcept>

namespace charter::feedback {
namespace {

TEST(Calibration, WilsonIntervalOfEightOfTen) {
  // z = 1.959964, z^2 = 3.841459: center (0.8 + 0.192073) / 1.384146 = 0.716740,
  // half 1.959964 / 1.384146 * sqrt(0.016 + 0.009604) = 0.226577.
  const Interval interval = wilson_interval(8, 10);
  EXPECT_DOUBLE_EQ(interval.value, 0.8);
  EXPECT_NEAR(interval.low, 0.490162, 2e-5);
  EXPECT_NEAR(interval.high, 0.943318, 2e-5);
}

TEST(Calibration, WilsonIntervalStaysInsideTheUnit) {
  EXPECT_EQ(wilson_interval(0, 5).low, 0);
  EXPECT_EQ(wilson_interval(5, 5).high, 1);
  EXPECT_EQ(wilson_interval(0, 0).high, 1);
  EXPECT_THROW((void)wilson_interval(6, 5), std::invalid_argument);
}

TEST(Calibration, CountsAccuracyBrierAndEceOfFourLabels) {
  const std::vector<double> p = {0.9, 0.8, 0.3, 0.5};
  const CalibrationReport report = calibrate(p, {true, false, false, true});
  // Right: 0.9, wrong: 0.8, right: 0.3, 0.5 counts half: 2.5 / 4.
  EXPECT_DOUBLE_EQ(report.accuracy.value, 0.625);
  // (0.01 + 0.64 + 0.09 + 0.25) / 4
  EXPECT_NEAR(report.brier, 0.2475, 1e-12);
  // Four bins of one pair: (0.1 + 0.8 + 0.3 + 0.5) / 4
  EXPECT_NEAR(report.ece, 0.425, 1e-12);
  EXPECT_EQ(report.bins[9].count, 1);
  EXPECT_FALSE(report.flip_rate.has_value());
}

TEST(Calibration, PairsOfOneBinAreAveragedBeforeTheyAreCompared) {
  const std::vector<double> p = {0.61, 0.69};
  // Mean 0.65, half of them right: |0.65 - 0.5|.
  EXPECT_NEAR(calibrate(p, {true, false}).ece, 0.15, 1e-12);
}

TEST(Calibration, CertainLabelsFallIntoTheLastBin) {
  const std::vector<double> p = {1.0};
  const CalibrationReport report = calibrate(p, {true});
  EXPECT_EQ(report.bins[9].count, 1);
  EXPECT_EQ(report.brier, 0);
  EXPECT_THROW((void)calibrate(std::vector<double>{1.5}, {true}), std::invalid_argument);
  EXPECT_THROW((void)calibrate(p, {true, false}), std::invalid_argument);
}

TEST(Calibration, TheFlipRateIsOfMeasuredLabelsOnly) {
  std::vector<Preference> labels(4);
  labels[0].flip = true;
  labels[1].flip = false;
  labels[2].flip = false;
  const CalibrationReport report = calibrate(labels, {true, true, true, true});
  EXPECT_EQ(report.flips_measured, 3);
  EXPECT_NEAR(*report.flip_rate, 1.0 / 3, 1e-12);
  EXPECT_NEAR(report.mean_entropy, std::log(2.0), 1e-12);  // of p = 0.5
}

TEST(Calibration, AConstantShiftIsAnImprovement) {
  const std::vector<double> before = {0, 1, 2, 3, 4}, after = {1, 2, 3, 4, 5};
  const DifferenceReport up = paired_difference(before, after);
  EXPECT_DOUBLE_EQ(up.difference.value, 1);
  EXPECT_EQ(up.verdict, Verdict::kImproved);
  EXPECT_EQ(paired_difference(after, before).verdict, Verdict::kWorse);
  EXPECT_EQ(paired_difference(before, after, {.higher_is_better = false}).verdict, Verdict::kWorse);
}

TEST(Calibration, NothingImprovesWhenTheIntervalHoldsZero) {
  const std::vector<double> before = {0, 0, 0, 0}, after = {5, -4, 3, -2};
  const DifferenceReport report = paired_difference(before, after);
  EXPECT_LE(report.difference.low, 0);
  EXPECT_GE(report.difference.high, 0);
  EXPECT_EQ(report.verdict, Verdict::kUndecided);
  EXPECT_EQ(name(report.verdict), "undecided");
}

TEST(Calibration, NoDifferenceAtAllAndOnePairAreUndecided) {
  const std::vector<double> same = {1, 2, 3}, zero = {0}, one = {1};
  EXPECT_EQ(paired_difference(same, same).verdict, Verdict::kUndecided);
  EXPECT_EQ(paired_difference(zero, one).verdict, Verdict::kUndecided);
  EXPECT_THROW((void)paired_difference(same, one), std::invalid_argument);
}

TEST(Calibration, TheBootstrapIntervalOfAMeanIsNearTheNormalOne) {
  // 100 zeros and 100 ones: standard error sqrt(0.25 / 200) = 0.03536, interval 0.5 +- 0.0693.
  std::vector<double> values(200, 0.0);
  std::fill(values.begin() + 100, values.end(), 1.0);
  const Interval interval = bootstrap_mean(values, {.seed = 3});
  EXPECT_NEAR(interval.low, 0.4307, 0.01);
  EXPECT_NEAR(interval.high, 0.5693, 0.01);
}

}  // namespace
}  // namespace charter::feedback
