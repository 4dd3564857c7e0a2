#include "store/ledger.hpp"

#include <map>
#include <utility>

#include "store/ledger_schema.hpp"

namespace charter::store {

void Ledger::batch(const std::function<void()>& work) {
  Database& db = impl_->db;
  if (db.in_transaction()) return work();
  db.execute("BEGIN IMMEDIATE");
  try {
    work();
    const std::string commits = std::to_string(impl_->commits + 1);
    db.query("INSERT OR REPLACE INTO meta(key, value) VALUES('commits', ?)").bind(commits).run();
    db.execute("COMMIT");
  } catch (...) {
    if (db.in_transaction()) db.execute("ROLLBACK");
    throw;
  }
  impl_->count.write(++impl_->commits);
}

size_t Ledger::add_work(std::span<const WorkItem> items) {
  int64_t added = 0;
  batch([&] {
    for (const WorkItem& item : items) {
      impl_->db
          .query(
              "INSERT INTO work(stage, kind, prompt_id, repeat, payload) VALUES(?, ?, ?, ?, ?) "
              "ON CONFLICT DO NOTHING")
          .bind(item.stage)
          .bind(item.kind)
          .bind(item.prompt_id)
          .bind(item.repeat)
          .bind_blob(item.payload)
          .run();
      added += impl_->db.changes();
    }
  });
  return static_cast<size_t>(added);
}

size_t Ledger::fill_work(std::span<const WorkItem> items) {
  size_t added = 0;
  batch([&] {
    std::map<std::pair<std::string, std::string>, int64_t> room;
    for (const WorkItem& item : items) ++room[{item.stage, item.kind}];
    for (auto& [what, places] : room) places -= count_by_state(what.first, what.second).total();
    for (const WorkItem& item : items) {
      int64_t& places = room[{item.stage, item.kind}];
      if (places <= 0 || add_work(std::span(&item, 1)) == 0) continue;
      --places;
      ++added;
    }
  });
  return added;
}

bool Ledger::record(const Record& record) {
  bool added = false;
  batch([&] {
    const auto row = find(record.work_id);
    if (!row) {
      throw std::invalid_argument("record: work id " + std::to_string(record.work_id) +
                                  ", expected one of this ledger");
    }
    if (row->state == WorkState::kQuarantined) return;
    impl_->db
        .query(
            "INSERT INTO records(work_id, kind, body, lineage, version, created) "
            "VALUES(?, ?, ?, ?, ?, " CHARTER_SQL_NOW ") ON CONFLICT DO NOTHING")
        .bind(record.work_id)
        .bind(record.kind)
        .bind_blob(record.body)
        .bind(record.lineage)
        .bind(record.version)
        .run();
    added = impl_->db.changes() > 0;
    impl_->db.query("UPDATE work SET state = 'recorded' WHERE id = ? AND state = 'pending'")
        .bind(record.work_id)
        .run();
  });
  return added;
}

void Ledger::mark_trained(const std::string& model, int64_t lineage, int64_t version,
                          std::span<const int64_t> ids) {
  batch([&] {
    for (const int64_t id : ids) {
      impl_->db.query("UPDATE work SET state = 'trained' WHERE id = ?").bind(id).run();
      if (impl_->db.changes() == 0) {
        throw std::invalid_argument("mark_trained: work id " + std::to_string(id) +
                                    ", expected one of this ledger");
      }
      impl_->db
          .query(
              "INSERT INTO trained(work_id, model, lineage, version) VALUES(?, ?, ?, ?) "
              "ON CONFLICT DO UPDATE SET lineage = excluded.lineage, version = excluded.version")
          .bind(id)
          .bind(model)
          .bind(lineage)
          .bind(version)
          .run();
    }
  });
}

void Ledger::quarantine(int64_t id, const std::string& reason) {
  batch([&] {
    impl_->db
        .query(
            "UPDATE work SET state = 'quarantined', reason = ? WHERE id = ? AND state = 'pending'")
        .bind(reason)
        .bind(id)
        .run();
  });
}

// selected: a query for the ids of `work`.
size_t Ledger::reopen(const std::string& selected, Reopen to) {
  Database& db = impl_->db;
  if (to == Reopen::kPending) {
    db.execute("DELETE FROM records WHERE work_id IN (" + selected + ")");
    db.execute("UPDATE work SET state = 'pending' WHERE id IN (" + selected + ")");
  } else {
    // Trained before its record came, which then never did: its work is to be done again.
    db.execute(
        "UPDATE work SET state = CASE WHEN id IN (SELECT work_id FROM records) THEN 'recorded' "
        "ELSE 'pending' END WHERE id IN (" +
        selected + ")");
  }
  return static_cast<size_t>(db.changes());
}

size_t Ledger::restore_to(const std::string& model, int64_t lineage, int64_t version, Reopen to) {
  size_t reopened = 0;
  batch([&] {
    Database& db = impl_->db;
    // Earlier restores have removed what their lineages left behind, so whatever of an older
    // lineage is still here and not above `version` is part of the surviving history.
    const std::string undone = "SELECT work_id FROM temp.undone";
    db.execute("CREATE TEMP TABLE IF NOT EXISTS undone(work_id INTEGER PRIMARY KEY)");
    db.execute("DELETE FROM temp.undone");
    db.query(
          "INSERT INTO temp.undone SELECT work_id FROM trained "
          "WHERE model = ? AND (version > ? OR lineage > ?)")
        .bind(model)
        .bind(version)
        .bind(lineage)
        .run();
    db.query("DELETE FROM trained WHERE model = ? AND work_id IN (" + undone + ")")
        .bind(model)
        .run();
    db.execute("DELETE FROM temp.undone WHERE work_id IN (SELECT work_id FROM trained)");
    db.query("DELETE FROM versions WHERE model = ? AND (version > ? OR lineage > ?)")
        .bind(model)
        .bind(version)
        .bind(lineage)
        .run();
    reopened = reopen(undone, to);
  });
  return reopened;
}

}  // namespace charter::store
