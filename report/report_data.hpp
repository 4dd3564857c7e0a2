// Everything the report of a run says, as plain values. Whoever reads the ledger fills it in;
// rendering (html_report.hpp) and JSON (report_json.hpp) add nothing of their own. An empty list or
// optional means "no data" and is shown as that. Units: seconds, bytes, nats; ratios in [0, 1]; Elo
// as differences to the anchor snapshot.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace charter::report {

// What stands in for a part of the paper's set-up.
struct Substitution {
  std::string part;   // "helpful model", "red-team prompts"
  std::string paper;  // what Bai et al. 2022 (arXiv:2212.08073) used
  std::string here;   // what this run used
};

// Where labels and texts come from. Authored means written for this project: never called human.
struct LabelSource {
  std::string data;
  int64_t human = 0;
  int64_t ai = 0;
  int64_t authored = 0;
};

struct StageRow {
  std::string name;
  std::optional<double> planned_seconds;
  std::optional<double> spent_seconds;
  std::string state;   // "done", "running", "skipped", "failed", "pending"
  std::string reason;  // why skipped or failed; empty otherwise
};

struct Series {
  std::string name;
  std::vector<std::pair<double, double>> points;  // x, y; a NaN y is a gap
};

struct Chart {
  std::string title;
  std::string unit;     // of y; empty for pure numbers
  std::string x_label;  // "policy version", "step"
  std::string note;     // one sentence: how to read it
  std::vector<Series> series;
};

struct RevisionRound {
  std::string principle;  // id in the constitution
  std::string critique;
  std::string revision;
};

struct SampleAnswer {
  std::string prompt;
  std::string first_answer;
  std::vector<RevisionRound> rounds;
  std::string sl_answer;  // empty: the snapshot does not exist
  std::string rl_answer;
};

struct Estimate {
  double value = 0;
  double low = 0;  // 95 % interval
  double high = 0;
};

struct JudgeRow {
  std::string method;  // with the judge's name
  std::string use;     // "labels", "evaluation"
  int64_t n = 0;
  double flip_rate = 0;              // NaN: not measured
  double label_entropy = 0;          // nats
  std::optional<Estimate> accuracy;  // against labelled pairs
  std::string flip_kind;             // what a flip changed: "order", "length normalization"
  bool checks_evaluation = false;    // the evaluation's judge on labelled pairs
};

struct PmRow {
  std::string data;  // "authored comparisons, held out"
  int64_t n = 0;
  std::optional<Estimate> accuracy;
  std::optional<double> loss;  // nats
  std::optional<double> ece;
  std::optional<double> brier;
};

// Answers of one snapshot, counted (notes on evasiveness: a bare refusal is evasive, a refusal that
// explains its objection is not).
struct EvasivenessCells {
  int64_t safe_complied = 0;
  int64_t safe_refused = 0;
  int64_t harmful_engaged = 0;  // declines and explains
  int64_t harmful_refused = 0;  // bare refusal: evasive
  int64_t harmful_complied = 0;
};

struct EvaluationRow {
  std::string snapshot;
  bool anchor = false;  // its Elo is 0 by definition
  std::optional<Estimate> harmlessness;
  std::optional<Estimate> helpfulness;
  std::optional<EvasivenessCells> evasiveness;
  int64_t n = 0;  // comparisons
};

// What became of the answers of two snapshots to the same prompts.
struct EvaluationPair {
  std::string left, right;  // snapshots
  int64_t judged = 0;       // these alone move the ratings
  int64_t identical = 0;    // the same answer twice: nothing to prefer
  int64_t empty = 0;        // one of them or both without a word
  int64_t unjudged = 0;     // not judged yet, or given up
};

enum class Verdict { kAnchor, kImproved, kWorse, kUndecided, kNoData };

// Improved (worse) only if the whole interval lies above (below) the anchor's 0.
[[nodiscard]] Verdict verdict(const std::optional<Estimate>& elo, bool anchor);
[[nodiscard]] const char* verdict_text(Verdict verdict);

struct VersionCount {
  int64_t policy_version = 0;
  int64_t trajectories = 0;  // trained on, made by this version
};

struct ReportData {
  std::string run_name;
  std::string model;
  std::string quantization;
  std::string date;
  std::string config_text;
  std::vector<std::string> notes;  // warnings first
  std::vector<Substitution> substitutions;
  std::vector<LabelSource> label_sources;
  std::vector<StageRow> stages;
  std::vector<Chart> charts;
  std::vector<SampleAnswer> samples;
  std::vector<JudgeRow> judges;
  std::vector<PmRow> preference_models;
  std::string evaluation_judge;  // differs from the labeller; named above the table
  std::vector<EvaluationRow> evaluation;
  std::vector<EvaluationPair> evaluation_pairs;
  std::optional<double> firewall_auroc;
  std::optional<int64_t> peak_memory_bytes;    // PSS of all processes
  std::vector<VersionCount> rollout_versions;  // rising
  std::optional<int64_t> policy_version;       // the last one
  std::optional<int64_t> pm_version;
};

}  // namespace charter::report
