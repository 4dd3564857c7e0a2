// Links through a simulated network with a fake clock: seeded delay, loss, duplicates, reordering
// and crashes, deterministic for a seed. Everything runs inside advance(), on the caller's thread,
// with the session code of the real links. For tests.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "actors/transport/link.hpp"
#include "actors/transport/link_session.hpp"

namespace charter::transport {

struct SimOptions {
  uint64_t seed = 1;
  double loss = 0;       // probability that a frame disappears, in [0, 1)
  double duplicate = 0;  // probability that it arrives twice
  std::chrono::microseconds min_delay{100};
  std::chrono::microseconds max_delay{100};  // above min_delay: frames overtake each other
};

class SimTransport;

class SimNetwork {
 public:
  explicit SimNetwork(SimOptions options);
  ~SimNetwork();

  // Moves time in steps of at most 1 ms, delivering frames and running deadlines.
  void advance(std::chrono::microseconds duration);
  [[nodiscard]] Time now() const { return now_; }
  void set_options(const SimOptions& options) { options_ = options; }  // the seed is not used again
  // While on, every frame is lost.
  void partition(bool on) { partitioned_ = on; }
  [[nodiscard]] uint64_t frames_carried() const { return carried_; }

 private:
  friend class SimTransport;
  struct Port;
  struct Packet;
  void carry(uint64_t from, uint64_t key, const Outgoing& frame);
  void deliver_due();

  SimOptions options_;
  std::mt19937_64 random_;
  Time now_{};
  bool partitioned_ = false;
  uint64_t carried_ = 0;
  uint64_t next_id_ = 1;
  std::map<uint64_t, std::unique_ptr<Port>> ports_;  // by link id
  std::map<std::string, uint64_t> bound_;            // address -> link id
  std::multimap<Time, Packet> packets_;
};

// One process of the simulation. Not thread-safe. The network outlives it.
class SimTransport final : public Transport {
 public:
  explicit SimTransport(SimNetwork& network) : network_(network) {}
  ~SimTransport() override { crash(); }

  // All its links vanish without a word, as when the process is killed.
  void crash();

  [[nodiscard]] LinkId bind(LinkOptions options, const std::string& address,
                            LinkEvents events) override;
  [[nodiscard]] LinkId connect(LinkOptions options, const std::string& address,
                               LinkEvents events) override;
  [[nodiscard]] std::optional<uint64_t> send(LinkId link, PeerId peer, uint16_t type,
                                             std::string body,
                                             std::vector<Blob> blobs = {}) override;
  void acknowledge(LinkId link, PeerId peer, uint64_t sequence) override;
  void grant(LinkId link, PeerId peer, int64_t n) override;
  void announce(LinkId link, PeerId peer, uint16_t type, std::string body) override;
  void raise_lineage(LinkId link, int64_t lineage) override;
  void close(LinkId link) override;
  [[nodiscard]] std::string endpoint(LinkId link) const override;
  [[nodiscard]] LinkStats stats(LinkId link) const override;

 private:
  LinkId open(bool binds, LinkOptions options, const std::string& address, LinkEvents events);
  [[nodiscard]] SimNetwork::Port* port(LinkId link) const;

  SimNetwork& network_;
  std::vector<LinkId> links_;
};

}  // namespace charter::transport
