// The ledger's tables, and what its source files share. Part of ledger.
#pragma once

#include <filesystem>
#include <string>
#include <utility>

#include "store/commit_count.hpp"
#include "store/ledger.hpp"
#include "store/sqlite.hpp"

namespace charter::store {

inline constexpr int64_t kLedgerSchema = 1;

// work.state and trained hold the same fact on purpose: trained says by whom and when, state is
// what the sources of work ask for all the time. They change in one transaction.
inline constexpr const char* kLedgerTables = R"sql(
  CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE work(
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    stage TEXT NOT NULL, kind TEXT NOT NULL, prompt_id TEXT NOT NULL, repeat INTEGER NOT NULL,
    payload BLOB NOT NULL,
    state TEXT NOT NULL DEFAULT 'pending'
      CHECK(state IN ('pending', 'recorded', 'trained', 'quarantined')),
    reason TEXT NOT NULL DEFAULT '',
    UNIQUE(stage, kind, prompt_id, repeat));
  CREATE INDEX work_by_state ON work(stage, state, id);
  CREATE TABLE records(
    work_id INTEGER NOT NULL REFERENCES work(id), kind TEXT NOT NULL,
    body BLOB NOT NULL, lineage INTEGER NOT NULL, version INTEGER NOT NULL, created REAL NOT NULL,
    PRIMARY KEY(work_id, kind));
  CREATE TABLE trained(
    work_id INTEGER NOT NULL REFERENCES work(id), model TEXT NOT NULL,
    lineage INTEGER NOT NULL, version INTEGER NOT NULL,
    PRIMARY KEY(work_id, model)) WITHOUT ROWID;
  CREATE INDEX trained_by_version ON trained(model, lineage, version);
  CREATE TABLE stages(
    position INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL CHECK(state IN ('pending', 'running', 'done', 'skipped')),
    reason TEXT NOT NULL, planned_seconds REAL NOT NULL, spent_seconds REAL NOT NULL,
    started REAL NOT NULL, ended REAL NOT NULL, detail TEXT NOT NULL);
  CREATE TABLE events(id INTEGER PRIMARY KEY, time REAL NOT NULL, level TEXT NOT NULL, text TEXT NOT NULL);
  CREATE TABLE versions(
    model TEXT NOT NULL, lineage INTEGER NOT NULL, version INTEGER NOT NULL,
    path TEXT NOT NULL, stats TEXT NOT NULL, created REAL NOT NULL,
    PRIMARY KEY(model, lineage, version)) WITHOUT ROWID;
)sql";

// Unix seconds with a fraction, by SQLite's clock.
#define CHARTER_SQL_NOW "((julianday('now') - 2440587.5) * 86400.0)"

struct Ledger::Impl {
  Impl(WriterLock writer, const std::filesystem::path& path, bool read_only)
      : lock(std::move(writer)), db(path, read_only), count(path) {}
  WriterLock lock;  // before db: released after it is closed
  mutable Database db;
  int64_t commits = 0;  // as committed
  CommitCount count;
};

// The state of that name, of an enum whose last is `last`.
template <class State>
State parse_state(const std::string& text, State last) {
  for (int i = 0; i <= static_cast<int>(last); ++i) {
    if (text == name(static_cast<State>(i))) return static_cast<State>(i);
  }
  throw LedgerError("ledger: state '" + text + "', expected one of this version");
}

}  // namespace charter::store
