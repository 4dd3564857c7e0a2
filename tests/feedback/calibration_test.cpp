#include "feedback/calibration.hpp"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace charter::feedback
