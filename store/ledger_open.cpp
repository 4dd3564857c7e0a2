// Opening a ledger: the writer's lock, the tables, and the checks.
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>
#include <utility>

#include "store/ledger.hpp"
#include "store/ledger_schema.hpp"

namespace charter::store {

namespace {

[[noreturn]] void fail(const std::filesystem::path& path, std::string why) {
  std::replace(why.begin(), why.end(), '\n', ' ');
  throw LedgerError("ledger " + path.string() + ": " + why);
}

std::string lock_file(const std::filesystem::path& database) { return database.string() + ".lock"; }

bool is_empty(Database& db) {
  Query tables = db.query("SELECT count(*) FROM sqlite_master");
  tables.step();
  return tables.integer(0) == 0;
}

void check_sound(Database& db, const std::filesystem::path& path) {
  Query check = db.query("PRAGMA quick_check(1)");
  if (!check.step() || check.text(0) != "ok")
    fail(path, "the database is damaged: " + check.text(0));
}

// What a person can do about a database that is not the one the run had.
std::string what_to_do(const std::filesystem::path& path) {
  return ": restore it from a backup together with the rest of " + path.parent_path().string() +
         ", or move that directory away to begin anew";
}

void check_exists(const std::filesystem::path& path) {
  std::error_code none;
  if (!std::filesystem::exists(path, none))
    fail(path, "is missing beside a run that has begun" + what_to_do(path));
  if (std::filesystem::file_size(path, none) == 0)
    fail(path, "is empty beside a run that has begun" + what_to_do(path));
}

void check_commits(const std::filesystem::path& path, int64_t got, int64_t least) {
  if (got >= least) return;
  fail(path, "holds " + std::to_string(got) + " commits, expected at least " +
                 std::to_string(least) + ": it was cut back, or its log " +
                 path.filename().string() + "-wal is missing, damaged or of another time" +
                 what_to_do(path));
}

// Checks the schema, and the run where one is expected. Returns the number of commits.
int64_t check_meta(Database& db, const std::filesystem::path& path, const std::string* run_id) {
  std::string schema, run;
  int64_t commits = 0;
  Query meta = db.query("SELECT key, value FROM meta");
  while (meta.step()) {
    if (meta.text(0) == "schema") schema = meta.text(1);
    if (meta.text(0) == "run_id") run = meta.text(1);
    if (meta.text(0) == "commits") commits = std::stoll(meta.text(1));
  }
  const std::string expected = std::to_string(kLedgerSchema);
  if (schema != expected) {
    fail(path,
         "schema version is " + (schema.empty() ? "missing" : schema) + ", expected " + expected);
  }
  if (run_id != nullptr && run != *run_id) fail(path, "run id is " + run + ", expected " + *run_id);
  return commits;
}

}  // namespace

WriterLock WriterLock::of(const std::filesystem::path& database) {
  const auto parent = database.parent_path();
  if (!parent.empty() && !std::filesystem::is_directory(parent)) {
    fail(database, "its directory does not exist");
  }
  const std::string file = lock_file(database);
  WriterLock lock(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (lock.fd_ < 0) fail(database, "cannot create " + file + ": " + std::strerror(errno));
  // Who asks has_writer() holds a shared lock for a moment.
  constexpr int kTries = 20;
  for (int i = 1; ::flock(lock.fd_, LOCK_EX | LOCK_NB) != 0; ++i) {
    if (i == kTries) fail(database, "another process is writing it");
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return lock;
}

WriterLock::~WriterLock() {
  if (fd_ >= 0) ::close(fd_);
}

bool has_writer(const std::filesystem::path& database) {
  const int fd = ::open(lock_file(database).c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool free = ::flock(fd, LOCK_SH | LOCK_NB) == 0;
  ::close(fd);
  return !free;
}

Ledger::Ledger(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Ledger::Ledger(Ledger&&) noexcept = default;
Ledger& Ledger::operator=(Ledger&&) noexcept = default;
Ledger::~Ledger() = default;

Ledger Ledger::open(const std::filesystem::path& path, const std::string& run_id) {
  return open(path, run_id, WriterLock::of(path));
}

Ledger Ledger::open(const std::filesystem::path& path, const std::string& run_id, WriterLock lock,
                    const Expected& expected) {
  const int64_t least = std::max(expected.commits, CommitCount::read(path));
  const bool exists = expected.exists || least > 0;
  if (exists) check_exists(path);
  auto impl = std::make_unique<Impl>(std::move(lock), path, false);
  Database& db = impl->db;
  db.fold_log_on_close(false);
  db.execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON");
  const bool empty = is_empty(db);
  if (empty && exists) check_commits(path, 0, std::max<int64_t>(least, 1));
  if (!empty) {
    check_sound(db, path);
    impl->commits = check_meta(db, path, &run_id);
    check_commits(path, impl->commits, least);
  }
  db.fold_log_on_close(true);
  Ledger ledger(std::move(impl));
  if (empty) {
    ledger.batch([&] {
      ledger.impl_->db.execute(kLedgerTables);
      ledger.set_meta("schema", std::to_string(kLedgerSchema));
      ledger.set_meta("run_id", run_id);
      ledger.set_meta("lineage", "0");
    });
  }
  ledger.impl_->db.note_files();
  return ledger;
}

Ledger Ledger::open_read_only(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path)) fail(path, "there is no such file");
  const int64_t least = CommitCount::read(path);  // first: its writer goes on
  auto impl = std::make_unique<Impl>(WriterLock{}, path, true);
  const bool empty = is_empty(impl->db);
  check_commits(path, empty ? 0 : check_meta(impl->db, path, nullptr),
                std::max(least, int64_t{empty}));
  return Ledger(std::move(impl));
}

int64_t Ledger::commits() const { return std::stoll(meta("commits").value_or("0")); }

void Ledger::fold_log(bool truncate) {
  // A row that says whether a reader was in the way, which is no error.
  impl_->db.query(truncate ? "PRAGMA wal_checkpoint(TRUNCATE)" : "PRAGMA wal_checkpoint(PASSIVE)")
      .run();
  impl_->count.sync();
}

void Ledger::copy_to(const std::filesystem::path& target) const {
  impl_->db.copy_to(target);
  CommitCount count(target);
  {
    Database copy(target, false);
    count.write(check_meta(copy, target, nullptr));
  }
  count.sync();
}

}  // namespace charter::store
