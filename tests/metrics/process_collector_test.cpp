#include "metrics/process_collector.hpp"

#include <gtest/gtest.h>
#include <prometheus/metric_family.h>
#include <unistd.h>

#include <vector>

namespace charter::metrics {
namespace {

constexpr std::string_view kSmaps =
    "55c0-7ffd ---p 00000000 00:00 0    [rollup]\n"
    "Rss:                5120 kB\n"
    "Pss:                1536 kB\n"
    "Pss_Dirty:            64 kB\n"
    "Broken:              n/a kB\n";

TEST(ProcField, ReadsKibibytesAsBytes) {
  EXPECT_EQ(proc_field_bytes(kSmaps, "Pss"), 1536 * 1024);
  EXPECT_EQ(proc_field_bytes(kSmaps, "Rss"), 5120 * 1024);
}

TEST(ProcField, IsEmptyWhereTheTextHasNoSuchNumber) {
  EXPECT_EQ(proc_field_bytes(kSmaps, "Swap"), std::nullopt);
  EXPECT_EQ(proc_field_bytes(kSmaps, "Broken"), std::nullopt);
  EXPECT_EQ(proc_field_bytes("", "Pss"), std::nullopt);
  EXPECT_EQ(proc_field_bytes("Pss", "Pss"), std::nullopt);
}

TEST(ProcessCollector, SeesMemoryThatIsTouched) {
  const auto before = pss_bytes(getpid());
  if (!before) GTEST_SKIP() << "/proc/self/smaps_rollup is not readable here";
  std::vector<char> block(32 << 20, 1);
  const int64_t grown = pss_bytes(getpid()).value() - *before;
  EXPECT_NEAR(static_cast<double>(grown), 32 << 20, 4 << 20) << block.size();
}

TEST(ProcessCollector, NamesItsMetricsAndCarriesTheLabels) {
  const ProcessCollector collector({{"run", "r"}, {"process", "engine"}});
  const auto families = collector.Collect();
  ASSERT_GE(families.size(), 3u);
  for (const auto& family : families) {
    EXPECT_TRUE(family.name.starts_with("charter_process_")) << family.name;
    EXPECT_EQ(family.name.ends_with("_total"), family.type == prometheus::MetricType::Counter);
    EXPECT_NE(family.help.find("Worry "), std::string::npos) << family.name;
    EXPECT_EQ(family.metric.at(0).label.size(), 2u);
  }
}

TEST(PssBytes, IsEmptyForAProcessThatIsGone) { EXPECT_EQ(pss_bytes(1 << 30), std::nullopt); }

}  // namespace
}  // namespace charter::metrics
