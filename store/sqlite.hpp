// The little of SQLite that the ledger needs: a connection and statements that are reused.
// Errors are LedgerError with the path and SQLite's text. Used by one thread.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace charter::store {

// One run of a prepared statement: bind, step, read columns. Reset when it goes out of scope, so
// that a second use of the same SQL text within that scope is an error of the program.
class Query {
 public:
  Query(sqlite3_stmt* statement, const std::string& path);
  ~Query();
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;

  Query& bind(int64_t value);
  Query& bind(double value);
  Query& bind(std::string_view value);  // the view must live until the last step
  Query& bind_blob(std::string_view value);
  bool step();  // true: a row
  void run() {
    while (step()) {
    }
  }

  [[nodiscard]] int64_t integer(int column) const;
  [[nodiscard]] double real(int column) const;
  [[nodiscard]] std::string text(int column) const;

 private:
  void check(int code);
  sqlite3_stmt* statement_;
  const std::string& path_;
  int next_ = 1;
};

class Database {
 public:
  // read_only: also where nothing can be written beside it (a read-only file system, another user's
  // folder). Then a database without a log is read as it lies, and one with a log from a copy of
  // both in the folder for temporary files: only SQLite's index of the log tells a live one, and
  // nobody else can make that there.
  Database(const std::filesystem::path& path, bool read_only);

  [[nodiscard]] Query query(const std::string& sql);
  void execute(const std::string& sql);  // one or several statements without parameters
  [[nodiscard]] int64_t changes() const { return sqlite3_changes64(handle_.get()); }
  [[nodiscard]] bool in_transaction() const { return sqlite3_get_autocommit(handle_.get()) == 0; }
  [[nodiscard]] const std::string& path() const { return path_; }

  // Notes which files are open at the path and beside it. Called once the log is there.
  void note_files();
  // Why what is written is not found at the path: a noted file has been moved, removed or replaced.
  // SQLite goes on writing to the open files and says nothing. "" while each is in its place.
  [[nodiscard]] std::string displaced() const;
  [[nodiscard]] bool log_alone_displaced() const;

  // Whether the last connection to close moves the log into the database and deletes it, as SQLite
  // does by itself. Otherwise closing leaves both files as they are.
  void fold_log_on_close(bool fold);
  // The database as it is now, written to a new file; a writer is not held up.
  void copy_to(const std::filesystem::path& target);

 private:
  struct Close {
    void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
  };
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  struct OpenFile {
    std::string path;
    uint64_t device = 0, inode = 0;
  };
  [[nodiscard]] static std::string displaced(const OpenFile& open);
  std::vector<OpenFile> files_;  // the database first
  void open(const std::string& name, int flags);
  void open_at_rest();

  std::string path_;
  std::shared_ptr<const std::filesystem::path> copy_;  // a folder that goes when it is closed
  std::unique_ptr<sqlite3, Close> handle_;
  std::map<std::string, std::unique_ptr<sqlite3_stmt, Finalize>> statements_;
};

}  // namespace charter::store
