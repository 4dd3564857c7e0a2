// Who is in this process: every actor with links, what it last said of itself, what it waits for on
// its links, and whether something still holds it after its end. Written by the actors as they work
// and read from any thread, so that it can be read while an actor hangs and while the end of the
// process waits for one.
#pragma once
#include <caf/actor_control_block.hpp>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "actors/interfaces.hpp"
#include "actors/transport/link.hpp"

namespace charter::actors {

class Roster {
 public:
  // An actor's place, from its first link to the end of its state. Movable; not for two threads.
  class Place;
  // name: "rollout/0". Two actors may have the same one: a restarted one's is free when the one
  // before has left.
  [[nodiscard]] Place enter(std::string name, caf::weak_actor_ptr actor);

  // What the living actor of this name last said of itself.
  [[nodiscard]] std::optional<RoleReport> last(const std::string& name) const;

  // Tells every living actor to end.
  void end_all() const;

  // Who waits for whom, in one line: the living actors as "rollout/0 (3 jobs; trajectory 2
  // unacknowledged, no peer)", and those that have ended as "ledger/0 (ended, held 2 times)". The
  // links' numbers are the transport's. "nobody" when there is none.
  [[nodiscard]] std::string who(const transport::Transport* transport) const;

 private:
  struct Entry {
    std::string name;
    caf::weak_actor_ptr actor;
    std::optional<RoleReport> last;
    std::map<transport::LinkId, std::string> links;  // their arrows
    bool left = false;
  };
  // Shared with the places, which may outlive the roster.
  struct Book {
    std::mutex mutex;
    std::vector<std::shared_ptr<Entry>> entries;
  };
  std::shared_ptr<Book> book_ = std::make_shared<Book>();
};

class Roster::Place {
 public:
  Place() = default;
  ~Place() { leave(); }
  Place(Place&& other) noexcept { *this = std::move(other); }
  Place& operator=(Place&& other) noexcept;

  explicit operator bool() const { return entry_ != nullptr; }
  void say(RoleReport report);
  void opened(transport::LinkId link, std::string arrow);
  void leave();

 private:
  friend class Roster;
  Place(std::shared_ptr<Book> book, std::shared_ptr<Entry> entry)
      : book_(std::move(book)), entry_(std::move(entry)) {}
  std::shared_ptr<Book> book_;
  std::shared_ptr<Entry> entry_;
};

}  // namespace charter::actors
