// A role's end of the weights arrow: hears of a model's versions, and asks for the newest when the
// link comes up and with every probe, since an announcement may be lost and a file may not read.
#pragma once
#include <optional>
#include <string>
#include <utility>

#include "actors/ports.hpp"

namespace charter::actors {

class WeightsClient {
 public:
  WeightsClient() = default;
  // model: whose versions it follows.
  WeightsClient(Ports* ports, std::string model) : ports_(ports), model_(std::move(model)) {}

  // `handle` takes WeightsReady. A role that follows no versions does not call it.
  template <class Handle>
  void connect(const Handle& handle) {
    link_ = ports_->connect<WeightsReady>(handle, Arrow::kWeights, 0, 0);
  }

  // have: number of the version in use, -1 for none.
  void handle(const LinkEvent& event, int64_t have) {
    if (event.kind != LinkEvent::Kind::kUp || event.from.link != link_) return;
    store_ = event.from;
    ask(have);
  }
  // Nothing before the link is up.
  void ask(int64_t have) {
    if (store_) ports_->announce(*store_, WeightsRequest{model_, have});
  }

 private:
  Ports* ports_ = nullptr;
  std::string model_;
  transport::LinkId link_ = 0;
  std::optional<Peer> store_;
};

}  // namespace charter::actors
