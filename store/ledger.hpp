// The run's database: what work exists, what came of it, what was trained on it, how far each stage
// is. SQLite in WAL mode with synchronous=FULL: what a call or a batch committed survives a power
// cut. One writer per database, in any number of processes (the second is refused); readers may
// open it read-only while a run is live. Used by one thread.
//
// Life of a work item: pending -> recorded -> trained, or quarantined(reason) from pending. trained
// and quarantined are terminal, except that a restore undoes training the surviving checkpoint has
// not seen.
//
// Errors: every method throws LedgerError, one line with the path, when the database cannot be read
// or written. An unknown id is std::invalid_argument: the caller invented it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace charter::store {

class LedgerError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

enum class WorkState : uint8_t { kPending, kRecorded, kTrained, kQuarantined };
[[nodiscard]] const char* name(WorkState state);

// The four first fields identify an item within the run.
struct WorkItem {
  std::string stage;
  std::string kind;  // sl_chain, helpful_sample, pair, rollout, eval
  std::string prompt_id;
  int64_t repeat = 0;   // which sample of the prompt
  std::string payload;  // what the worker needs, opaque here
};

struct WorkRow {
  int64_t id = 0;  // from 1, in the order of creation
  WorkItem item;
  WorkState state = WorkState::kPending;
  std::string reason;  // of the quarantine
};

struct Record {
  int64_t work_id = 0;
  std::string kind;  // an item may have one record of each kind
  std::string body;  // JSON text or bytes, opaque here
  int64_t lineage = 0;
  int64_t version = 0;  // of the policy that made it
};

struct RecordRow {
  Record record;
  WorkItem item;
  WorkState state = WorkState::kRecorded;
  double created = 0;  // unix seconds
};

struct StateCounts {
  int64_t pending = 0, recorded = 0, trained = 0, quarantined = 0;
  [[nodiscard]] int64_t total() const { return pending + recorded + trained + quarantined; }
};

enum class StageState : uint8_t { kPending, kRunning, kDone, kSkipped };
[[nodiscard]] const char* name(StageState state);

struct StageRow {
  std::string name{};
  StageState state = StageState::kPending;
  std::string reason{};  // of a skip, or what a done stage lacks
  double planned_seconds = 0;
  double spent_seconds = 0;
  double started = 0, ended = 0;  // unix seconds; 0: not yet
  std::string detail = "{}";      // JSON
};

struct EventRow {
  double time = 0;  // unix seconds
  std::string level;
  std::string text;
  int64_t id = 0;  // rises with every event
};

struct VersionRow {
  std::string model;
  int64_t lineage = 0;
  int64_t version = 0;
  std::string path;
  std::string stats = "{}";  // JSON
};

// Where an item goes when its training is undone.
enum class Reopen : uint8_t {
  kPending,   // its records came from weights that are gone: they are deleted and made again
  kRecorded,  // its records stand (SL and preference data)
};

