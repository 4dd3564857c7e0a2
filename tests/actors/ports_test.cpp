// What an actor's links hold of it: nothing, so that its end is never waited for in vain.
#include "actors/ports.hpp"

#include "actors/fault_handler.hpp"
#include "tests/actors/fixture.hpp"
#include "tests/actors/idle_transport.hpp"

namespace charter::actors {
namespace {

using LinkedActor =
    caf::typed_actor<caf::reacts_to<LinkEvent>, caf::reacts_to<From<WorkDrained>>,
                     caf::reacts_to<FinishRole>, caf::replies_to<Probe>::with<RoleReport>>;

struct LinkedState {
  static constexpr const char* name = "linked";
  Ports ports;
  int64_t events = 0;
};

// Serves one arrow; its report's progress counts the events that reached it.
LinkedActor::behavior_type linked(LinkedActor::stateful_pointer<LinkedState> self, Wiring wiring) {
  install_fault_handler(self);
  self->state.ports = Ports(std::move(wiring), "prompt_source", 0);
  self->state.ports.bind<WorkDrained>(caf::actor_cast<LinkedActor>(self), Arrow::kWork, 0, 4);
  return {
      [self](const LinkEvent&) { ++self->state.events; },
      [self](const From<WorkDrained>&) { ++self->state.events; },
      [self](const FinishRole&) { self->quit(); },
      [self](Probe) { return RoleReport{.progress = self->state.events}; },
  };
}

// Keeps the callbacks of every link, also of those that are closed.
class KeepingTransport final : public transport::IdleTransport {
 public:
  transport::LinkId bind(transport::LinkOptions, const std::string&,
                         transport::LinkEvents events) override {
    kept.push_back(std::move(events));
    return kLink;
  }
  std::vector<transport::LinkEvents> kept;
};

class PortsTest : public ActorTest {
 protected:
  // Threads of detached actors end with the last holder of the actor, and not before.
  bool no_actor_is_held() {
    return eventually([&] { return system.detached_actors() == before; });
  }

  const size_t before = system.detached_actors();  // CAF's own printer is one
};

TEST_F(PortsTest, AnActorThatQuitIsHeldByNoneOfItsCallbacks) {
  const auto wire = std::make_shared<KeepingTransport>();
  auto w = wiring();
  w.transport = wire;
  {
    const auto actor = system.spawn<caf::detached>(linked, w);
    EXPECT_EQ(probe(actor).progress, 0);
    ASSERT_EQ(wire->kept.size(), 1u);
    wire->kept[0].peer_up(1, {});
    wire->kept[0].lost(1, {5});
    EXPECT_EQ(probe(actor).progress, 2);  // they reach it as long as it lives
    finish(actor);
  }
  EXPECT_TRUE(no_actor_is_held());
  wire->kept[0].peer_down(1, "late");  // and nobody afterwards
  wire->kept[0].delivered(1, 1, kWireType<WorkDrained>, transport::encode_body(WorkDrained{}), {});
}

TEST_F(PortsTest, AnActorWhoseAddressIsTakenDiesAndIsHeldByNothing) {
  FarEnd occupant(far(), "prompt_source");
  occupant.bind(Arrow::kWork);
  {
    const auto actor = system.spawn<caf::detached>(linked, wiring());
    caf::scoped_actor self(system);
    self->wait_for(actor);
  }
  EXPECT_TRUE(no_actor_is_held());
}

// Tokens of one model and tokenizer travel on the trajectory arrow, text on the pair arrow.
TEST_F(PortsTest, WhoSharesTokensAgreesOnModelAndTokenizer) {
  auto here_wiring = wiring(), other_model = far(), other_tokenizer = far();
  here_wiring.hello.model_hash = other_tokenizer.hello.model_hash = 0xaa;
  here_wiring.hello.tokenizer_hash = other_model.hello.tokenizer_hash = 0xbb;
  other_model.hello.model_hash = 0xcc;
  other_tokenizer.hello.tokenizer_hash = 0xdd;
  FarEnd reward(here_wiring, "reward"), feedback(here_wiring, "feedback");
  reward.bind(Arrow::kTrajectory);
  feedback.bind(Arrow::kPair);
  FarEnd model(other_model, "rollout", 0), tokenizer(other_tokenizer, "rollout", 1),
      same(here_wiring, "rollout", 2), text(other_model, "rollout", 3);
  for (FarEnd* end : {&model, &tokenizer, &same}) end->connect(Arrow::kTrajectory);
  text.connect(Arrow::kPair);
  EXPECT_TRUE(model.refused_with("model hash: peer has 00000000000000aa, here 00000000000000cc"));
  EXPECT_TRUE(
      tokenizer.refused_with("tokenizer hash: peer has 00000000000000bb, here 00000000000000dd"));
  EXPECT_TRUE(
      reward.refused_with("tokenizer hash: peer has 00000000000000dd, here 00000000000000bb"));
  EXPECT_TRUE(same.up());
  EXPECT_TRUE(text.up());
}

TEST_F(PortsTest, AnArrowInWhichTheRoleHasNoPartIsNotOpened) {
  EXPECT_THROW((void)wiring().options(Arrow::kBatch, "rollout", 0, 0), std::invalid_argument);
  EXPECT_THROW((void)wiring().options(Arrow::kBatch, "stranger", 0, 0), std::invalid_argument);
  EXPECT_EQ(wiring().options(Arrow::kBatch, "ppo_learner", 0, 0).accept.size(), 1u);
}

// Of an arrow that another serves: what differs does not become equal by waiting.
TEST_F(PortsTest, ARefusedRoleEndsWithBothValues) {
  const auto wire = std::make_shared<transport::IdleTransport>();
  Ports ports(Wiring{.transport = wire}, "rollout", 0);
  const auto actor = system.spawn<caf::detached>(linked, wiring());
  const auto refused = [](transport::LinkId link) {
    return LinkEvent{.kind = LinkEvent::Kind::kRefused, .from = {link, 0}, .text = "why"};
  };
  ports.connect<WorkDrained>(actor, Arrow::kWork, 0, 0);
  EXPECT_THROW(ports.expect_accepted(refused(transport::IdleTransport::kLink)), std::runtime_error);
  EXPECT_NO_THROW(ports.expect_accepted(refused(3)));  // of an arrow that this role serves
  EXPECT_NO_THROW(ports.expect_accepted(
      {.kind = LinkEvent::Kind::kDown, .from = {transport::IdleTransport::kLink, 1}}));
  finish(actor);
}

}  // namespace
}  // namespace charter::actors
