// What is read of the work and its records.
#include <algorithm>
#include <utility>

#include "store/ledger.hpp"
#include "store/ledger_schema.hpp"

namespace charter::store {

namespace {

constexpr size_t kRecordsPerRead = 128;  // no statement stays open while the caller works on a row
constexpr const char* kWorkColumns =
    "SELECT id, stage, kind, prompt_id, repeat, payload, state, reason FROM work ";

WorkRow work_row(const Query& query) {
  return {.id = query.integer(0),
          .item = {query.text(1), query.text(2), query.text(3), query.integer(4), query.text(5)},
          .state = parse_state(query.text(6), WorkState::kQuarantined),
          .reason = query.text(7)};
}

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

void Ledger::for_each_work(const std::string& stage,
                           const std::function<bool(const WorkRow&)>& row) const {
  std::vector<WorkRow> rows;
  do {
    const int64_t after = rows.empty() ? 0 : rows.back().id;
    rows.clear();
    Query query = impl_->db.query(std::string(kWorkColumns) +
                                  "WHERE stage = ? AND id > ? ORDER BY id LIMIT ?");
    query.bind(stage).bind(after).bind(static_cast<int64_t>(kRecordsPerRead));
    while (query.step()) rows.push_back(work_row(query));
    for (const WorkRow& each : rows) {
      if (!row(each)) return;
    }
  } while (rows.size() == kRecordsPerRead);
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

std::vector<std::pair<std::string, int64_t>> Ledger::quarantine_reasons(
    const std::string& stage) const {
  Query query = impl_->db.query(
      "SELECT reason, count(*) FROM work WHERE stage = ? AND state = 'quarantined' "
      "GROUP BY reason ORDER BY min(id)");
  query.bind(stage);
  std::vector<std::pair<std::string, int64_t>> reasons;
  while (query.step()) reasons.emplace_back(query.text(0), query.integer(1));
  return reasons;
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

}  // namespace charter::store
