#include "store/given_up.hpp"

#include <gtest/gtest.h>

#include "tests/store/temp_dir.hpp"

namespace charter::store {
namespace {

class GivenUpTest : public ::testing::Test {
 protected:
  // `count` items of a kind; the first id of them.
  int64_t add(const std::string& kind, int count) {
    std::vector<WorkItem> items;
    for (int i = 0; i < count; ++i)
      items.push_back({"label", kind, kind + std::to_string(i), 0, "{}"});
    const int64_t first = added_ + 1;
    added_ += static_cast<int64_t>(ledger.add_work(items));
    return first;
  }
  TempDir dir;
  Ledger ledger = Ledger::open(dir.path() / "ledger.sqlite", "run-1");
  int64_t added_ = 0;
};

TEST_F(GivenUpTest, NothingGivenUpSaysNothing) {
  add("pair", 3);
  const auto none = given_up(ledger, "label");
  EXPECT_EQ(none.count, 0);
  EXPECT_EQ(none.total, 3);
  EXPECT_FALSE(none.all());
  EXPECT_EQ(text(none), "");
  EXPECT_FALSE(given_up(ledger, "a phase without work").all());
}

TEST_F(GivenUpTest, TheCommonestReasonCountsWithoutItsNumbers) {
  const auto id = add("pair", 8);
  ledger.quarantine(id, "the answer is empty");
  ledger.quarantine(id + 1, "prompt of 913 tokens, expected at most 512");
  ledger.quarantine(id + 2, "prompt of 1200 tokens, expected at most 512");
  const auto lost = given_up(ledger, "label");
  EXPECT_EQ(lost.count, 3);
  EXPECT_EQ(lost.total, 8);
  EXPECT_EQ(lost.of_reason, 2);
  // 3 / 8 = 37.5 %
  EXPECT_EQ(text(lost),
            "3 of 8 work items were given up (37.5 %), most often (2): prompt of 913 tokens, "
            "expected at most 512");
}

TEST_F(GivenUpTest, AllIsOfTheKindsThatAreAskedFor) {
  const auto pair = add("pair", 2);
  add("judge", 1);
  ledger.quarantine(pair, "a");
  ledger.quarantine(pair + 1, "a");
  EXPECT_FALSE(given_up(ledger, "label").all());
  EXPECT_TRUE(given_up(ledger, "label", {"pair"}).all());
  EXPECT_FALSE(given_up(ledger, "label", {"pair", "judge"}).all());
  EXPECT_FALSE(given_up(ledger, "label", {"none"}).all());
}

TEST_F(GivenUpTest, HistoryThatStandsDropsWhatARestoreTookBack) {
  for (const auto& [lineage, version] :
       std::vector<std::pair<int64_t, int64_t>>{{1, 1}, {1, 2}, {1, 3}, {2, 2}})
    ledger.add_version({.model = "policy", .lineage = lineage, .version = version});
  const auto rows = ledger.surviving_versions("policy");
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].lineage, 1);
  EXPECT_EQ(rows[1].lineage, 2);
  EXPECT_EQ(rows[1].version, 2);
}

}  // namespace
}  // namespace charter::store
