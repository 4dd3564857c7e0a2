#include "store/sqlite.hpp"

#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <system_error>

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

// As a URI has it: what ends a path there is written as its number.
std::string uri_path(const std::string& path) {
  std::string text;
  for (const char c : path) {
    const bool special = c == '%' || c == '?' || c == '#';
    text += special ? (c == '%' ? "%25" : c == '?' ? "%3f" : "%23") : std::string(1, c);
  }
  return text;
}

constexpr const char* kCopy = "ledger.sqlite";

// A folder of our own with both files; it is removed with the last holder.
std::shared_ptr<const std::filesystem::path> copy_beside_log(const std::filesystem::path& database,
                                                             const std::filesystem::path& log) {
  namespace fs = std::filesystem;
  try {
    std::string name = (fs::temp_directory_path() / "charter-ledger-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) fail(name, std::strerror(errno));
    const std::shared_ptr<const fs::path> folder(new fs::path(name), [](const fs::path* path) {
      std::error_code ignored;
      fs::remove_all(*path, ignored);
      delete path;
    });
    const fs::path copy = *folder / kCopy;
    fs::copy_file(database, copy);
    fs::copy_file(log, copy.string() + "-wal");
    for (const char* end : {"", "-wal"})
      fs::permissions(copy.string() + end, fs::perms::owner_read | fs::perms::owner_write);
    return folder;
  } catch (const fs::filesystem_error& error) {
    fail(database.string(), "cannot be copied with its log to be read: " + error.code().message());
  }
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
  open(path_, read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  if (!read_only) return;
  // The first read looks for the log.
  const int code =
      sqlite3_exec(handle_.get(), "SELECT 1 FROM sqlite_master LIMIT 1", nullptr, nullptr, nullptr);
  const int kind = code & 0xff;
  if (kind == SQLITE_CANTOPEN || kind == SQLITE_READONLY) open_at_rest();
}

void Database::open(const std::string& name, int flags) {
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(name.c_str(), &handle, flags | SQLITE_OPEN_NOMUTEX, nullptr);
  handle_.reset(handle);
  if (code != SQLITE_OK) {
    fail(path_, handle == nullptr ? sqlite3_errstr(code) : sqlite3_errmsg(handle));
  }
  // A reader's recovery of the log can hold a lock for a moment.
  sqlite3_busy_timeout(handle, 5000);
  sqlite3_extended_result_codes(handle, 1);
}

void Database::open_at_rest() {
  if (has_writer(path_)) fail(path_, sqlite3_errmsg(handle_.get()));
  const std::filesystem::path log = path_ + "-wal";
  std::error_code none;
  if (const auto size = std::filesystem::file_size(log, none); none || size == 0)
    return open("file:" + uri_path(path_) + "?immutable=1", SQLITE_OPEN_READONLY | SQLITE_OPEN_URI);
  copy_ = copy_beside_log(path_, log);
  open((*copy_ / kCopy).string(), SQLITE_OPEN_READWRITE);
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
