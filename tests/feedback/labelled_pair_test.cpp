#include "feedback/labelled_pair.hpp"

#include <gtest/gtest.h>

namespace charter::feedback {
namespace {

TEST(LabelledPair, TheBetterResponseIsFirstAboutHalfTheTime) {
  int first = 0;
  for (int k = 0; k < 1000; ++k) {
    ComparisonRow row;
    row.id = "r" + std::to_string(k);
    row.prompt = single_turn("p");
    row.chosen = "good";
    row.rejected = "bad";
    const LabelledPair labelled = labelled_pair(row, 1);
    EXPECT_EQ(labelled.first_better ? labelled.pair.first : labelled.pair.second, "good");
    EXPECT_EQ(labelled_pair(row, 1).first_better, labelled.first_better);
    first += labelled.first_better ? 1 : 0;
  }
  EXPECT_NEAR(first, 500, 79);  // 5 standard deviations of sqrt(1000) / 2 = 15.8
}

}  // namespace
}  // namespace charter::feedback
