// Time is a number that the tests choose.
#include "actors/lease_book.hpp"

#include <gtest/gtest.h>

#include <random>

namespace charter::actors {
namespace {

using std::chrono::seconds;
using Ids = std::vector<int64_t>;
const TimePoint kStart{};
const std::set<std::string> kRollout{"rollout"};

// Items 1..count of kind "rollout".
LeaseBook book_of(int64_t count, LeaseOptions options = {}) {
  LeaseBook book(options);
  for (int64_t id = 1; id <= count; ++id) book.add(id, "rollout", "payload " + std::to_string(id));
  return book;
}

int64_t lease(LeaseBook& book, uint64_t peer, TimePoint now = kStart,
              const std::set<std::string>& kinds = kRollout) {
  const auto leased = book.next(kinds, peer, now);
  return leased ? leased->work_id : 0;
}

TEST(LeaseBook, LeasesInTheOrderOfAddition) {
  auto book = book_of(2);
  const auto first = book.next(kRollout, 7, kStart);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->work_id, 1);
  EXPECT_EQ(first->payload, "payload 1");
  EXPECT_EQ(first->kind, "rollout");
  EXPECT_EQ(first->attempt, 1);
  EXPECT_EQ(lease(book, 7), 2);
  EXPECT_FALSE(book.next(kRollout, 7, kStart));
}

TEST(LeaseBook, KnownIdsAreAddedOnce) {
  auto book = book_of(1);
  book.add(1, "rollout", "another payload");
  EXPECT_EQ(book.counts().total(), 1);
  EXPECT_EQ(lease(book, 7), 1);
  EXPECT_EQ(lease(book, 7), 0);
}

TEST(LeaseBook, GivesOnlyTheKindsAskedForAndInterleavesThemAsAdded) {
  LeaseBook book({});
  book.add(1, "rollout", "");
  book.add(2, "pair", "");
  book.add(3, "rollout", "");
  EXPECT_EQ(lease(book, 7, kStart, {"score"}), 0);
  EXPECT_EQ(lease(book, 7, kStart, {"pair", "rollout"}), 1);
  EXPECT_EQ(lease(book, 7, kStart, {"pair", "rollout"}), 2);
  EXPECT_EQ(lease(book, 7, kStart, {"pair"}), 0);
  EXPECT_EQ(book.pending({"pair", "rollout"}), 1);
  EXPECT_EQ(book.open("rollout"), 2);
  EXPECT_EQ(book.open("pair"), 1);
}

TEST(LeaseBook, ItemsOfALostPeerComeAgainOldestFirstAndBeforeNewOnes) {
  auto book = book_of(5);
  for (int64_t id : {1, 2, 3}) EXPECT_EQ(lease(book, id == 2 ? 8 : 7), id);
  const auto failed = book.peer_lost(7);
  EXPECT_EQ(Ids(failed.requeued.rbegin(), failed.requeued.rend()), (Ids{1, 3}));
  EXPECT_TRUE(failed.quarantined.empty());
  const auto again = book.next(kRollout, 8, kStart);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->work_id, 1);
  EXPECT_EQ(again->attempt, 2);
  EXPECT_EQ(lease(book, 8), 3);
  EXPECT_EQ(lease(book, 8), 4);
}

TEST(LeaseBook, ALeaseExpiresAtItsDeadlineAndNotBefore) {
  auto book = book_of(2, {.duration = seconds(10)});
  EXPECT_EQ(lease(book, 7, kStart), 1);
  EXPECT_EQ(lease(book, 7, kStart + seconds(5)), 2);
  EXPECT_TRUE(book.expire(kStart + seconds(9)).requeued.empty());
  EXPECT_EQ(book.expire(kStart + seconds(10)).requeued, (Ids{1}));
  EXPECT_EQ(book.counts().leased, 1);
}

TEST(LeaseBook, ARenewedLeaseRunsForItsWholeDurationAgain) {
  auto book = book_of(2, {.duration = seconds(10)});
  EXPECT_EQ(lease(book, 7), 1);
  EXPECT_EQ(lease(book, 7), 2);
  for (int64_t s = 8; s <= 40; s += 8)
    book.renew(Ids{1}, 7, kStart + seconds(s));  // at work on 1 for 40 s
  EXPECT_EQ(book.expire(kStart + seconds(49)).requeued,
            (Ids{2}));  // never spoken of: its message was lost
  EXPECT_EQ(book.expire(kStart + seconds(50)).requeued, (Ids{1}));  // 40 + 10
  const auto again = book.next(kRollout, 8, kStart + seconds(50));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->attempt, 2);
}