// Held by the one writer of a database, which may not exist yet. Dies with its process, so a killed
// writer never has to be cleaned up after.
class WriterLock {
 public:
  WriterLock() = default;  // holds nothing
  // Throws LedgerError when another process holds it.
  [[nodiscard]] static WriterLock of(const std::filesystem::path& database);
  WriterLock(WriterLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  WriterLock& operator=(WriterLock&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~WriterLock();

 private:
  explicit WriterLock(int descriptor) : fd_(descriptor) {}
  int fd_ = -1;
};

// Whether a process holds the writer's lock of this database now.
[[nodiscard]] bool has_writer(const std::filesystem::path& database);

// What the caller knows of a database that it opens.
struct Expected {
  bool exists = false;  // missing or empty is an error
  int64_t commits = 0;  // fewer are an error
};

class Ledger {
 public:
  // Creates the database if it is missing (its directory must exist) or checks that it is sound, of
  // this schema version and of this run, and that it has lost no commit that `expected` or the
  // count beside it (ledger.sqlite.commits) knows of. A database that is refused stays as it is,
  // with its log.
  [[nodiscard]] static Ledger open(const std::filesystem::path& path, const std::string& run_id);
  // With the lock of `path` taken before.
  [[nodiscard]] static Ledger open(const std::filesystem::path& path, const std::string& run_id,
                                   WriterLock lock, const Expected& expected = {});
  [[nodiscard]] static Ledger open_read_only(const std::filesystem::path& path);
  Ledger(Ledger&&) noexcept;
  Ledger& operator=(Ledger&&) noexcept;
  ~Ledger();

  // Why what is written now is not found at the ledger's path: a file of it has been moved, removed
  // or replaced since it was opened. "" while all is in its place.
  [[nodiscard]] std::string displaced() const;
  // Sees to it that what is committed is found by the next open, whatever was displaced: the log is
  // folded into the database file, and a database that is gone from its path, or has another in its
  // place, is written anew from the open files, at its path or beside it. Returns what was done, or
  // "" when nothing had to be. Nobody writes to this ledger after it.
  [[nodiscard]] std::string put_back();

  // One transaction around everything `work` does; all of it or, after an exception, nothing. Every
  // method that writes is one by itself. A commit costs an fsync, so the ledger's actor puts what
  // arrived together into one batch. Batches nest.
  void batch(const std::function<void()>& work);

  // Items that exist already are left as they are. Returns how many are new.
  size_t add_work(std::span<const WorkItem> items);
  // The same, until there are as many of each stage and kind as `items` holds: what was begun with
  // other items is not begun again with these.
  size_t fill_work(std::span<const WorkItem> items);
  // In the order of ids, from the first above after_id. No kinds: all.
  [[nodiscard]] std::vector<WorkRow> pending(const std::string& stage,
                                             std::span<const std::string> kinds, size_t limit,
                                             int64_t after_id = 0) const;
  [[nodiscard]] std::optional<WorkRow> find(int64_t id) const;
  // Streams the stage's items in the order of ids until `row` returns false, in any state.
  void for_each_work(const std::string& stage,
                     const std::function<bool(const WorkRow&)>& row) const;
  // False when the item has a record of that kind already, or is quarantined: nothing changes then.
  bool record(const Record& record);
  // Also for items trained before: the newest training counts.
  void mark_trained(const std::string& model, int64_t lineage, int64_t version,
                    std::span<const int64_t> ids);
  void quarantine(int64_t id, const std::string& reason);

  // Empty kind: all kinds of the stage.
  [[nodiscard]] StateCounts count_by_state(const std::string& stage,
                                           const std::string& kind = {}) const;
  // Why items of the stage were quarantined: each reason with how many it befell.
  [[nodiscard]] std::vector<std::pair<std::string, int64_t>> quarantine_reasons(
      const std::string& stage) const;
  // Streams records in the order of ids until `row` returns false. Empty kind: all record kinds.
  void for_each_record(const std::string& stage, const std::string& kind,
                       const std::function<bool(const RecordRow&)>& row) const;

  // The surviving checkpoint of `model` is (lineage, version): training after it, or in a later
  // lineage, is undone. Returns how many items that reopens.
  size_t restore_to(const std::string& model, int64_t lineage, int64_t version,
                    Reopen to = Reopen::kPending);

  [[nodiscard]] int64_t lineage() const;
  int64_t raise_lineage();  // returns the new one

  void set_stage(const StageRow& stage);
  [[nodiscard]] std::optional<StageRow> stage(const std::string& name) const;
  [[nodiscard]] std::vector<StageRow> stages() const;  // in the order they were first set
  void add_event(const std::string& level, const std::string& text);
  [[nodiscard]] std::vector<EventRow> events(size_t newest) const;  // oldest of them first
  void add_version(const VersionRow& version);                      // replaces the same one
  [[nodiscard]] std::vector<VersionRow> versions(const std::string& model) const;
  // The history that stands, by rising version: where a restore trained a version again, the newest
  // lineage's.
  [[nodiscard]] std::vector<VersionRow> surviving_versions(const std::string& model) const;
  // Unix seconds of the newest record or version; 0: none yet.
  [[nodiscard]] double last_activity() const;
  // Transactions that changed it since it was made.
  [[nodiscard]] int64_t commits() const;
  // Moves what the log holds into the database file, as far as readers allow; truncate: waits for
  // them a few seconds and empties the log.
  void fold_log(bool truncate);
  // A copy of one state of the database in a new file, with its count of commits beside it. A
  // writer is not held up.
  void copy_to(const std::filesystem::path& target) const;
  void set_meta(const std::string& key, const std::string& value);
  [[nodiscard]] std::optional<std::string> meta(const std::string& key) const;

 private:
  struct Impl;
  explicit Ledger(std::unique_ptr<Impl> impl);
  [[nodiscard]] size_t reopen(const std::string& where_ids, Reopen to);
  std::unique_ptr<Impl> impl_;
};

}  // namespace charter::store
