// A recorder of link events, and the options the transport tests share.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "actors/transport/link.hpp"

namespace charter::transport {

inline LinkOptions test_options(const std::string& role, int32_t index = 0) {
  using std::chrono::milliseconds;
  LinkOptions options;
  options.self.role = role;
  options.self.index = index;
  options.self.run_id = 42;
  options.heartbeat_interval = milliseconds(30);
  options.peer_deadline = milliseconds(400);
  options.hello_interval = milliseconds(20);
  options.retransmit_after = milliseconds(100);
  options.retention = milliseconds(2000);
  options.linger = milliseconds(100);
  return options;
}

// Everything a link told, in order. Thread-safe: the events come on the transport's thread.
class Recorder {
 public:
  struct Message {
    PeerId peer = 0;
    uint64_t sequence = 0;
    uint16_t type = 0;
    std::string body;
    std::vector<Blob> blobs;
  };

  LinkEvents events() {
    LinkEvents e;
    e.peer_up = [this](PeerId peer, const Hello& hello) {
      note([&] { ups.emplace_back(peer, hello); });
      if (on_up) on_up(peer);
    };
    e.peer_down = [this](PeerId peer, std::string reason) {
      note([&] { downs.emplace_back(peer, std::move(reason)); });
    };
    e.delivered = [this](PeerId peer, uint64_t sequence, uint16_t type, std::string body,
                         std::vector<Blob> blobs) {
      Message message{peer, sequence, type, std::move(body), std::move(blobs)};
      note([&] { messages.push_back(message); });
      if (on_delivered) on_delivered(message);
    };
    e.acked = [this](PeerId peer, uint64_t sequence) { note([&] { acked.push_back(sequence); }); };
    e.credit = [this](PeerId peer, int64_t available) { note([&] { credit = available; }); };
    e.lost = [this](PeerId peer, std::vector<uint64_t> sequences) {
      note([&] { lost.insert(lost.end(), sequences.begin(), sequences.end()); });
    };
    e.announced = [this](PeerId peer, uint16_t type, std::string body) {
      note([&] { announced[type] = std::move(body); });
    };
    e.refused = [this](std::string reason) { note([&] { refused.push_back(std::move(reason)); }); };
    return e;
  }

  // Waits until the condition on the recorded events holds; false after the timeout.
  bool wait(const std::function<bool(const Recorder&)>& condition,
            std::chrono::milliseconds timeout = std::chrono::seconds(10)) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, timeout, [&] { return condition(*this); });
  }
  bool wait_up(size_t times = 1) {
    return wait([times](const Recorder& r) { return r.ups.size() >= times; });
  }
  PeerId peer() {
    const std::lock_guard lock(mutex_);
    return ups.empty() ? 0 : ups.back().first;
  }

  // Read under wait() while the link is open, freely after it is closed.
  std::vector<std::pair<PeerId, Hello>> ups;
  std::vector<std::pair<PeerId, std::string>> downs;
  std::vector<Message> messages;
  std::vector<uint64_t> acked, lost;
  std::map<uint16_t, std::string> announced;
  std::vector<std::string> refused;
  int64_t credit = 0;
  // Set before the link opens.
  std::function<void(PeerId)> on_up;
  std::function<void(const Message&)> on_delivered;

 private:
  void note(const std::function<void()>& change) {
    const std::lock_guard lock(mutex_);
    change();
    changed_.notify_all();
  }
  std::mutex mutex_;
  std::condition_variable changed_;
};

}  // namespace charter::transport
