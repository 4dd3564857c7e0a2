#include "actors/roster.hpp"

#include "actors/ports.hpp"
#include "tests/actors/fixture.hpp"
#include "tests/actors/idle_transport.hpp"

namespace charter::actors {
namespace {

using Idle = caf::typed_actor<caf::reacts_to<LinkEvent>>;

Idle::behavior_type idle(Idle::pointer) {
  return {[](const LinkEvent&) {}};
}

class NumberedTransport final : public transport::IdleTransport {
 public:
  std::map<transport::LinkId, transport::LinkStats> numbers;
  transport::LinkStats stats(transport::LinkId link) const override { return numbers.at(link); }
};

class RosterTest : public ActorTest {
 protected:
  Roster::Place enter(const std::string& name) {
    return own.enter(name, caf::actor_cast<caf::weak_actor_ptr>(actor));
  }
  Roster own;
  Idle actor = system.spawn<caf::lazy_init>(idle);
};

TEST_F(RosterTest, KnowsWhatALivingActorLastSaid) {
  EXPECT_FALSE(own.last("rollout/0"));
  auto place = enter("rollout/0");
  EXPECT_FALSE(own.last("rollout/0"));  // it has said nothing
  place.say({.name = "rollout/0", .progress = 1, .state = "waiting for work"});
  place.say({.name = "rollout/0", .progress = 2, .state = "3 jobs"});
  ASSERT_TRUE(own.last("rollout/0"));
  EXPECT_EQ(own.last("rollout/0")->progress, 2);
  EXPECT_EQ(own.last("rollout/0")->state, "3 jobs");
  place.leave();
  EXPECT_FALSE(own.last("rollout/0"));
}

TEST_F(RosterTest, ARestartedActorTakesThePlaceOfTheOneThatLeft) {
  auto first = enter("rollout/0");
  first.say({.state = "old"});
  first = {};
  auto second = enter("rollout/0");
  EXPECT_FALSE(own.last("rollout/0"));
  second.say({.state = "fresh"});
  EXPECT_EQ(own.last("rollout/0")->state, "fresh");
}

TEST_F(RosterTest, SaysWhoWaitsForWhomOnItsLinks) {
  NumberedTransport wire;
  EXPECT_EQ(own.who(&wire), "nobody");
  auto rollout = enter("rollout/0"), reward = enter("reward/0");
  rollout.say({.state = "3 jobs"});
  rollout.opened(1, "work");
  rollout.opened(2, "trajectory");
  reward.opened(3, "scored");
  wire.numbers[1].peers_up = 1;  // owes nothing: not told
  wire.numbers[2].unacknowledged = 4;
  wire.numbers[3].peers_up = 2;
  wire.numbers[3].unacknowledged = 1;
  EXPECT_EQ(own.who(&wire),
            "rollout/0 (3 jobs; trajectory 4 unacknowledged, no peer), "
            "reward/0 (scored 1 unacknowledged)");
  EXPECT_EQ(own.who(nullptr), "rollout/0 (3 jobs), reward/0");
}

TEST_F(RosterTest, AnActorThatEndedIsNamedAsLongAsItIsHeld) {
  auto place = enter("ledger/0");
  const auto second = actor;
  place.leave();
  EXPECT_EQ(own.who(nullptr), "ledger/0 (ended, held 2 times)");
  actor = nullptr;
  EXPECT_EQ(own.who(nullptr), "ledger/0 (ended, held 1 time)");
}

TEST_F(RosterTest, AnActorThatNothingHoldsIsForgotten) {
  auto place = enter("ledger/0");
  place.leave();
  actor = nullptr;
  EXPECT_EQ(own.who(nullptr), "nobody");
}

TEST_F(RosterTest, APlaceMayOutliveTheRoster) {
  auto other = std::make_unique<Roster>();
  auto place = other->enter("ledger/0", caf::actor_cast<caf::weak_actor_ptr>(actor));
  other.reset();
  place.say({.state = "serving"});
  place.leave();
}

TEST_F(RosterTest, EndsEveryLivingActor) {
  const auto place = enter("ledger/0");
  own.end_all();
  caf::scoped_actor self(system);
  self->wait_for(actor);
}

// An actor is on the roster of its wiring from its first link until its state goes.
TEST_F(RosterTest, PortsEnterTheirActor) {
  const auto wire = std::make_shared<transport::IdleTransport>();
  Wiring wiring{.transport = wire};
  {
    Ports ports(wiring, "rollout", 1);
    EXPECT_EQ(ports.say({.state = "early"}).state, "early");
    EXPECT_EQ(wiring.roster->who(nullptr), "nobody");
    ports.connect<>(actor, Arrow::kWork, 0, 0);
    ports.say({.state = "waiting"});
    EXPECT_EQ(wiring.roster->who(wire.get()), "rollout/1 (waiting; work no peer)");
    EXPECT_EQ(wiring.roster->last("rollout/1")->state, "waiting");
  }
  EXPECT_EQ(wiring.roster->who(nullptr), "rollout/1 (ended, held 1 time)");
}

}  // namespace
}  // namespace charter::actors
