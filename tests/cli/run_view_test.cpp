#include "cli/run_view.hpp"

#include <gtest/gtest.h>

#include <iostream>
#include <sstream>

#include "tests/store/temp_dir.hpp"

namespace charter::cli {
namespace {

using std::chrono::seconds;

actors::PhaseStatus status(int64_t rollout_progress, int64_t done = 0) {
  actors::PhaseStatus s;
  s.source.done = done;
  s.roles["reward/0"] = {.name = "reward/0", .progress = 4, .state = "1 queued"};
  s.roles["rollout/0"] = {
      .name = "rollout/0", .progress = rollout_progress, .state = "3 jobs, 2 to reward"};
  return s;
}

TEST(Standstill, IsToldOnceForEachLimitWithoutProgress) {
  Standstill standstill(seconds(60));
  const Standstill::Time start{};
  standstill.begin(start);
  EXPECT_FALSE(standstill.look(status(1), start));
  EXPECT_FALSE(standstill.look(status(1), start + seconds(59)));
  EXPECT_TRUE(standstill.look(status(1), start + seconds(60)));
  EXPECT_FALSE(standstill.look(status(1), start + seconds(61)));
  EXPECT_TRUE(standstill.look(status(1), start + seconds(120)));
}

TEST(Standstill, AnyActorsProgressAndAnyResultIsProgress) {
  Standstill standstill(seconds(60));
  const Standstill::Time start{};
  standstill.begin(start);
  EXPECT_FALSE(standstill.look(status(1), start));
  EXPECT_FALSE(standstill.look(status(2), start + seconds(60)));
  EXPECT_FALSE(standstill.look(status(2, 1), start + seconds(120)));
  EXPECT_FALSE(standstill.look(status(2, 1), start + seconds(179)));
  EXPECT_TRUE(standstill.look(status(2, 1), start + seconds(180)));
}

TEST(TokenRate, IsOfTheLastSecondsAndInTheEndOfTheWholePhase) {
  TokenRate rate;
  const TokenRate::Time start{};
  rate.begin(start);
  rate.look(0, start);
  rate.look(100, start + seconds(1));
  EXPECT_EQ(rate.recent(), 0);  // less than two seconds measure nothing
  rate.look(400, start + seconds(4));
  EXPECT_EQ(rate.recent(), 100);
  // The actors ended: they report nothing more, and what they made stays.
  rate.look(0, start + seconds(8));
  EXPECT_EQ(rate.recent(), 0);
  EXPECT_EQ(rate.mean(start + seconds(8)), 50);
  // One that begins anew counts from 0.
  rate.look(80, start + seconds(10));
  EXPECT_EQ(rate.recent(), 40);
  EXPECT_EQ(rate.mean(start + seconds(10)), 48);
  rate.begin(start + seconds(10));
  EXPECT_EQ(rate.mean(start + seconds(10)), 0);
}

TEST(PolicyNumbers, CarryTheirUnitsAndLeaveOutWhatWasNotMeasured) {
  using Numbers = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(
      policy_numbers({{"reward_mean", 0.314}, {"kl_k1", -481.25}, {"staleness_mean", 0.5}}),
      (Numbers{
          {"reward", "0.31"}, {"kl", "-481.250 nats/response"}, {"staleness", "0.5 versions"}}));
  EXPECT_EQ(policy_numbers({{"reward_mean", nullptr}, {"kl_k1", 0.1}}),
            (Numbers{{"kl", "0.100 nats/response"}}));
  EXPECT_TRUE(policy_numbers(nlohmann::json()).empty());
}

TEST(LimitEvents, AreEachToldOnceAndOthersNever) {
  LimitEvents events(4);
  const store::EventRow old{.text = "limit kl: before this start", .id = 4};
  const store::EventRow kl{.text = "limit kl: KL is 60", .id = 5};
  const store::EventRow other{.text = "work item 3 quarantined: limit of tokens", .id = 6};
  const store::EventRow back{.text = "limit kl: within again", .id = 7};
  EXPECT_EQ(events.take({old, kl, other}), (std::vector<std::string>{kl.text}));
  EXPECT_TRUE(events.take({old, kl, other}).empty());
  EXPECT_EQ(events.take({kl, other, back}), (std::vector<std::string>{back.text}));
}

TEST(WhoWaits, NamesEveryActorWithWhatItSaysOfItself) {
  EXPECT_EQ(who_waits(status(1)), "reward/0 (1 queued), rollout/0 (3 jobs, 2 to reward)");
  EXPECT_EQ(who_waits({}), "no actor has answered yet");
}

// What is written to standard error.
class Captured {
 public:
  Captured() : before_(std::cerr.rdbuf(text_.rdbuf())) {}
  ~Captured() { std::cerr.rdbuf(before_); }
  [[nodiscard]] std::string text() const { return text_.str(); }

 private:
  std::ostringstream text_;
  std::streambuf* before_;
};

TEST(RunView, ShowsWhatItCannotReadAsAQuestionMark) {
  const store::TempDir directory;
  const auto path = directory.path() / "ledger.sqlite";
  { (void)store::Ledger::open(path, "test"); }
  const Captured captured;
  RunView view(path, std::chrono::hours(1));
  std::filesystem::remove(path);
  const actors::Phase phase{.name = "rl"};
  actors::PhaseStatus status;
  status.source.version = 3;
  view.progress(phase, status);
  status.state = actors::PhaseStatus::State::kDone;  // a last line reads again
  view.progress(phase, status);
  const auto text = captured.text();
  EXPECT_NE(text.find("version 3  reward ?  kl ?  staleness ?"), std::string::npos) << text;
  const auto told = text.find("progress: not read 1 time: ledger " + path.string());
  EXPECT_NE(told, std::string::npos) << text;
  EXPECT_EQ(text.find("progress: not read", told + 1), std::string::npos) << text;  // once
}

}  // namespace
}  // namespace charter::cli
