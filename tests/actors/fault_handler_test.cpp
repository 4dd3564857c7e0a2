#include "actors/fault_handler.hpp"

#include "tests/actors/fixture.hpp"

namespace charter::actors {
namespace {

TEST(FaultHandler, ShortensTheNamesOfMessages) {
  EXPECT_EQ(short_type_name("charter::actors::From<charter::actors::Batch>"), "Batch");
  EXPECT_EQ(short_type_name("charter::actors::From<charter::rl::Trajectory>"), "Trajectory");
  EXPECT_EQ(short_type_name("charter::actors::Tick"), "Tick");
  EXPECT_EQ(short_type_name("From<X>"), "X");
  EXPECT_EQ(short_type_name("@down"), "@down");
}

// Throws when it is told to finish, or at once.
RoleActor<>::behavior_type faulty(RoleActor<>::pointer self, bool at_once, bool of_no_class) {
  install_fault_handler(self, [] { return std::string("version 7"); });
  if (at_once) throw std::runtime_error("no model");
  return {[](const LinkEvent&) {}, [](Tick) {},
          [of_no_class](FinishRole) {
            if (of_no_class) throw 3;
            throw std::runtime_error("disk full");
          },
          [](Probe) { return RoleReport{}; }};
}

class FaultHandlerTest : public ActorTest {
 protected:
  std::string end_of(bool at_once, bool of_no_class) {
    caf::scoped_actor self(system);
    const auto actor = system.spawn(faulty, at_once, of_no_class);
    self->monitor(actor);
    self->send(actor, FinishRole{});
    std::string text = "it did not end";
    self->receive([&](const caf::down_msg& down) { text = fault_text(system, down.reason); },
                  caf::after(kDeadline) >> [] {});
    return text;
  }
};

TEST_F(FaultHandlerTest, TellsTheMessageTheVersionAndTheCause) {
  EXPECT_EQ(end_of(false, false), "handling FinishRole at version 7: disk full");
}

TEST_F(FaultHandlerTest, TellsOfAnActorThatCouldNotBeMade) {
  EXPECT_EQ(end_of(true, false), "starting at version 7: no model");
}

TEST_F(FaultHandlerTest, AnExceptionOfAnyTypeIsAFault) {
  EXPECT_EQ(end_of(false, true), "handling FinishRole at version 7: an exception without a text");
}

TEST_F(FaultHandlerTest, OtherErrorsAreTheirOwnText) {
  EXPECT_EQ(fault_text(system, caf::make_error(caf::sec::request_timeout, std::string("hung"))),
            system.render(caf::make_error(caf::sec::request_timeout, std::string("hung"))));
}

}  // namespace
}  // namespace charter::actors
