#include "actors/transport/zmq_loop.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <random>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace charter::transport {

namespace {

Time now() { return std::chrono::steady_clock::now(); }

int make_wake_fd() {
  const int fd = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (fd < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
  return fd;
}

// Not from a seeded generator: two processes must never choose the same id.
uint64_t random_id() {
  std::random_device device;
  uint64_t id = 0;
  while (id == 0) id = uint64_t{device()} << 32 | device();
  return id;
}

}  // namespace

ZmqTransport::Loop::Loop(zmq::context_t& context, RunKey key)
    : context_(context),
      key_(std::move(key)),
      wake_fd_(make_wake_fd()),
      thread_([this] { run(); }) {}

ZmqTransport::Loop::~Loop() {
  enqueue([this] { stopping_ = true; });
  thread_.join();
  ::close(wake_fd_);
}

void ZmqTransport::Loop::wake() {
  const uint64_t one = 1;
  // A full counter means that the loop has been woken already.
  [[maybe_unused]] const ssize_t written = ::write(wake_fd_, &one, sizeof one);
}

void ZmqTransport::Loop::enqueue(std::function<void()> command) {
  {
    const std::lock_guard lock(mutex_);
    commands_.push_back(std::move(command));
  }
  wake();
}

// The error comes back as text and is thrown on the caller's thread: it is the caller's error.
void ZmqTransport::Loop::call(const std::function<void()>& command) {
  if (std::this_thread::get_id() == thread_.get_id()) {
    throw std::invalid_argument("bind, connect: called from an event, expected another thread");
  }
  auto done = std::make_shared<std::promise<std::string>>();
  auto error = done->get_future();
  enqueue([done, &command] {
    std::string text;
    try {
      command();
    } catch (const std::runtime_error& failure) {
      text = failure.what();
    }
    done->set_value(std::move(text));
  });
  if (const std::string text = error.get(); !text.empty()) throw std::runtime_error(text);
}

void ZmqTransport::Loop::run() {
  while (!stopping_) {
    try {
      wait();
      run_commands();
      for (auto& [link, port] : ports_) {
        // One time for both: what reading takes must not count as the peer's silence.
        const Time at = now();
        for (auto& [other, watched] : ports_) watched->watch_connections(at);
        port->read(at);
        port->tick(at);
      }
    } catch (const zmq::error_t& error) {
      if (error.num() == ETERM) break;  // the context is gone, and every socket with it
    }
    publish_stats();
  }
  for (auto& [link, port] : ports_) port->endpoint().close(now());
  ports_.clear();
}

void ZmqTransport::Loop::wait() {
  std::vector<zmq::pollitem_t> items{{nullptr, wake_fd_, ZMQ_POLLIN, 0}};
  std::chrono::milliseconds timeout(1000);
  for (auto& [link, port] : ports_) {
    items.push_back({port->control().handle(), 0, ZMQ_POLLIN, 0});
    items.push_back({port->data().handle(), 0, ZMQ_POLLIN, 0});
    for (const auto& guard : port->guards())
      items.push_back({guard->events().handle(), 0, ZMQ_POLLIN, 0});
    timeout = std::min(timeout, port->waiting() ? std::chrono::milliseconds(2) : port->period());
  }
  zmq::poll(items, timeout);
  uint64_t count = 0;
  [[maybe_unused]] const ssize_t got = ::read(wake_fd_, &count, sizeof count);
}

void ZmqTransport::Loop::run_commands() {
  std::deque<std::function<void()>> commands;
  {
    const std::lock_guard lock(mutex_);
    commands.swap(commands_);
  }
  for (auto& command : commands) command();
}

void ZmqTransport::Loop::publish_stats() {
  for (auto& [link, port] : ports_) {
    const LinkStats stats = port->stats();
    const std::lock_guard lock(mutex_);
    Shared& shared = shared_[link];
    shared.stats = stats;
    std::erase_if(shared.gates, [&port = port](const auto& entry) {
      const Gate& gate = entry.second;
      return !gate.up && gate.queued == 0 && port->endpoint().next_sequence(entry.first) == 0;
    });
  }
}

void ZmqTransport::Loop::add_port(LinkId link, LinkEndpoint::Side side, LinkOptions options,
                                  const std::string& address, LinkEvents events) {
  auto lost = events.lost;
  const size_t max_message_bytes = options.max_message_bytes;
  auto port = std::make_unique<ZmqPort>(context_, key_, side, std::move(options), address,
                                        gated(link, std::move(events)), now());
  {
    const std::lock_guard lock(mutex_);
    shared_[link].address = port->address();
    shared_[link].max_message_bytes = max_message_bytes;
  }
  ports_.emplace(link, std::move(port));
  lost_.emplace(link, std::move(lost));  // of a link that could not open nothing is kept
}

LinkId ZmqTransport::Loop::open(LinkEndpoint::Side side, LinkOptions options,
                                const std::string& address, LinkEvents events) {
  if (options.producer_id == 0) options.producer_id = random_id();
  LinkId link = 0;
  {
    const std::lock_guard lock(mutex_);
    link = next_link_++;
  }
  call([&] { add_port(link, side, std::move(options), address, std::move(events)); });
  return link;
}

void ZmqTransport::Loop::post(LinkId link, std::function<void(LinkEndpoint&, Time)> command) {
  enqueue([this, link, command = std::move(command)] {
    const auto port = ports_.find(link);
    if (port != ports_.end()) command(port->second->endpoint(), now());
  });
}

void ZmqTransport::Loop::close(LinkId link) {
  // From an event the link cannot go at once: the event is still in it.
  if (std::this_thread::get_id() == thread_.get_id())
    enqueue([this, link] { drop(link); });
  else
    call([this, link] { drop(link); });
}

void ZmqTransport::Loop::drop(LinkId link) {
  const auto port = ports_.find(link);
  if (port == ports_.end()) return;
  port->second->endpoint().close(now());
  ports_.erase(port);
  lost_.erase(link);
  const std::lock_guard lock(mutex_);
  shared_.erase(link);
}

std::string ZmqTransport::Loop::endpoint(LinkId link) const {
  const std::lock_guard lock(mutex_);
  const auto found = shared_.find(link);
  return found == shared_.end() ? std::string{} : found->second.address;
}

LinkStats ZmqTransport::Loop::stats(LinkId link) const {
  const std::lock_guard lock(mutex_);
  const auto found = shared_.find(link);
  return found == shared_.end() ? LinkStats{} : found->second.stats;
}

}  // namespace charter::transport
