// A transport that does nothing, for tests of one of its calls.
#pragma once
#include "actors/transport/link.hpp"

namespace charter::transport {

class IdleTransport : public Transport {
 public:
  static constexpr LinkId kLink = 7;  // of every link

  LinkId bind(LinkOptions, const std::string&, LinkEvents) override { return kLink; }
  LinkId connect(LinkOptions, const std::string&, LinkEvents) override { return kLink; }
  std::optional<uint64_t> send(LinkId, PeerId, uint16_t, std::string, std::vector<Blob>) override {
    return std::nullopt;
  }
  void acknowledge(LinkId, PeerId, uint64_t) override {}
  void grant(LinkId, PeerId, int64_t) override {}
  void announce(LinkId, PeerId, uint16_t, std::string) override {}
  void raise_lineage(LinkId, int64_t) override {}
  void close(LinkId) override {}
  std::string endpoint(LinkId) const override { return ""; }
  LinkStats stats(LinkId) const override { return {}; }
};

}  // namespace charter::transport