TEST(LeaseBook, OnlyTheHolderOfALeaseRenewsIt) {
  auto book = book_of(2, {.duration = seconds(10)});
  EXPECT_EQ(lease(book, 7), 1);
  book.renew(Ids{1, 2, 99}, 8, kStart + seconds(9));  // another's, a pending one, an unknown one
  EXPECT_EQ(book.counts().pending, 1);
  EXPECT_EQ(book.expire(kStart + seconds(10)).requeued, (Ids{1}));
  book.renew(Ids{1}, 7, kStart + seconds(11));  // too late: it is not leased
  EXPECT_EQ(book.counts().leased, 0);
}

TEST(LeaseBook, WhatIsHandedOverNoLongerExpiresNorFallsWithItsPeer) {
  auto book = book_of(1, {.duration = seconds(10)});
  EXPECT_EQ(lease(book, 7), 1);
  book.hand_over(1);
  EXPECT_TRUE(book.expire(kStart + seconds(100)).requeued.empty());
  EXPECT_TRUE(book.peer_lost(7).requeued.empty());
  EXPECT_EQ(book.counts().handed_over, 1);
  EXPECT_EQ(book.open("rollout"), 1);
}

TEST(LeaseBook, QuarantinesAnItemWhoseLastAttemptFails) {
  auto book = book_of(1, {.duration = seconds(10), .max_attempts = 2});
  EXPECT_EQ(lease(book, 7), 1);
  EXPECT_EQ(book.peer_lost(7).requeued, (Ids{1}));
  EXPECT_EQ(lease(book, 8), 1);
  const auto failed = book.expire(kStart + seconds(10));
  EXPECT_TRUE(failed.requeued.empty());
  EXPECT_EQ(failed.quarantined, (Ids{1}));
  EXPECT_EQ(lease(book, 9), 0);
  EXPECT_EQ(book.counts().quarantined, 1);
  EXPECT_EQ(book.open("rollout"), 0);
}

TEST(LeaseBook, GivingBackIsNoFailedAttempt) {
  auto book = book_of(2, {.max_attempts = 1});
  EXPECT_EQ(lease(book, 7), 1);
  book.hand_over(1);
  book.give_back(1);
  const auto again = book.next(kRollout, 7, kStart);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->work_id, 1);
  EXPECT_EQ(again->attempt, 1);
}

TEST(LeaseBook, ACommitIsFinalInEveryState) {
  auto book = book_of(4, {.max_attempts = 1});
  book.commit(4);  // pending: a late result of an earlier process
  EXPECT_EQ(lease(book, 7), 1);
  book.commit(1);  // leased
  EXPECT_EQ(lease(book, 7), 2);
  book.hand_over(2);
  book.commit(2);  // handed over
  EXPECT_EQ(lease(book, 7), 3);
  EXPECT_EQ(book.peer_lost(7).quarantined, (Ids{3}));  // 1 and 2 have no lease to lose
  book.commit(3);                                      // quarantined: the result came after all
  for (int64_t id : {1, 2, 3, 4}) {
    book.give_back(id);
    book.quarantine(id);
    book.hand_over(id);
    book.commit(id);
  }
  EXPECT_EQ(book.counts().done, 4);
  EXPECT_EQ(lease(book, 8), 0);
  EXPECT_EQ(book.open("rollout"), 0);
}

TEST(LeaseBook, UnknownIdsChangeNothing) {
  auto book = book_of(1);
  book.hand_over(9);
  book.commit(9);
  book.give_back(9);
  book.quarantine(9);
  EXPECT_EQ(book.kind(9), nullptr);
  EXPECT_EQ(book.counts().pending, 1);
  EXPECT_EQ(book.counts().total(), 1);
}

// Whatever happens in whatever order, every item is in one state, and the counts say so.
TEST(LeaseBook, CountsSumToTheNumberOfItemsAfterAnySequenceOfEvents) {
  std::mt19937 rng(3);
  const auto draw = [&rng](int n) { return std::uniform_int_distribution<int>(0, n - 1)(rng); };
  for (int round = 0; round < 50; ++round) {
    auto book = book_of(12, {.duration = seconds(5), .max_attempts = 3});
    TimePoint now = kStart;
    for (int step = 0; step < 200; ++step) {
      const int64_t id = 1 + draw(12);
      now += seconds(draw(2));
      switch (draw(8)) {
        case 0:
        case 1:
        case 2:
          (void)book.next(kRollout, static_cast<uint64_t>(draw(3)), now);
          break;
        case 3:
          book.hand_over(id);
          break;
        case 4:
          if (draw(4) == 0) book.commit(id);
          break;
        case 5:
          book.give_back(id);
          break;
        case 6:
          (void)book.peer_lost(static_cast<uint64_t>(draw(3)));
          break;
        case 7:
          (void)book.expire(now);
          break;
      }
      const auto& counts = book.counts();
      ASSERT_EQ(counts.total(), 12);
      ASSERT_EQ(book.pending(kRollout), counts.pending);
      ASSERT_EQ(book.open("rollout"), counts.pending + counts.leased + counts.handed_over);
    }
  }
}

}  // namespace
}  // namespace charter::actors
