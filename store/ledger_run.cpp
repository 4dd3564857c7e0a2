// The tables that only describe the run: stages, events, versions, and names with a value.
#include <algorithm>
#include <map>

#include "store/ledger.hpp"
#include "store/ledger_schema.hpp"

namespace charter::store {

namespace {

constexpr const char* kStageColumns =
    "SELECT name, state, reason, planned_seconds, spent_seconds, started, ended, detail FROM "
    "stages ";

StageRow stage_row(const Query& query) {
  return {.name = query.text(0),
          .state = parse_state(query.text(1), StageState::kSkipped),
          .reason = query.text(2),
          .planned_seconds = query.real(3),
          .spent_seconds = query.real(4),
          .started = query.real(5),
          .ended = query.real(6),
          .detail = query.text(7)};
}

}  // namespace

const char* name(StageState state) {
  switch (state) {
    case StageState::kPending:
      return "pending";
    case StageState::kRunning:
      return "running";
    case StageState::kDone:
      return "done";
    case StageState::kSkipped:
      return "skipped";
  }
  return "unknown";
}

int64_t Ledger::lineage() const { return std::stoll(meta("lineage").value_or("0")); }

int64_t Ledger::raise_lineage() {
  int64_t raised = 0;
  batch([&] {
    raised = lineage() + 1;
    set_meta("lineage", std::to_string(raised));
  });
  return raised;
}

void Ledger::set_stage(const StageRow& stage) {
  batch([&] {
    impl_->db
        .query(
            "INSERT INTO stages(name, state, reason, planned_seconds, spent_seconds, started, "
            "ended, "
            "detail) VALUES(?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(name) DO UPDATE SET "
            "state = excluded.state, reason = excluded.reason, "
            "planned_seconds = excluded.planned_seconds, spent_seconds = excluded.spent_seconds, "
            "started = excluded.started, ended = excluded.ended, detail = excluded.detail")
        .bind(stage.name)
        .bind(std::string_view(charter::store::name(stage.state)))
        .bind(stage.reason)
        .bind(stage.planned_seconds)
        .bind(stage.spent_seconds)
        .bind(stage.started)
        .bind(stage.ended)
        .bind(stage.detail)
        .run();
  });
}

std::optional<StageRow> Ledger::stage(const std::string& name) const {
  Query query = impl_->db.query(std::string(kStageColumns) + "WHERE name = ?");
  query.bind(name);
  if (!query.step()) return std::nullopt;
  return stage_row(query);
}

std::vector<StageRow> Ledger::stages() const {
  Query query = impl_->db.query(std::string(kStageColumns) + "ORDER BY position");
  std::vector<StageRow> rows;
  while (query.step()) rows.push_back(stage_row(query));
  return rows;
}

void Ledger::add_event(const std::string& level, const std::string& text) {
  batch([&] {
    impl_->db.query("INSERT INTO events(time, level, text) VALUES(" CHARTER_SQL_NOW ", ?, ?)")
        .bind(level)
        .bind(text)
        .run();
  });
}

std::vector<EventRow> Ledger::events(size_t newest) const {
  Query query =
      impl_->db.query("SELECT time, level, text, id FROM events ORDER BY id DESC LIMIT ?");
  query.bind(static_cast<int64_t>(std::min<size_t>(newest, INT64_MAX)));
  std::vector<EventRow> rows;
  while (query.step())
    rows.push_back({query.real(0), query.text(1), query.text(2), query.integer(3)});
  std::reverse(rows.begin(), rows.end());
  return rows;
}

void Ledger::add_version(const VersionRow& version) {
  batch([&] {
    impl_->db
        .query(
            "INSERT OR REPLACE INTO versions(model, lineage, version, path, stats, created) "
            "VALUES(?, ?, ?, ?, ?, " CHARTER_SQL_NOW ")")
        .bind(version.model)
        .bind(version.lineage)
        .bind(version.version)
        .bind(version.path)
        .bind(version.stats)
        .run();
  });
}

std::vector<VersionRow> Ledger::versions(const std::string& model) const {
  Query query = impl_->db.query(
      "SELECT model, lineage, version, path, stats FROM versions WHERE model = ? "
      "ORDER BY lineage, version");
  query.bind(model);
  std::vector<VersionRow> rows;
  while (query.step()) {
    rows.push_back(
        {query.text(0), query.integer(1), query.integer(2), query.text(3), query.text(4)});
  }
  return rows;
}

std::vector<VersionRow> Ledger::surviving_versions(const std::string& model) const {
  std::map<int64_t, VersionRow> by_version;
  int64_t lineage = 0;
  for (auto& row : versions(model)) {  // rising lineage, then version
    if (row.lineage != lineage) {
      // The restore went back to the version before this one: later ones are gone.
      by_version.erase(by_version.lower_bound(row.version), by_version.end());
      lineage = row.lineage;
    }
    by_version[row.version] = std::move(row);
  }
  std::vector<VersionRow> rows;
  for (auto& [version, row] : by_version) rows.push_back(std::move(row));
  return rows;
}

void Ledger::set_meta(const std::string& key, const std::string& value) {
  batch([&] {
    impl_->db.query("INSERT OR REPLACE INTO meta(key, value) VALUES(?, ?)")
        .bind(key)
        .bind(value)
        .run();
  });
}

double Ledger::last_activity() const {
  Query query = impl_->db.query(
      "SELECT max(coalesce((SELECT max(created) FROM records), 0), "
      "coalesce((SELECT max(created) FROM versions), 0))");
  return query.step() ? query.real(0) : 0;
}

std::optional<std::string> Ledger::meta(const std::string& key) const {
  Query query = impl_->db.query("SELECT value FROM meta WHERE key = ?");
  query.bind(key);
  if (!query.step()) return std::nullopt;
  return query.text(0);
}

}  // namespace charter::store
