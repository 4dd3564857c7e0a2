#include "actors/link_meter.hpp"

#include <algorithm>

namespace charter::actors {
namespace {

const char* wire_name(uint16_t number) {
  for (const auto& row : sayings())
    if (row.type == number) return row.what;
  return "other";
}

std::vector<std::string> types_of(Arrow arrow) {
  std::vector<std::string> types;
  for (const auto& row : sayings())
    if (row.arrow == arrow && std::find(types.begin(), types.end(), row.what) == types.end())
      types.emplace_back(row.what);
  return types;
}

// Totals only rise; those of a link the transport no longer knows read as 0.
void add(prometheus::Counter& counter, uint64_t now, uint64_t before) {
  if (now > before) counter.Increment(static_cast<double>(now - before));
}

}  // namespace

void LinkEnd::sent(uint16_t type) const { metrics_.sent[wire_name(type)].Increment(); }
void LinkEnd::received(uint16_t type) const { metrics_.received[wire_name(type)].Increment(); }

std::shared_ptr<const LinkEnd> LinkMeter::end(const std::string& actor, Arrow arrow) {
  const std::lock_guard lock(mutex_);
  auto& end = ends_[{actor, arrow}];
  if (!end)
    end = std::make_shared<const LinkEnd>(metrics::LinkMetrics::make(
        registry_, {{"run", run_}, {"actor", actor}}, name(arrow), types_of(arrow)));
  return end;
}

void LinkMeter::opened(transport::LinkId link, std::shared_ptr<const LinkEnd> end) {
  const std::lock_guard lock(mutex_);
  links_[link] = {.end = std::move(end), .last = {}};
}

void LinkMeter::closing(transport::LinkId link) {
  const std::lock_guard lock(mutex_);
  const auto found = links_.find(link);
  if (found == links_.end()) return;
  refresh(link, found->second);
  links_.erase(found);
}

void LinkMeter::refresh(transport::LinkId link, Open& open) const {
  const auto transport = transport_.lock();
  if (!transport) return;
  const auto now = transport->stats(link);
  const auto& metrics = open.end->metrics_;
  add(metrics.sent_bytes, now.bytes_sent, open.last.bytes_sent);
  add(metrics.received_bytes, now.bytes_received, open.last.bytes_received);
  add(metrics.retries, now.retransmitted, open.last.retransmitted);
  add(metrics.decode_errors, now.malformed + now.handshakes_refused,
      open.last.malformed + open.last.handshakes_refused);
  add(metrics.connections_refused, now.connections_refused, open.last.connections_refused);
  open.last = now;
}

// Ends that send nothing with credit (and were never granted any) would pull the least credit of
// their arrow to 0 for ever: theirs stays unmeasured.
void LinkMeter::show_credit() const {
  std::map<const LinkEnd*, int64_t> credit;
  for (const auto& [link, open] : links_)
    if (open.last.credits_available > 0 || open.last.data_sent > 0)
      credit[open.end.get()] += open.last.credits_available;
  for (const auto& [end, available] : credit)
    end->metrics_.credits_available.Set(static_cast<double>(available));
}

std::vector<prometheus::MetricFamily> LinkMeter::Collect() const {
  const std::lock_guard lock(mutex_);
  for (auto& [link, open] : links_) refresh(link, open);
  show_credit();
  return registry_.Collect();
}

}  // namespace charter::actors
