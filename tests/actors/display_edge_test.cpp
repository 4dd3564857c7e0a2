#include "actors/display_edge.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

namespace charter::actors {
namespace {

TEST(DisplayEdge, LetsWhatWorksPass) {
  DisplayEdge edge;
  int shown = 0;
  EXPECT_TRUE(edge.guard([&] { ++shown; }));
  EXPECT_EQ(shown, 1);
  EXPECT_EQ(edge.summary(), "");
}

TEST(DisplayEdge, CountsWhatIsThrownAndKeepsTheFirst) {
  DisplayEdge edge;
  EXPECT_FALSE(edge.guard([] { throw std::runtime_error("no ledger"); }));
  EXPECT_EQ(edge.summary(), "1 time: no ledger");
  EXPECT_FALSE(edge.guard([] { throw 3; }));
  EXPECT_EQ(edge.failures(), 2);
  EXPECT_EQ(edge.summary(), "2 times, first: no ledger");
}

}  // namespace
}  // namespace charter::actors
