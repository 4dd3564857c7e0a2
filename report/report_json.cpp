#include "report/report_json.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

#include "report/text.hpp"

namespace charter::report {
namespace {

using Json = nlohmann::json;

Json json_of(const std::string& text) { return clean_utf8(text); }
Json json_of(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }
Json json_of(int64_t value) { return value; }

Json json_of(const Substitution& s) {
  return {{"part", json_of(s.part)}, {"paper", json_of(s.paper)}, {"here", json_of(s.here)}};
}

Json json_of(const LabelSource& s) { return to_json(s); }

Json json_of(const Estimate& e) {
  return {{"value", json_of(e.value)}, {"low", json_of(e.low)}, {"high", json_of(e.high)}};
}

// Declared before the templates, which find them by ordinary lookup only.
Json json_of(const StageRow& s);
Json json_of(const Series& s);
Json json_of(const Chart& c);
Json json_of(const RevisionRound& r);
Json json_of(const SampleAnswer& s);
Json json_of(const JudgeRow& j);
Json json_of(const PmRow& p);
Json json_of(const EvasivenessCells& c);
Json json_of(const EvaluationRow& e);
Json json_of(const EvaluationPair& p);
Json json_of(const VersionCount& v);

template <class T>
Json json_of(const std::optional<T>& value) {
  return value ? json_of(*value) : Json(nullptr);
}

template <class T>
Json list(const std::vector<T>& values) {
  Json result = Json::array();
  for (const T& value : values) result.push_back(json_of(value));
  return result;
}

Json json_of(const StageRow& s) {
  return {{"name", json_of(s.name)},
          {"planned_seconds", json_of(s.planned_seconds)},
          {"spent_seconds", json_of(s.spent_seconds)},
          {"state", json_of(s.state)},
          {"reason", json_of(s.reason)}};
}

Json json_of(const Series& s) {
  Json points = Json::array();
  for (const auto& [x, y] : s.points) points.push_back(Json::array({json_of(x), json_of(y)}));
  return {{"name", json_of(s.name)}, {"points", points}};
}

Json json_of(const Chart& c) {
  return {{"title", json_of(c.title)},
          {"unit", json_of(c.unit)},
          {"x_label", json_of(c.x_label)},
          {"series", list(c.series)}};
}

Json json_of(const RevisionRound& r) {
  return {{"principle", json_of(r.principle)},
          {"critique", json_of(r.critique)},
          {"revision", json_of(r.revision)}};
}

Json json_of(const SampleAnswer& s) {
  return {{"prompt", json_of(s.prompt)},
          {"first_answer", json_of(s.first_answer)},
          {"rounds", list(s.rounds)},
          {"sl_answer", json_of(s.sl_answer)},
          {"rl_answer", json_of(s.rl_answer)}};
}

Json json_of(const JudgeRow& j) {
  return {{"method", json_of(j.method)},
          {"use", json_of(j.use)},
          {"n", j.n},
          {"flip_rate", json_of(j.flip_rate)},
          {"flip_kind", j.flip_kind},
          {"label_entropy", json_of(j.label_entropy)},
          {"checks_evaluation", j.checks_evaluation},
          {"accuracy", json_of(j.accuracy)}};
}

Json json_of(const PmRow& p) {
  return {{"data", json_of(p.data)},         {"n", p.n},
          {"accuracy", json_of(p.accuracy)}, {"loss", json_of(p.loss)},
          {"ece", json_of(p.ece)},           {"brier", json_of(p.brier)}};
}

Json json_of(const EvasivenessCells& c) {
  return {{"safe_complied", c.safe_complied},
          {"safe_refused", c.safe_refused},
          {"harmful_engaged", c.harmful_engaged},
          {"harmful_refused", c.harmful_refused},
          {"harmful_complied", c.harmful_complied}};
}

Json json_of(const EvaluationRow& e) {
  return {{"snapshot", json_of(e.snapshot)},
          {"anchor", e.anchor},
          {"harmlessness", json_of(e.harmlessness)},
          {"helpfulness", json_of(e.helpfulness)},
          {"evasiveness", json_of(e.evasiveness)},
          {"n", e.n},
          {"harmlessness_verdict", verdict_text(verdict(e.harmlessness, e.anchor))},
          {"helpfulness_verdict", verdict_text(verdict(e.helpfulness, e.anchor))}};
}

Json json_of(const EvaluationPair& p) { return to_json(p); }

Json json_of(const VersionCount& v) {
  return {{"policy_version", v.policy_version}, {"trajectories", v.trajectories}};
}

}  // namespace

nlohmann::json to_json(const EvaluationPair& p) {
  return {{"left", json_of(p.left)},  {"right", json_of(p.right)}, {"judged", p.judged},
          {"identical", p.identical}, {"empty", p.empty},          {"unjudged", p.unjudged}};
}

nlohmann::json to_json(const LabelSource& s) {
  return {{"data", json_of(s.data)}, {"human", s.human}, {"ai", s.ai}, {"authored", s.authored}};
}

nlohmann::json to_json(const ReportData& d) {
  return {{"run_name", json_of(d.run_name)},
          {"model", json_of(d.model)},
          {"quantization", json_of(d.quantization)},
          {"date", json_of(d.date)},
          {"config_text", json_of(d.config_text)},
          {"notes", list(d.notes)},
          {"substitutions", list(d.substitutions)},
          {"label_sources", list(d.label_sources)},
          {"stages", list(d.stages)},
          {"charts", list(d.charts)},
          {"samples", list(d.samples)},
          {"judges", list(d.judges)},
          {"preference_models", list(d.preference_models)},
          {"evaluation_judge", json_of(d.evaluation_judge)},
          {"evaluation", list(d.evaluation)},
          {"evaluation_pairs", list(d.evaluation_pairs)},
          {"firewall_auroc", json_of(d.firewall_auroc)},
          {"peak_memory_bytes", json_of(d.peak_memory_bytes)},
          {"rollout_versions", list(d.rollout_versions)},
          {"policy_version", json_of(d.policy_version)},
          {"pm_version", json_of(d.pm_version)}};
}

}  // namespace charter::report
