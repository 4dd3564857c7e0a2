// What is read from the ledger, and the tables that only describe the run.
#include <algorithm>
#include <utility>

#include "store/ledger.hpp"
#include "store/ledger_schema.hpp"

namespace charter::store {

namespace {

constexpr size_t kRecordsPerRead = 128;  // no statement stays open while the caller works on a row
constexpr const char* kWorkColumns =
    "SELECT id, stage, kind, prompt_id, repeat, payload, state, reason FROM work ";

template <class State>
State parse_state(const std::string& text, State last) {
  for (int i = 0; i <= static_cast<int>(last); ++i) {
    if (text == name(static_cast<State>(i))) return static_cast<State>(i);
  }
  throw LedgerError("ledger: state '" + text + "', expected one of this version");
}

WorkRow work_row(const Query& query) {
  return {.id = query.integer(0),
          .item = {query.text(1), query.text(2), query.text(3), query.integer(4), query.text(5)},
          .state = parse_state(query.text(6), WorkState::kQuarantined),
          .reason = query.text(7)};
}

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

constexpr const char* kStageColumns =
    "SELECT name, state, reason, planned_seconds, spent_seconds, started, ended, detail FROM "
    "stages ";

}  // namespace

const char* name(WorkState state) {
  switch (state) {
    case WorkState::kPending:
      return "pending";
    case WorkState::kRecorded:
      return "recorded";
    case WorkState::kTrained:
      return "trained";
    case WorkState::kQuarantined:
      return "quarantined";
  }
  return "unknown";
}

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

std::vector<WorkRow> Ledger::pending(const std::string& stage, std::span<const std::string> kinds,
                                     size_t limit, int64_t after_id) const {
  std::string sql = std::string(kWorkColumns) + "WHERE stage = ? AND state = 'pending' AND id > ?";
  if (!kinds.empty()) {
    sql += " AND kind IN (?";
    for (size_t i = 1; i < kinds.size(); ++i) sql += ", ?";
    sql += ")";
  }
  sql += " ORDER BY id LIMIT ?";
  Query query = impl_->db.query(sql);
  query.bind(stage).bind(after_id);
  for (const std::string& kind : kinds) query.bind(kind);
  query.bind(static_cast<int64_t>(std::min<size_t>(limit, INT64_MAX)));
  std::vector<WorkRow> rows;
  while (query.step()) rows.push_back(work_row(query));
  return rows;
}

std::optional<WorkRow> Ledger::find(int64_t id) const {
  Query query = impl_->db.query(std::string(kWorkColumns) + "WHERE id = ?");
  query.bind(id);
  if (!query.step()) return std::nullopt;
  return work_row(query);
}

StateCounts Ledger::count_by_state(const std::string& stage, const std::string& kind) const {
  Query query = impl_->db.query(
      "SELECT state, count(*) FROM work WHERE stage = ? AND (? = '' OR kind = ?) GROUP BY state");
  query.bind(stage).bind(kind).bind(kind);
  StateCounts counts;
  while (query.step()) {
    switch (parse_state(query.text(0), WorkState::kQuarantined)) {
      case WorkState::kPending:
        counts.pending = query.integer(1);
        break;
      case WorkState::kRecorded:
        counts.recorded = query.integer(1);
        break;
      case WorkState::kTrained:
        counts.trained = query.integer(1);
        break;
      case WorkState::kQuarantined:
        counts.quarantined = query.integer(1);
        break;
    }
  }
  return counts;
}

void Ledger::for_each_record(const std::string& stage, const std::string& kind,
                             const std::function<bool(const RecordRow&)>& row) const {
  int64_t after_id = 0;
  std::string after_kind;
  while (true) {
    std::vector<RecordRow> rows;
    {
      Query query = impl_->db.query(
          "SELECT r.work_id, r.kind, r.body, r.lineage, r.version, r.created, w.kind, w.prompt_id, "
          "w.repeat, w.payload, w.state FROM records r JOIN work w ON w.id = r.work_id "
          "WHERE w.stage = ? AND (? = '' OR r.kind = ?) AND (r.work_id, r.kind) > (?, ?) "
          "ORDER BY r.work_id, r.kind LIMIT ?");
      query.bind(stage).bind(kind).bind(kind).bind(after_id).bind(after_kind);
      query.bind(static_cast<int64_t>(kRecordsPerRead));
      while (query.step()) {
        rows.push_back(
            {.record = {query.integer(0), query.text(1), query.text(2), query.integer(3),
                        query.integer(4)},
             .item = {stage, query.text(6), query.text(7), query.integer(8), query.text(9)},
             .state = parse_state(query.text(10), WorkState::kQuarantined),
             .created = query.real(5)});
      }
    }
    for (const RecordRow& each : rows) {
      if (!row(each)) return;
    }
    if (rows.size() < kRecordsPerRead) return;
    after_id = rows.back().record.work_id;
    after_kind = rows.back().record.kind;
  }
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
  impl_->db
      .query(
          "INSERT INTO stages(name, state, reason, planned_seconds, spent_seconds, started, ended, "
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
  impl_->db.query("INSERT INTO events(time, level, text) VALUES(" CHARTER_SQL_NOW ", ?, ?)")
      .bind(level)
      .bind(text)
      .run();
}

std::vector<EventRow> Ledger::events(size_t newest) const {
  Query query = impl_->db.query("SELECT time, level, text FROM events ORDER BY id DESC LIMIT ?");
  query.bind(static_cast<int64_t>(std::min<size_t>(newest, INT64_MAX)));
  std::vector<EventRow> rows;
  while (query.step()) rows.push_back({query.real(0), query.text(1), query.text(2)});
  std::reverse(rows.begin(), rows.end());
  return rows;
}

void Ledger::add_version(const VersionRow& version) {
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

void Ledger::set_meta(const std::string& key, const std::string& value) {
  impl_->db.query("INSERT OR REPLACE INTO meta(key, value) VALUES(?, ?)")
      .bind(key)
      .bind(value)
      .run();
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
