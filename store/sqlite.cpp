#include "store/sqlite.hpp"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "store/ledger.hpp"

namespace charter::store {

namespace {

// SQLite's messages can hold line breaks of the SQL they quote.
[[noreturn]] void fail(const std::string& path, std::string text) {
  for (char& c : text) {
    if (c == '\n') c = ' ';
  }
  throw LedgerError("ledger " + path + ": " + text);
}

}  // namespace

Query::Query(sqlite3_stmt* statement, const std::string& path)
    : statement_(statement), path_(path) {}

Query::~Query() {
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

void Query::check(int code) {
  if (code != SQLITE_OK) fail(path_, sqlite3_errmsg(sqlite3_db_handle(statement_)));
}

Query& Query::bind(int64_t value) {
  check(sqlite3_bind_int64(statement_, next_++, value));
  return *this;
}

Query& Query::bind(double value) {
  check(sqlite3_bind_double(statement_, next_++, value));
  return *this;
}

Query& Query::bind(std::string_view value) {
  const char* data = value.data() == nullptr ? "" : value.data();
  check(sqlite3_bind_text64(statement_, next_++, data, value.size(), SQLITE_STATIC, SQLITE_UTF8));
  return *this;
}

Query& Query::bind_blob(std::string_view value) {
  const char* data = value.data() == nullptr ? "" : value.data();
  check(sqlite3_bind_blob64(statement_, next_++, data, value.size(), SQLITE_STATIC));
  return *this;
}

bool Query::step() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) fail(path_, sqlite3_errmsg(sqlite3_db_handle(statement_)));
  return false;
}

int64_t Query::integer(int column) const { return sqlite3_column_int64(statement_, column); }
double Query::real(int column) const { return sqlite3_column_double(statement_, column); }

std::string Query::text(int column) const {
  const void* data = sqlite3_column_blob(statement_, column);
  const int size = sqlite3_column_bytes(statement_, column);
  return data == nullptr ? std::string{} : std::string(static_cast<const char*>(data), size);
}

Database::Database(const std::filesystem::path& path, bool read_only) : path_(path.string()) {
  const int flags =
      (read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE) |
      SQLITE_OPEN_NOMUTEX;
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(path_.c_str(), &handle, flags, nullptr);
  handle_.reset(handle);
  if (code != SQLITE_OK) {
    fail(path_, handle == nullptr ? sqlite3_errstr(code) : sqlite3_errmsg(handle));
  }
  sqlite3_busy_timeout(handle,
                       5000);  // a reader's recovery of the log can hold a lock for a moment
  sqlite3_extended_result_codes(handle, 1);
}

Query Database::query(const std::string& sql) {
  auto& slot = statements_[sql];
  if (slot == nullptr) {
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v3(handle_.get(), sql.c_str(), -1, SQLITE_PREPARE_PERSISTENT, &statement,
                           nullptr) != SQLITE_OK) {
      statements_.erase(sql);
      fail(path_, sqlite3_errmsg(handle_.get()));
    }
    slot.reset(statement);
  }
  return {slot.get(), path_};
}

void Database::execute(const std::string& sql) {
  if (sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    fail(path_, sqlite3_errmsg(handle_.get()));
  }
}

void Database::fold_log_on_close(bool fold) {
  sqlite3_db_config(handle_.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, fold ? 0 : 1, nullptr);
}

void Database::note_files() {
  files_.clear();
  for (const char* suffix : {"", "-wal", "-shm"}) {
    struct stat file = {};
    const std::string path = path_ + suffix;
    if (::stat(path.c_str(), &file) == 0) files_.push_back({path, file.st_dev, file.st_ino});
  }
}

std::string Database::displaced(const OpenFile& open) {
  struct stat file = {};
  if (::stat(open.path.c_str(), &file) != 0) return open.path + ": " + std::strerror(errno);
  if (file.st_dev != open.device || file.st_ino != open.inode)
    return open.path + ": another file has taken its place";
  return {};
}

std::string Database::displaced() const {
  for (const auto& open : files_)
    if (auto why = displaced(open); !why.empty()) return why;
  return {};
}

bool Database::log_alone_displaced() const {
  return !files_.empty() && displaced(files_.front()).empty() && !displaced().empty();
}

void Database::copy_to(const std::filesystem::path& target) {
  Database copy(target, false);
  sqlite3_backup* backup = sqlite3_backup_init(copy.handle_.get(), "main", handle_.get(), "main");
  if (backup == nullptr) fail(copy.path_, sqlite3_errmsg(copy.handle_.get()));
  const int code = sqlite3_backup_step(backup, -1);  // all of it: one state of the database
  sqlite3_backup_finish(backup);
  if (code != SQLITE_DONE) fail(copy.path_, sqlite3_errstr(code));
}

}  // namespace charter::store
