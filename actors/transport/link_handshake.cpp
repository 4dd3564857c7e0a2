// The opening and closing half of LinkSession.
#include <algorithm>
#include <cstdio>
#include <utility>

#include "actors/transport/codec.hpp"
#include "actors/transport/link_session.hpp"

namespace charter::transport {

namespace {

constexpr std::chrono::seconds kRepeatRefusal{10};

std::string hex(uint64_t value) {
  char text[20];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(value));
  return text;
}

bool hashes_differ(uint64_t a, uint64_t b) { return a != 0 && b != 0 && a != b; }

}  // namespace

std::string hello_mismatch(const Hello& peer, const LinkOptions& here) {
  const std::string who = peer.role + "[" + std::to_string(peer.index) + "]";
  const auto differ = [&who](const char* what, const std::string& theirs, const std::string& ours) {
    return "handshake with " + who + " refused: " + what + ": peer has " + theirs + ", here " +
           ours;
  };
  const Hello& self = here.self;
  const auto& roles = here.accept;
  const auto kind = std::find_if(roles.begin(), roles.end(), [&](const AcceptedRole& role) {
    return role.kind == role_kind(peer.role);
  });
  if (!roles.empty() && kind == roles.end()) {
    std::string accepted;
    for (const auto& role : roles) accepted += (accepted.empty() ? "" : " or ") + role.kind;
    return differ("role", peer.role, accepted + " is expected");
  }
  if (!roles.empty() && (peer.index < 0 || peer.index >= kind->count)) {
    return differ("index", std::to_string(peer.index),
                  "0 to " + std::to_string(kind->count - 1) + " is expected");
  }
  if (peer.run_id != self.run_id) return differ("run id", hex(peer.run_id), hex(self.run_id));
  if (peer.lineage != self.lineage) {
    return differ("lineage", std::to_string(peer.lineage), std::to_string(self.lineage));
  }
  if (hashes_differ(peer.schema_hash, self.schema_hash)) {
    return differ("schema hash", hex(peer.schema_hash), hex(self.schema_hash));
  }
  if (hashes_differ(peer.model_hash, self.model_hash)) {
    return differ("model hash", hex(peer.model_hash), hex(self.model_hash));
  }
  if (hashes_differ(peer.tokenizer_hash, self.tokenizer_hash)) {
    return differ("tokenizer hash", hex(peer.tokenizer_hash), hex(self.tokenizer_hash));
  }
  return {};
}

void LinkSession::send_hello(uint64_t attach, uint64_t echo, bool wants_reply, Time now) {
  FrameHeader h = header(FrameKind::kHello);
  h.flags = wants_reply ? kFlagWantsReply : 0;
  h.attach = attach;
  h.echo = echo;
  frames_.push_back({h, make_payload(encode_body(options_.self))});
  // Soon at first: a socket drops what is sent before its connection stands, which takes a moment.
  next_hello_ = now + hello_wait_;
  hello_wait_ = std::min(2 * hello_wait_, options_.hello_interval);
}

void LinkSession::receive_hello(const Frame& frame, Time now) {
  const FrameHeader& h = frame.header;
  auto hello = decode_body<Hello>(frame.body);
  if (!hello || h.producer == 0 || h.attach == 0) {
    ++stats_.malformed;
    return;
  }
  const bool same = h.producer == remote_.producer;
  if (same && h.attach < remote_.attach) {
    ++stats_.foreign;  // delayed: this peer has opened a later session since
    return;
  }
  const bool wants_reply = (h.flags & kFlagWantsReply) != 0;
  if (const std::string reason = hello_mismatch(*hello, options_); !reason.empty()) {
    FrameHeader answer = header(FrameKind::kRefuse);
    answer.run_id = h.run_id;  // the peer has to recognise it as meant for its attempt
    answer.echo = h.attach;
    LinkOptions theirs;  // the same difference, in the peer's words
    theirs.self = *hello;
    const std::string mirrored = hello_mismatch(options_.self, theirs);
    frames_.push_back({answer, make_payload(mirrored.empty() ? reason : mirrored)});
    return refuse(frame, reason, now);
  }
  if (same && up_ && h.attach == remote_.attach) {  // it may have missed our last hello
    last_heard_ = now;
    if (wants_reply) send_hello(attach_, h.attach, false, now);
    return;
  }
  candidate_ = {h.producer, h.attach, std::move(*hello)};
  if (h.echo == attach_ + 1) {
    if (up_) go_down(same ? "the peer opened the link anew" : "the peer restarted", now);
    come_up(candidate_, now);
    if (wants_reply) send_hello(attach_, remote_.attach, false, now);
  } else if (wants_reply) {
    send_hello(attach_ + 1, h.attach, true, now);
  }
}

void LinkSession::refuse(const Frame& frame, const std::string& reason, Time now) {
  ++stats_.handshakes_refused;
  if (up_ && frame.header.producer == remote_.producer) go_down(reason, now);
  // Attempts go on several times a second; the same reason is not news each time.
  if (reason == refused_reason_ && now - refused_at_ < kRepeatRefusal) return;
  refused_reason_ = reason;
  refused_at_ = now;
  events_.push_back(
      {.kind = SessionEvent::Kind::kRefused, .peer = frame.header.producer, .text = reason});
}

void LinkSession::come_up(const Remote& remote, Time now) {
  if (remote.producer != remote_.producer) {  // another process: it starts numbering anew
    received_.clear();
    floor_ = 1;
  }
  remote_ = remote;
  candidate_ = {};
  ++attach_;
  up_ = true;
  refused_reason_.clear();
  last_heard_ = now;
  next_heartbeat_ = now + options_.heartbeat_interval;
  window_ = 0;
  transmitted_ = 0;
  reported_credit_ = 0;
  for (auto& [sequence, sent] : outbox_) sent.transmitted = sent.received = false;
  held_.clear();
  news_acked_.clear();
  news_received_.clear();
  granted_ = options_.initial_credit;
  changed_ = true;
  events_.push_back(
      {.kind = SessionEvent::Kind::kUp, .peer = remote_.producer, .hello = remote_.hello});
}

void LinkSession::go_down(const std::string& reason, Time now) {
  if (!up_) return;
  up_ = false;
  down_since_ = now;
  next_hello_ = now;
  hello_wait_ = std::min(kFirstHelloWait, options_.hello_interval);
  reported_credit_ = 0;
  events_.push_back({.kind = SessionEvent::Kind::kDown, .peer = peer(), .text = reason});
  events_.push_back({.kind = SessionEvent::Kind::kCredit, .peer = peer(), .available = 0});
}

void LinkSession::give_up() {
  std::vector<uint64_t> sequences;
  for (const auto& [sequence, sent] : outbox_) sequences.push_back(sequence);
  outbox_.clear();
  transmitted_ = 0;
  stats_.lost += sequences.size();
  if (!sequences.empty()) {
    events_.push_back(
        {.kind = SessionEvent::Kind::kLost, .peer = peer(), .sequences = std::move(sequences)});
  }
}

void LinkSession::lineage_raised(Time now) {
  go_down("lineage raised to " + std::to_string(options_.self.lineage), now);
  give_up();
}

void LinkSession::close(Time now, const std::string& reason) {
  if (up_) frames_.push_back({header(FrameKind::kBye), make_payload({})});
  go_down(reason, now);
  give_up();
}

}  // namespace charter::transport
