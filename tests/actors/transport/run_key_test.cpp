#include "actors/transport/run_key.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

namespace charter::transport {
namespace {

TEST(RunKey, EachIsNewAndTheSecretGivesTheOtherHalf) {
  const RunKey one = make_run_key(), two = make_run_key();
  EXPECT_EQ(one.secret.size(), 40u);
  EXPECT_EQ(one.shared.size(), 40u);
  EXPECT_NE(one.secret, two.secret);
  EXPECT_NE(one.shared, two.shared);
  EXPECT_EQ(run_key(one.secret).shared, one.shared);
}

// The pair of the CurveZMQ tests of RFC 26's reference implementation.
TEST(RunKey, ComputesThePublicHalf) {
  EXPECT_EQ(run_key("D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs").shared,
            "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID");
}

TEST(RunKey, WhatIsNoneIsRefusedAndNotRepeated) {
  for (const std::string& text : {std::string(), std::string("hunter2"), std::string(40, '"')}) {
    try {
      (void)run_key(text);
      FAIL() << text;
    } catch (const std::runtime_error& error) {
      EXPECT_EQ(error.what(), "the run's key: got " + std::to_string(text.size()) +
                                  " characters that are none, expected 40 of Z85");
    }
  }
}

}  // namespace
}  // namespace charter::transport
