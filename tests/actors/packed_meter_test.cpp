#include "actors/packed_meter.hpp"

#include <gtest/gtest.h>
#include <prometheus/registry.h>

#include "tests/model/tiny_model.hpp"

namespace charter::actors {
namespace {

class PackedMeterTest : public testing::Test {
 protected:
  double shown(const char* model) { return metrics::packed_weight_bytes(make, model).Value(); }

  prometheus::Registry registry;
  metrics::Maker make{registry, {}};
  PackedModels models{
      {"base", model::PackedModel::make(model::tiny_transformer())},
      {"sl_cai", model::PackedModel::make(model::tiny_transformer({.tied = false}))}};
};

TEST_F(PackedMeterTest, ShowsAPackingUntilNobodyHoldsIt) {
  const auto held = models.at("base");
  const double base = static_cast<double>(held->packed_bytes());
  const double start = static_cast<double>(models.at("sl_cai")->packed_bytes());
  const PackedMeter meter(make, models);
  meter.show();
  EXPECT_EQ(shown("base"), base);
  EXPECT_EQ(shown("sl_cai"), start);
  models.clear();
  meter.show();
  EXPECT_EQ(shown("base"), base);
  EXPECT_EQ(shown("sl_cai"), 0);
}

TEST_F(PackedMeterTest, ShowsNothingAfterTheEnd) {
  const PackedMeter meter(make, models);
  meter.show();
  meter.ended();
  EXPECT_EQ(shown("base"), 0);
  EXPECT_EQ(shown("sl_cai"), 0);
}

}  // namespace
}  // namespace charter::actors
