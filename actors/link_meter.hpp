// What passes on the links of one process, as Prometheus sees it: messages by type and direction,
// bytes, messages sent again, refused ones, credit. Messages are counted as they pass, the rest is
// read from the transport at each scrape. All of it may be used from any thread.
#pragma once
#include <prometheus/collectable.h>
#include <prometheus/registry.h>

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "actors/transport/link.hpp"
#include "actors/wiring.hpp"
#include "metrics/system_metrics.hpp"

namespace charter::actors {

// One actor's end of an arrow; of all its links where the arrow has several servers.
class LinkEnd {
 public:
  explicit LinkEnd(metrics::LinkMetrics metrics) : metrics_(std::move(metrics)) {}

  void sent(uint16_t type) const;
  void received(uint16_t type) const;
  // A message that does not decode, or that cannot be, or that its sender may not say.
  void refused() const { metrics_.decode_errors.Increment(); }

 private:
  friend class LinkMeter;
  metrics::LinkMetrics metrics_;
};

class LinkMeter final : public prometheus::Collectable {
 public:
  // The transport may go before the meter: the counts stay as they were.
  LinkMeter(std::weak_ptr<const transport::Transport> transport, std::string run)
      : transport_(std::move(transport)), run_(std::move(run)) {}

  // actor: "rollout/0". Asking again gives the same one: a restarted actor goes on counting.
  [[nodiscard]] std::shared_ptr<const LinkEnd> end(const std::string& actor, Arrow arrow);
  // From here to closing() the link's totals are added to its end.
  void opened(transport::LinkId link, std::shared_ptr<const LinkEnd> end);
  void closing(transport::LinkId link);

  [[nodiscard]] std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  struct Open {
    std::shared_ptr<const LinkEnd> end;
    transport::LinkStats last;
  };
  void refresh(transport::LinkId link, Open& open) const;  // the lock is held
  void show_credit() const;

  std::weak_ptr<const transport::Transport> transport_;
  std::string run_;
  mutable std::mutex mutex_;
  prometheus::Registry registry_;
  std::map<std::pair<std::string, Arrow>, std::shared_ptr<const LinkEnd>> ends_;
  mutable std::map<transport::LinkId, Open> links_;
};

}  // namespace charter::actors
