// charter plan CONFIG: what a run will take, before it starts.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <iostream>
#include <memory>

#include "cli/commands.hpp"
#include "cli/environment.hpp"
#include "cli/jsonl.hpp"
#include "cli/machine_probe.hpp"
#include "cli/start_checks.hpp"
#include "config/machine.hpp"
#include "config/plan.hpp"

namespace charter::cli {
namespace {

struct PlanArguments {
  std::string file;
  std::vector<std::string> overrides;
  double gflops = 0;
  bool json = false;
};

struct Totals {
  double seconds = 0;
  int64_t memory_bytes = 0, disk_bytes = 0;
};

Totals totals(const std::vector<config::StagePlan>& stages) {
  Totals t;
  for (const config::StagePlan& s : stages) {
    t.seconds += s.seconds;
    t.memory_bytes = std::max(t.memory_bytes, s.memory_bytes);
    t.disk_bytes += s.disk_bytes;
  }
  return t;
}

std::string duration(double seconds) {
  char text[32];
  if (seconds < 120) {
    std::snprintf(text, sizeof(text), "%.0f s", seconds);
  } else if (seconds < 7200) {
    std::snprintf(text, sizeof(text), "%.1f min", seconds / 60);
  } else if (seconds < 2 * 86400) {
    std::snprintf(text, sizeof(text), "%.1f h", seconds / 3600);
  } else {
    std::snprintf(text, sizeof(text), "%.1f days", seconds / 86400);
  }
  return text;
}

// As printf, to standard output's stream, which knows whether it arrived.
__attribute__((format(printf, 1, 2))) void print(const char* format, ...) {
  char text[256];
  va_list values;
  va_start(values, format);
  std::vsnprintf(text, sizeof(text), format, values);
  va_end(values);
  std::cout << text;
}

void print_row(const std::string& stage, double seconds, int64_t tokens, int64_t memory,
               int64_t disk) {
  constexpr double kGiB = 1 << 30;
  print("%-12s %12s %14lld %10.2f %10.2f\n", stage.c_str(), duration(seconds).c_str(),
        static_cast<long long>(tokens), static_cast<double>(memory) / kGiB,
        static_cast<double>(disk) / kGiB);
}

void print_table(const std::vector<config::StagePlan>& stages, double gflops) {
  print("%-12s %12s %14s %10s %10s\n", "stage", "time", "tokens", "mem GiB", "disk GiB");
  int64_t all_tokens = 0;
  for (const config::StagePlan& s : stages) {
    const auto& t = s.tokens;
    const int64_t tokens = t.prefill + t.decode + t.forward + t.train;
    all_tokens += tokens;
    print_row(s.stage, s.seconds, tokens, s.memory_bytes, s.disk_bytes);
  }
  const Totals t = totals(stages);
  print_row("all", t.seconds, all_tokens, t.memory_bytes, t.disk_bytes);
  print("at %.0f GFLOP/s measured here; answers at their longest, so mostly an upper bound\n",
        gflops);
}

// The start's own checks, as far as they concern this machine.
struct Checked {
  StartFindings findings;
  std::string refused;  // why `charter run` would refuse to start; "" if it would not
};

Checked check(const config::RunConfig& config) {
  try {
    return {check_start(config, data_directory()), ""};
  } catch (const std::exception& error) {  // a plan is for what is yet to be put in place, too
    return {{}, error.what()};
  }
}

void print_checked(const Checked& checked) {
  for (const auto& line : checked.findings.warnings) std::cout << "warning: " << line << "\n";
  if (!checked.refused.empty())
    std::cout << "charter run would refuse to start: " << checked.refused << "\n";
}

nlohmann::ordered_json as_json(const config::StagePlan& s) {
  return {{"stage", s.stage},
          {"seconds", s.seconds},
          {"gflop", s.gflop},
          {"prefill_tokens", s.tokens.prefill},
          {"decode_tokens", s.tokens.decode},
          {"forward_tokens", s.tokens.forward},
          {"train_tokens", s.tokens.train},
          {"memory_bytes", s.memory_bytes},
          {"disk_bytes", s.disk_bytes}};
}

void run_plan(const PlanArguments& arguments) {
  const config::RunConfig config = load_run_config(arguments.file, arguments.overrides);
  const config::ModelSizes sizes = model_sizes(model_or_default(config.models.base));
  const double gflops =
      arguments.gflops > 0 ? arguments.gflops : measure_gflops(config::compute_slots(config));
  const std::vector<config::StagePlan> stages = config::plan(config, sizes, gflops);
  const int64_t snapshots = config::snapshot_bytes(config, sizes);
  // A plan of another machine's rate says nothing of this one.
  const Checked checked = arguments.gflops > 0 ? Checked{} : check(config);
  if (!arguments.json) {
    print_table(stages, gflops);
    print("the snapshots of rl take up to %.1f MiB of shared memory\n",
          static_cast<double>(snapshots) / (1 << 20));
    return print_checked(checked);
  }
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const config::StagePlan& s : stages) rows.push_back(as_json(s));
  const Totals t = totals(stages);
  std::cout << json_line({{"gflops", gflops},
                          {"seconds", t.seconds},
                          {"memory_bytes", t.memory_bytes},
                          {"disk_bytes", t.disk_bytes},
                          {"shared_memory_bytes", snapshots},
                          {"stages", rows},
                          {"warnings", checked.findings.warnings},
                          {"refused", checked.refused}})
            << "\n";
}

}  // namespace

void add_plan(CLI::App& app) {
  CLI::App* command = app.add_subcommand("plan", "time, memory and disk a run will take");
  const auto arguments = std::make_shared<PlanArguments>();
  command->add_option("CONFIG", arguments->file, "run configuration, TOML")->required();
  command->add_option("--set", arguments->overrides, "section.key=value, may be repeated");
  command->add_option("--gflops", arguments->gflops, "plan for a machine of this rate, unmeasured")
      ->check(CLI::PositiveNumber);
  command->add_flag("--json", arguments->json, "as one JSON line");
  command->callback([arguments] { run_plan(*arguments); });
}

}  // namespace charter::cli
