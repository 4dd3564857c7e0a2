// One actor against real links: the actor runs on its own transport, and the test plays the other
// ends of its arrows on another one, over inproc. Nothing sleeps: every wait is for a condition and
// has a deadline.
#pragma once
#include <gtest/gtest.h>
#include <prometheus/registry.h>

#include <algorithm>
#include <caf/all.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>
#include <zmq.hpp>

#include "actors/interfaces.hpp"
#include "actors/ports.hpp"
#include "actors/transport/zmq_link.hpp"
#include "tests/actors/transport/link_helpers.hpp"
#include "tests/stall_watch.hpp"

namespace charter::actors {

inline constexpr std::chrono::seconds kDeadline{10};

// Polls a condition on another thread's state until it holds; false after the deadline.
template <class Condition>
bool eventually(Condition condition, std::chrono::milliseconds deadline = kDeadline) {
  const auto end = std::chrono::steady_clock::now() + deadline;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

// The far end of an arrow, played by the test: it records what comes and acknowledges only when
// told.
class FarEnd {
 public:
  FarEnd(Wiring wiring, const std::string& role, int32_t index = 0)
      : wiring_(std::move(wiring)), role_(role), index_(index) {}
  ~FarEnd() { close(); }
  FarEnd(const FarEnd&) = delete;
  FarEnd& operator=(const FarEnd&) = delete;

  // credit: messages the actor may send to this end.
  FarEnd& bind(Arrow arrow, int64_t credit = 0, int32_t server = 0) {
    link_ = wiring_.transport->bind(wiring_.options(arrow, role_, index_, credit),
                                    wiring_.addresses.address(arrow, server), recorder_.events());
    return *this;
  }
  FarEnd& connect(Arrow arrow, int64_t credit = 0, int32_t server = 0) {
    link_ =
        wiring_.transport->connect(wiring_.options(arrow, role_, index_, credit),
                                   wiring_.addresses.address(arrow, server), recorder_.events());
    return *this;
  }
  // Says goodbye, as a process that ends in good order.
  void close() {
    if (link_ != 0) wiring_.transport->close(std::exchange(link_, 0));
  }
  [[nodiscard]] bool up() { return recorder_.wait_up(); }
  // Waits for a refusal whose text holds this.
  [[nodiscard]] bool refused_with(const std::string& text) {
    return recorder_.wait([&](const transport::Recorder& r) {
      return std::any_of(r.refused.begin(), r.refused.end(), [&](const std::string& reason) {
        return reason.find(text) != std::string::npos;
      });
    });
  }

  // Waits for credit. 0: none came.
  template <class T>
  uint64_t send(const T& message) {
    return send(kWireType<T>, transport::encode_body(message));
  }
  // Bytes that may be no message at all.
  uint64_t send(uint16_t type, const std::string& body) {
    std::optional<uint64_t> sequence;
    eventually([&] {
      const auto peer = recorder_.peer();
      if (peer != 0) sequence = wiring_.transport->send(link_, peer, type, body);
      return sequence.has_value();
    });
    return sequence.value_or(0);
  }
  // Without credit or acknowledgement.
  void announce(uint16_t type, const std::string& body) {
    wiring_.transport->announce(link_, recorder_.peer(), type, body);
  }
  template <class T>
  void announce(const T& message) {
    wiring_.transport->announce(link_, recorder_.peer(), kWireType<T>,
                                transport::encode_body(message));
  }
  void grant(int64_t n) { wiring_.transport->grant(link_, recorder_.peer(), n); }
  // The i-th message that came.
  void acknowledge(size_t i) {
    uint64_t sequence = 0;
    recorder_.wait([&](const transport::Recorder& r) {
      return i < r.messages.size() && (sequence = r.messages[i].sequence);
    });
    wiring_.transport->acknowledge(link_, recorder_.peer(), sequence);
  }

  // Waits until `count` messages came in all.
  [[nodiscard]] bool wait_messages(size_t count) {
    return recorder_.wait(
        [count](const transport::Recorder& r) { return r.messages.size() >= count; });
  }
  [[nodiscard]] bool wait_acked(size_t count) {
    return recorder_.wait(
        [count](const transport::Recorder& r) { return r.acked.size() >= count; });
  }
  [[nodiscard]] bool acked(uint64_t sequence) {
    return recorder_.wait([sequence](const transport::Recorder& r) {
      return std::find(r.acked.begin(), r.acked.end(), sequence) != r.acked.end();
    });
  }
  [[nodiscard]] size_t acked_count() {
    size_t count = 0;
    recorder_.wait([&](const transport::Recorder& r) {
      count = r.acked.size();
      return true;
    });
    return count;
  }
  // Those of one type, in order.
  template <class T>
  std::vector<T> received() {
    std::vector<T> result;
    recorder_.wait([&](const transport::Recorder& r) {
      for (const auto& message : r.messages)
        if (message.type == kWireType<T>)
          if (auto decoded = transport::decode_body<T>(message.body))
            result.push_back(std::move(*decoded));
      return true;
    });
    return result;
  }
  // Waits for an announcement of this type that satisfies `condition`; the last one that came.
  template <class T, class Condition>
  [[nodiscard]] bool wait_announced(Condition condition) {
    return recorder_.wait([&](const transport::Recorder& r) {
      const auto it = r.announced.find(kWireType<T>);
      if (it == r.announced.end()) return false;
      const auto message = transport::decode_body<T>(it->second);
      return message && condition(*message);
    });
  }

 private:
  Wiring wiring_;
  std::string role_;
  int32_t index_;
  transport::Recorder recorder_;
  transport::LinkId link_ = 0;
};

class ActorTest : public testing::Test {
 protected:
  static caf::actor_system_config& configured(caf::actor_system_config& config) {
    config.add_message_types<caf::id_block::charter>();
    config.set("scheduler.max-threads", 2);
    return config;
  }
  // `same`: of the actor's process.
  [[nodiscard]] Wiring wiring(bool same = true) const {
    Wiring result;
    result.transport = same ? here : there;
    if (same) result.roster = roster;
    result.addresses = {.transport = "inproc", .run_id = "test"};
    result.hello.run_id = 42;
    result.hello.lineage = 1;
    result.hello.schema_hash = WireTypes::schema_hash();
    return result;
  }
  [[nodiscard]] Wiring far() const { return wiring(false); }

  // The actor's answer to its probe: by then it has handled what was in its mailbox before.
  template <class Handle>
  RoleReport probe(const Handle& handle) {
    RoleReport report;
    caf::scoped_actor self(system);
    self->request(handle, kDeadline, Probe{})
        .receive([&](const RoleReport& r) { report = r; },
                 [](const caf::error& e) { ADD_FAILURE() << to_string(e); });
    return report;
  }
  // Whether the actor writes this down of itself, unasked.
  [[nodiscard]] bool says(const std::string& name, const std::string& state) {
    return eventually([&] {
      const auto report = roster->last(name);
      return report && report->state == state;
    });
  }
  template <class Handle>
  void finish(const Handle& handle) {
    caf::scoped_actor self(system);
    self->send(handle, FinishRole{});
    self->wait_for(handle);
  }

  zmq::context_t context;
  caf::actor_system_config config;
  std::shared_ptr<transport::Transport> there = std::make_shared<transport::ZmqTransport>(context);
  std::shared_ptr<transport::Transport> here = std::make_shared<transport::ZmqTransport>(context);
  std::shared_ptr<Roster> roster = std::make_shared<Roster>();
  const tests::Witness witness{[this] { return roster->who(here.get()); }};
  prometheus::Registry registry;
  caf::actor_system system{configured(config)};
};

}  // namespace charter::actors
