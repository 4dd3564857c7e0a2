#include "cli/start_checks.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>

#include "actors/phase_models.hpp"
#include "cli/data_check.hpp"
#include "cli/descriptor_limit.hpp"
#include "cli/format_check.hpp"
#include "cli/machine_probe.hpp"
#include "cli/run_directory.hpp"
#include "cli/run_temporaries.hpp"
#include "config/machine.hpp"
#include "config/plan.hpp"
#include "metrics/listen_address.hpp"
#include "model/device.hpp"
#include "model/input_error.hpp"
#include "model/model_files.hpp"
#include "model/safetensors.hpp"
#include "store/ledger.hpp"

namespace charter::cli {
namespace {

namespace fs = std::filesystem;

struct Start {
  const config::RunConfig& config;
  const fs::path& authored;
  const StartScope& scope;
  StartFindings findings;
  RunData data;
  std::vector<config::StagePlan> plan;

  [[nodiscard]] fs::path run() const { return fs::path(config.run.root) / config.run.name; }
  void warn(const std::string& line) {
    if (!line.empty()) findings.warnings.push_back(line);
  }
};

std::string gib(double bytes) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.2f GiB", bytes / (int64_t{1} << 30));
  return text;
}

void check_device(Start& start) { (void)model::require_device(start.config.machine.device); }

void check_metrics(Start& start) {
  const auto address = metrics::resolve(start.config.metrics.address);
  // A run that lives has its port itself; that it lives is said when its directory is opened.
  if (address.port == 0 || store::has_writer(start.run() / "ledger.sqlite")) return;
  if (const auto problem = metrics::listen_problem(address); !problem.empty())
    throw std::runtime_error("metrics.address: " + address.text() + ": " + problem +
                             "; choose another port");
}
void check_descriptors(Start& start) { require_descriptors(descriptors_needed(start.config)); }

void check_data(Start& start) {
  start.data = read_data(start.config, start.authored);
  start.findings.data = start.data.lines;
}

void check_supply(Start& start) {
  actors::require_training_data(start.config, start.data.counts);
  for (const auto& supply : actors::data_supply(start.config, start.data.counts))
    start.warn(actors::shortage(supply));
  const auto pairs = actors::pm_pairs(start.config, start.data.counts);
  if (const auto batch = start.config.pm_train.batch; pairs < batch)
    start.warn("pm_train.batch: " + std::to_string(batch) + " pairs an update, but only " +
               std::to_string(pairs) + " to train the preference model on");
}

void check_principles(Start& start) {
  const auto have = static_cast<int64_t>(start.data.constitution.feedback.size());
  const int64_t held = start.config.label.held_out_principles;
  if (have < 2)
    throw std::runtime_error("data.constitution: " + std::to_string(have) +
                             " principles for labels, expected 2 at least: the evaluation's judge "
                             "asks others than the labeller");
  if (held >= have)
    start.warn("label.held_out_principles: " + std::to_string(held) +
               " wanted for the evaluation, data.constitution has " + std::to_string(have) +
               ": one is left to the labeller");
}

struct Part {
  const char *key, *name;
  const std::string& path;
};

std::vector<Part> parts(const config::RunConfig& c) {
  return {{"models.base", "base", c.models.base},
          {"models.helpful", "helpful", c.models.helpful},
          {"models.judge", "judge", c.models.judge},
          {"models.pm_init", "pm_init", c.models.pm_init}};
}

// A run that was begun has its models; the files they came from may be gone.
fs::path source(const Start& start, const Part& part) {
  const auto kept = start.run() / "weights" / actors::weights_name(start.config, part.name);
  if (fs::exists(start.run() / "config.toml") && fs::exists(kept)) return kept;
  return part.path;
}

template <class Work>
void naming(const std::string& key, const Work& work) {
  try {
    work();
  } catch (const std::exception& error) {  // of a library: its text does not know the key
    const std::string text = error.what();
    throw std::runtime_error(text.starts_with(key) ? text : key + ": " + text);
  }
}

void check_context(const Start& start, const fs::path& file) {
  const int64_t longest = longest_context(file);
  if (start.config.models.max_context > longest)
    throw std::runtime_error(
        "models.max_context: got " + std::to_string(start.config.models.max_context) +
        ", expected at most the " + std::to_string(longest) + " tokens of " + file.string());
}

// The model's texts in the run's format, in which a conversation can be written.
std::unique_ptr<const actors::PolicyText> text_in_format(
    const config::RunConfig& c, const fs::path& file,
    const std::shared_ptr<const model::Tokenizer>& tokenizer) {
  std::unique_ptr<const actors::PolicyText> text;
  naming("models.policy_format", [&] {
    try {
      text = std::make_unique<const actors::PolicyText>(
          tokenizer, actors::policy_template(c.models.policy_format,
                                             model::load_chat_template(file), *tokenizer));
      check_format(*text);
    } catch (const model::InputError& error) {
      throw std::runtime_error(file.string() + ": " + error.what());
    }
  });
  return text;
}

// Every model in the run's format; what is encoded by one and read by another has one vocabulary.
void check_models(Start& start) {
  const auto& c = start.config;
  std::set<fs::path> seen;
  uint64_t base = 0;
  if (source(start, parts(c)[0]).empty())
    throw std::runtime_error(
        "models.base: is empty and CHARTER_MODEL too, expected a GGUF file or a Hugging Face "
        "directory");
  for (const auto& part : parts(c)) {
    const auto file = source(start, part);
    if (file.empty() || !seen.insert(file).second) continue;
    std::shared_ptr<const model::Tokenizer> tokenizer;
    naming(part.key, [&] {
      tokenizer = std::make_shared<const model::Tokenizer>(model::load_tokenizer(file));
      // The weights' headers; a GGUF file's are read with its configuration below.
      if (fs::is_directory(file)) (void)model::SafetensorsIndex::open_dir(file);
    });
    check_context(start, file);
    const std::string name = part.name;
    if (name == "base") base = tokenizer->hash();
    if (name == "pm_init" && tokenizer->hash() != base)
      throw std::runtime_error("models.pm_init: " + file.string() +
                               ": another tokenizer than that of models.base, expected the same: "
                               "the preference model reads the policy's tokens");
    const auto text = text_in_format(c, file, tokenizer);
    if (name == actors::weights_name(c, "pm_init"))
      start.warn(check_equal_answers(*text, c, start.data));
    if (name != actors::weights_name(c, "helpful")) continue;
    check_system_turns(*text, start.data);
    for (const auto& line : check_prompt_lengths(*text, c, start.data)) start.warn(line);
    start.warn(check_chain(*text, c, start.data));
  }
}

void check_memory(Start& start) {
  const auto peak = std::max_element(
      start.plan.begin(), start.plan.end(),
      [](const auto& a, const auto& b) { return a.memory_bytes < b.memory_bytes; });
  if (peak->memory_bytes > memory_bytes())
    start.warn(peak->stage + " needs " + gib(static_cast<double>(peak->memory_bytes)) +
               " of memory, this machine has " + gib(static_cast<double>(memory_bytes())) +
               ": lower rollout.batch, rollout.prefix_cache_mib or training.micro_batch_tokens");
}

// Where the snapshots of rl do not fit, they lie in the run's directory.
void check_shared_memory(Start& start) {
  const auto sizes = model_sizes(source(start, parts(start.config)[0]));
  const auto why = shortage({.needed_bytes = config::snapshot_bytes(start.config, sizes)});
  if (!why.empty()) start.warn(why + ": they will lie in the run's directory");
}

// Bytes that a run begun before has written already.
int64_t size_of(const fs::path& directory) {
  int64_t bytes = 0;
  std::error_code none;
  for (fs::recursive_directory_iterator it(directory, none), end; !none && it != end;
       it.increment(none))
    if (std::error_code gone; it->is_regular_file(gone) && !gone)
      bytes += static_cast<int64_t>(it->file_size(gone));
  return bytes;
}

void check_disk(Start& start) {
  const auto& c = start.config;
  int64_t needed = 0;
  for (const auto& stage : start.plan)
    if (start.scope.stage.empty() || stage.stage == start.scope.stage) needed += stage.disk_bytes;
  std::set<std::string> imported;
  for (const auto& part : parts(c))
    if (!part.path.empty() && imported.insert(actors::weights_name(c, part.name)).second)
      needed += 4 * config::parameters(model_sizes(source(start, part)));
  needed -= size_of(start.run());
  auto place = fs::absolute(c.run.root);
  while (!fs::exists(place) && place.has_relative_path()) place = place.parent_path();
  std::error_code none;
  const auto space = fs::space(place, none);
  if (none || space.capacity == 0) return;  // no disk: making the directory says what is wrong
  if (static_cast<int64_t>(space.available) >= needed) return;
  throw std::runtime_error("run.root: " + place.string() + ": " +
                           gib(static_cast<double>(space.available)) +
                           " free on this disk, expected the " + gib(static_cast<double>(needed)) +
                           " that the run needs");
}

void make_plan(Start& start) {
  naming("models.base", [&] {
    // The rate decides the seconds alone, which no check reads.
    start.plan =
        config::plan(start.config, model_sizes(source(start, parts(start.config)[0])), 1.0);
  });
}

void check_directory(Start& start) {
  if (start.scope.directory) check_run_directory(start.config, start.authored);
}

}  // namespace

StartFindings check_start(const config::RunConfig& config, const fs::path& authored,
                          const StartScope& scope) {
  Start start{.config = config,
              .authored = authored,
              .scope = scope,
              .findings = {},
              .data = {},
              .plan = {}};
  constexpr void (*kChecks[])(Start&) = {check_descriptors,   check_device, check_metrics,
                                         check_data,          check_supply, check_principles,
                                         check_models,        make_plan,    check_memory,
                                         check_shared_memory, check_disk,   check_directory};
  for (const auto check : kChecks) check(start);
  return std::move(start.findings);
}

}  // namespace charter::cli
