#include "actors/roster.hpp"

#include <caf/all.hpp>
#include <utility>

namespace charter::actors {
namespace {

std::string with_count(size_t n, const char* one, const char* many) {
  return std::to_string(n) + " " + (n == 1 ? one : many);
}

// "trajectory 2 unacknowledged, no peer"; empty for a link that waits for nothing.
std::string waits(const std::string& arrow, const transport::LinkStats& stats) {
  std::string text;
  if (stats.unacknowledged > 0) text = std::to_string(stats.unacknowledged) + " unacknowledged";
  if (stats.peers_up == 0) text += (text.empty() ? "" : ", ") + std::string("no peer");
  return text.empty() ? "" : arrow + " " + text;
}

size_t holders(const caf::weak_actor_ptr& actor) {
  return actor ? actor.get()->strong_refs.load() : 0;
}

}  // namespace

Roster::Place Roster::enter(std::string name, caf::weak_actor_ptr actor) {
  auto entry = std::make_shared<Entry>(Entry{std::move(name), std::move(actor), {}, {}});
  const std::lock_guard lock(book_->mutex);
  std::erase_if(book_->entries,
                [](const auto& other) { return other->left && holders(other->actor) == 0; });
  book_->entries.push_back(entry);
  return {book_, std::move(entry)};
}

std::optional<RoleReport> Roster::last(const std::string& name) const {
  const std::lock_guard lock(book_->mutex);
  for (const auto& entry : book_->entries)
    if (!entry->left && entry->name == name) return entry->last;
  return std::nullopt;
}

void Roster::end_all() const {
  std::vector<caf::weak_actor_ptr> living;
  {
    const std::lock_guard lock(book_->mutex);
    for (const auto& entry : book_->entries)
      if (!entry->left) living.push_back(entry->actor);
  }
  // Without the lock: an actor whose last handle this is leaves here.
  for (const auto& actor : living) caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
}

std::string Roster::who(const transport::Transport* transport) const {
  const std::lock_guard lock(book_->mutex);
  std::string text;
  for (const auto& entry : book_->entries) {
    std::string what;
    const auto add = [&what](const std::string& part) {
      if (!part.empty()) what += (what.empty() ? "" : "; ") + part;
    };
    if (entry->left) {
      const auto held = holders(entry->actor);
      if (held == 0) continue;
      add("ended, held " + with_count(held, "time", "times"));
    } else {
      if (entry->last) add(entry->last->state);
      if (transport != nullptr)
        for (const auto& [link, arrow] : entry->links) add(waits(arrow, transport->stats(link)));
    }
    text += (text.empty() ? "" : ", ") + entry->name + (what.empty() ? "" : " (" + what + ")");
  }
  return text.empty() ? "nobody" : text;
}

Roster::Place& Roster::Place::operator=(Place&& other) noexcept {
  leave();
  book_ = std::move(other.book_);
  entry_ = std::exchange(other.entry_, nullptr);
  return *this;
}

void Roster::Place::say(RoleReport report) {
  if (!entry_) return;
  const std::lock_guard lock(book_->mutex);
  entry_->last = std::move(report);
}

void Roster::Place::opened(transport::LinkId link, std::string arrow) {
  const std::lock_guard lock(book_->mutex);
  entry_->links[link] = std::move(arrow);
}

void Roster::Place::leave() {
  if (!entry_) return;
  const std::lock_guard lock(book_->mutex);
  std::exchange(entry_, nullptr)->left = true;
}

}  // namespace charter::actors
