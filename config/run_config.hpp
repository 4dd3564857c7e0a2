// The one configuration of a run: a strict TOML file. Every key, its default, unit and range is in
// config/schema.hpp's table, which `charter config explain` prints; the structs below are what the
// rest of the program receives.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace charter::config {

struct RunSection {
  std::string name = "run";  // directory under `root`
  std::string root = "runs";
  int64_t seed = 1;
};

struct ModelsSection {  // GGUF file or Hugging Face directory; "" means the same as `base`
  std::string base;     // pre-trained model: start of SL-CAI, the judge by default
  std::string helpful;  // writes first answers, critiques and revisions
  std::string judge;
  std::string pm_init;
  std::string policy_format = "chatml";  // model, chatml, llama3, mistral, plain
  int64_t max_context = 2048;            // tokens
};

struct DataSection {  // "" means the project's authored file
  std::string constitution, critique_fewshot, feedback_fewshot;
  std::string red_team, helpful, pmp, helpfulness, harmlessness_eval;
};

struct ActorsSection {
  int32_t rollout = 1, feedback = 1, reward = 1;
};

struct MachineSection {
  std::string device = "cpu";       // cpu, cuda
  int32_t compute_slots = 0;        // 0: one a core
  std::string placement = "split";  // single, split (control, engine, trainer), process-per-worker
  std::string transport = "ipc";    // inproc (single placement only), ipc, tcp
  int32_t tcp_base_port = 21400;    // loopback ports from here on when transport = "tcp"
  double lease_seconds =
      120;                  // a work item is re-issued this long after its worker last spoke of it
  double step_seconds = 0;  // an actor silent for this long hangs; 0: by the size of the model
  double heartbeat_seconds =
      30;  // a process without progress of its heartbeat for this long is restarted
  int32_t max_restarts = 5;  // of one process, within ten minutes
  int32_t max_attempts = 5;  // leases of one work item before it is quarantined
};

struct RolloutSection {
  int32_t batch = 16;  // sequences an engine runs at once
  double temperature = 1.0;
  std::string precision = "float32";  // float32, bfloat16, int8
  int64_t prefix_cache_mib = 128;
};

struct LoraSection {
  bool enabled = true;  // false: full training
  int32_t rank = 8;
  double alpha = 16;
  std::string targets = "all";  // all, attention, mlp
};

struct TrainingSection {
  int32_t micro_batch_tokens = 1024;
  bool gradient_checkpointing = false;
};

struct SlGenerateSection {
  int32_t red_team_prompts = 24, rounds = 2, helpful_prompts = 24, helpful_samples = 1;
  int32_t max_new_tokens = 48;
  int32_t fewshot_max_tokens = 600;
};

struct SlTrainSection {
  std::string revisions = "all";  // all, final
  int32_t epochs = 1, batch = 8;
  double learning_rate = 2e-4;
  int32_t warmup = 0;                 // optimizer steps
  std::string schedule = "constant";  // constant, linear, cosine
  int32_t max_tokens = 256;           // prompt + response, cut on the left
  int32_t checkpoint_every = 4;       // batches
};

struct LabelSection {
  int32_t comparisons = 48;
  std::string method = "likelihood_contrast";  // likelihood_contrast, multiple_choice
  double contrast_scale = 5.0;                 // log-odds a nat of contrast
  double clamp = 0.0;                          // labels are kept within [clamp, 1 - clamp]
  int32_t held_out_principles = 4;             // kept for the evaluation's judge
  int32_t check_pairs =
      48;  // labelled pairs both methods and the evaluation's judge are measured on
};

struct PmTrainSection {
  int32_t pmp_pairs = 48, helpfulness_pairs = 24, harmlessness_pairs = 24;
  int32_t batch = 8, max_tokens = 96;
  double pmp_learning_rate = 1e-3, learning_rate = 5e-4;
  int32_t warmup = 0;
  std::string schedule = "constant";
  int32_t eval_pairs = 32;
  int32_t checkpoint_every = 4;
};

struct FirewallSection {
  int32_t helpful_prompts = 80, held_out_prompts = 40;
};

struct RlSection {
  int32_t updates = 8, batch = 8;
  int32_t max_new_tokens = 32;
  int32_t epochs = 1, minibatches = 1;
  double learning_rate = 1e-4, kl_coef = 0.001, clip_epsilon = 0.2, lambda = 0.95,
         importance_cap = 2.0;
  int32_t warmup = 0;
  std::string schedule = "constant";
  int32_t max_staleness = 1;       // eta; 0 is synchronous
  double red_team_fraction = 0.5;  // of the prompts
  bool online_pm = true;
  double pair_fraction = 0.3;    // pairs drawn a rollout prompt while the PM is online
  int32_t pm_batch = 8;          // preferences an online PM version
  int32_t checkpoint_every = 2;  // versions
  int32_t keep_checkpoints = 2;
};

struct EvalSection {
  int32_t prompts = 24;  // a snapshot: half red-team, half helpful, held out
  int32_t max_new_tokens = 48;
  int32_t bootstrap = 500;
};

struct MetricsSection {
  std::string address = "127.0.0.1:0";  // of each process; port 0 takes a free one
};

struct RunConfig {
  RunSection run;
  ModelsSection models;
  DataSection data;
  ActorsSection actors;
  MachineSection machine;
  RolloutSection rollout;
  LoraSection lora;
  TrainingSection training;
  SlGenerateSection sl_generate;
  SlTrainSection sl_train;
  LabelSection label;
  PmTrainSection pm_train;
  FirewallSection firewall;
  RlSection rl;
  EvalSection eval;
  MetricsSection metrics;
};

// Thrown with one line: file, line (or key), what was found, what was expected.
struct ConfigError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Strict: an unknown key is an error with the nearest known key. `overrides` are
// "section.key=value" (TOML values; a bare word counts as a string). Empty models.base takes
// CHARTER_MODEL's value, given as `default_model`. Paths come back absolute: those of models.* and
// data.* are relative to the file that names them, overrides, run.root and the default model to the
// working directory. Checks ranges and combinations.
[[nodiscard]] RunConfig load_config(const std::filesystem::path& file,
                                    const std::vector<std::string>& overrides,
                                    const std::string& default_model);
// source: the file's path, for messages and relative paths. run.root is left as it stands.
[[nodiscard]] RunConfig parse_config(const std::string& toml, const std::string& source,
                                     const std::vector<std::string>& overrides,
                                     const std::string& default_model);

// The resolved configuration as TOML that parse_config reads back to the same values.
[[nodiscard]] std::string to_toml(const RunConfig& config);

// One line a key: name, value, default, unit, range, what it does, and whether a resumed run may
// change it.
[[nodiscard]] std::string explain(const RunConfig& config, const std::string& section_or_key = "");

// Keys of `edited` that differ from `original` and may not change on resume; empty when the resume
// is fine.
struct ResumeDifference {
  std::vector<std::string> refused;   // "rl.batch: 8 -> 16"
  std::vector<std::string> accepted;  // "actors.rollout: 1 -> 2"
};
[[nodiscard]] ResumeDifference compare_for_resume(const RunConfig& original,
                                                  const RunConfig& edited);

}  // namespace charter::config
