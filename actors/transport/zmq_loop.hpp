// The socket thread of ZmqTransport. Part of zmq_link.
//
// Gate: what another thread must know to decide at once whether a message may be sent, and under
// which number. The loop's sessions are the truth; a gate trails them by the sends still queued,
// which it subtracts, so it never allows more than they will.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>
#include <zmq.hpp>

#include "actors/transport/zmq_link.hpp"
#include "actors/transport/zmq_port.hpp"

namespace charter::transport {

class ZmqTransport::Loop {
 public:
  Loop(zmq::context_t& context, RunKey key);
  ~Loop();

  // From any thread.
  LinkId open(LinkEndpoint::Side side, LinkOptions options, const std::string& address,
              LinkEvents events);
  std::optional<uint64_t> send(LinkId link, PeerId peer, uint16_t type, std::string body,
                               std::vector<Blob> blobs);
  void post(LinkId link, std::function<void(LinkEndpoint&, Time)> command);
  void close(LinkId link);
  [[nodiscard]] std::string endpoint(LinkId link) const;
  [[nodiscard]] LinkStats stats(LinkId link) const;

 private:
  struct Gate {
    PeerId peer = 0;
    bool up = false;
    int64_t available = 0;
    int64_t queued = 0;  // sends promised and not yet carried out
    uint64_t next_sequence = 1;
  };
  struct Shared {  // of one link, under mutex_
    std::string address;
    LinkStats stats;
    size_t max_message_bytes = 0;
    std::map<uint64_t, Gate> gates;  // by session key
  };

  // On the socket thread.
  void run();
  void wait();
  void run_commands();
  void add_port(LinkId link, LinkEndpoint::Side side, LinkOptions options,
                const std::string& address, LinkEvents events);
  void drop(LinkId link);
  void carry_out_send(LinkId link, PeerId peer, uint64_t sequence, uint16_t type,
                      std::shared_ptr<const Payload> payload);
  [[nodiscard]] LinkEvents gated(LinkId link, LinkEvents events);
  void set_gate(LinkId link, PeerId peer, bool up);
  void publish_stats();

  void enqueue(std::function<void()> command);
  void call(const std::function<void()>& command);  // enqueue, wait, throw its error here
  void wake();
  [[nodiscard]] Gate* gate(LinkId link, PeerId peer);

  zmq::context_t& context_;
  const RunKey key_;
  const int wake_fd_;
  std::map<LinkId, std::unique_ptr<ZmqPort>> ports_;  // the socket thread's
  std::map<LinkId, std::function<void(PeerId, std::vector<uint64_t>)>> lost_;  // the same
  bool stopping_ = false;                                                      // the same

  mutable std::mutex mutex_;
  std::deque<std::function<void()>> commands_;
  std::map<LinkId, Shared> shared_;
  LinkId next_link_ = 1;

  std::thread thread_;  // last: it uses all of the above
};

}  // namespace charter::transport
