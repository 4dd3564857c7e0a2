#include "actors/transport/link_session.hpp"

#include <algorithm>
#include <utility>

#include "actors/transport/codec.hpp"

namespace charter::transport {

namespace {

// What a state frame says; all of it is about the frame's receiver as a sender.
struct State {
  int64_t window = 0;
  std::vector<uint64_t> acknowledged;  // a heartbeat lists every one the sender may not know of
  std::vector<uint64_t> received;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, State& x) {
  return f(x.window, x.acknowledged, x.received);
}

// One message nobody acknowledges must not let the record of the later ones grow without bound.
constexpr uint64_t kMaxSpan = 8192;
constexpr int kMaxBackoff = 8;  // of retransmit_after, by doubling

}  // namespace

LinkSession::LinkSession(const LinkOptions& options, uint64_t first_sequence, LinkStats& stats,
                         Time now)
    : options_(options),
      stats_(stats),
      next_hello_(now),
      down_since_(now),
      hello_wait_(std::min(kFirstHelloWait, options.hello_interval)),
      next_sequence_(first_sequence) {}

FrameHeader LinkSession::header(FrameKind kind) const {
  return {.kind = kind,
          .run_id = options_.self.run_id,
          .lineage = options_.self.lineage,
          .producer = options_.producer_id,
          .floor = outbox_.empty() ? next_sequence_ : outbox_.begin()->first,
          .attach = attach_,
          .echo = remote_.attach};
}

int64_t LinkSession::available() const {
  if (!up_) return 0;
  const int64_t limit = std::min(window_, static_cast<int64_t>(options_.max_unacknowledged));
  if (!outbox_.empty() && next_sequence_ - outbox_.begin()->first >= kMaxSpan) return 0;
  return std::max<int64_t>(0, limit - static_cast<int64_t>(outbox_.size()));
}

void LinkSession::report_credit() {
  const int64_t now_available = available();
  if (now_available > reported_credit_) {
    events_.push_back(
        {.kind = SessionEvent::Kind::kCredit, .peer = peer(), .available = now_available});
  }
  reported_credit_ = now_available;
}

void LinkSession::receive(const Frame& frame, Time now) {
  const FrameHeader& h = frame.header;
  if (h.kind == FrameKind::kHello) return receive_hello(frame, now);
  if (h.kind == FrameKind::kRefuse) {
    if (h.run_id != options_.self.run_id || h.echo != attach_ + 1) {
      ++stats_.foreign;
      return;
    }
    return refuse(frame, std::string(frame.body), now);
  }
  if (h.run_id == options_.self.run_id && h.lineage < options_.self.lineage) {
    ++stats_.stale_lineage;
    return;
  }
  const bool ours = up_ && h.run_id == options_.self.run_id && h.lineage == options_.self.lineage &&
                    h.producer == remote_.producer && h.attach == remote_.attach &&
                    h.echo == attach_;
  if (!ours) {
    ++stats_.foreign;
    return;
  }
  last_heard_ = now;
  settle_below(h.floor);
  switch (h.kind) {
    case FrameKind::kData:
      return receive_data(frame);
    case FrameKind::kState:
      return receive_state(frame);
    case FrameKind::kBye:
      return go_down("the peer closed the link", now);
    case FrameKind::kAnnounce:
      events_.push_back({.kind = SessionEvent::Kind::kAnnounced,
                         .peer = peer(),
                         .type = h.type,
                         .text = std::string(frame.body)});
      return;
    default:
      return;
  }
}

void LinkSession::settle_below(uint64_t floor) {
  if (floor <= floor_) return;
  floor_ = floor;
  received_.erase(received_.begin(), received_.lower_bound(floor));
  held_.erase(held_.begin(), held_.lower_bound(floor));
}

void LinkSession::receive_data(const Frame& frame) {
  const uint64_t sequence = frame.header.sequence;
  if (sequence < floor_) {
    ++stats_.duplicates;
    return;
  }
  changed_ = true;
  const auto known = received_.find(sequence);
  if (known != received_.end()) {
    ++stats_.duplicates;
    if (!known->second) held_.insert(sequence);
    (known->second ? news_acked_ : news_received_).push_back(sequence);
    return;
  }
  // A peer that sends beyond its credit is not served; it will resend when the window has room.
  if (static_cast<int64_t>(held_.size()) >= granted_ || sequence >= floor_ + 2 * kMaxSpan) {
    ++stats_.foreign;
    return;
  }
  received_.emplace(sequence, false);
  held_.insert(sequence);
  news_received_.push_back(sequence);
  ++stats_.data_delivered;
  events_.push_back({.kind = SessionEvent::Kind::kDelivered,
                     .peer = peer(),
                     .sequence = sequence,
                     .type = frame.header.type,
                     .text = std::string(frame.body),
                     .blobs = frame.blobs});
}

void LinkSession::receive_state(const Frame& frame) {
  const auto state = decode_body<State>(frame.body);
  if (!state) {
    ++stats_.malformed;
    return;
  }
  window_ = state->window;
  for (const uint64_t sequence : state->received) {
    const auto found = outbox_.find(sequence);
    if (found != outbox_.end()) found->second.received = true;
  }
  for (const uint64_t sequence : state->acknowledged) {
    const auto found = outbox_.find(sequence);
    if (found == outbox_.end()) continue;
    transmitted_ -= found->second.transmitted ? 1 : 0;
    outbox_.erase(found);
    ++stats_.acknowledged;
    events_.push_back({.kind = SessionEvent::Kind::kAcked, .peer = peer(), .sequence = sequence});
  }
  report_credit();
}

uint64_t LinkSession::send(uint16_t type, std::shared_ptr<const Payload> payload) {
  const uint64_t sequence = next_sequence_++;
  outbox_.emplace(sequence, Sent{.type = type, .payload = std::move(payload)});
  reported_credit_ = available();
  ++stats_.data_sent;
  return sequence;
}

void LinkSession::acknowledge(uint64_t sequence) {
  const auto found = received_.find(sequence);
  if (found == received_.end() || found->second) return;
  found->second = true;
  held_.erase(sequence);
  news_acked_.push_back(sequence);
  changed_ = true;
}

void LinkSession::grant(int64_t n) {
  if (!up_) return;
  granted_ = std::max<int64_t>(0, granted_ + n);
  changed_ = true;
}

void LinkSession::announce(uint16_t type, const std::string& body) {
  if (!up_) return;
  FrameHeader h = header(FrameKind::kAnnounce);
  h.type = type;
  frames_.push_back({h, make_payload(body)});
}

void LinkSession::transmit(uint64_t sequence, Sent& sent, bool resend, Time now) {
  FrameHeader h = header(FrameKind::kData);
  h.type = sent.type;
  h.sequence = sequence;
  frames_.push_back({h, sent.payload, resend});
  transmitted_ += sent.transmitted ? 0 : 1;
  sent.transmitted = true;
  sent.sent_at = now;
  ++sent.attempts;
  stats_.retransmitted += sent.attempts > 1 ? 1 : 0;
}

void LinkSession::flush(Time now) {
  if (!up_) return;
  if (transmitted_ < static_cast<int64_t>(outbox_.size())) {
    for (auto& [sequence, sent] : outbox_) {
      if (transmitted_ >= window_) break;
      if (!sent.transmitted) transmit(sequence, sent, false, now);
    }
  }
  if (changed_) send_state(false, now);
}

void LinkSession::send_state(bool complete, Time now) {
  State state{granted_, std::move(news_acked_), std::move(news_received_)};
  news_acked_.clear();
  news_received_.clear();
  changed_ = false;
  if (complete) {
    state.acknowledged.clear();
    for (const auto& [sequence, acknowledged] : received_) {
      if (acknowledged) state.acknowledged.push_back(sequence);
    }
    next_heartbeat_ = now + options_.heartbeat_interval;
  }
  frames_.push_back({header(FrameKind::kState), make_payload(encode_body(state))});
}

void LinkSession::tick(Time now) {
  if (!up_) {
    if (now >= next_hello_) send_hello(attach_ + 1, candidate_.attach, true, now);
    return;
  }
  if (now - last_heard_ > options_.peer_deadline) {
    const auto silence = std::chrono::duration_cast<std::chrono::milliseconds>(now - last_heard_);
    return go_down("nothing heard for " + std::to_string(silence.count()) + " ms", now);
  }
  for (auto& [sequence, sent] : outbox_) {
    if (!sent.transmitted || sent.received) continue;
    const int backoff = std::min(1 << std::min(sent.attempts - 1, 8), kMaxBackoff);
    if (now - sent.sent_at >= options_.retransmit_after * backoff) {
      transmit(sequence, sent, true, now);
    }
  }
  if (now >= next_heartbeat_) send_state(true, now);
}

}  // namespace charter::transport
