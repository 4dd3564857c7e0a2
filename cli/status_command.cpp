// charter status --run DIR [--json]
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <memory>
#include <sstream>

#include "cli/commands.hpp"
#include "cli/jsonl.hpp"
#include "cli/report_builder.hpp"
#include "cli/report_builder_run.hpp"
#include "cli/run_progress.hpp"
#include "metrics/quantities.hpp"
#include "report/progress.hpp"

namespace charter::cli {
namespace {

using Json = nlohmann::ordered_json;
using Table = std::vector<std::vector<std::string>>;

struct StatusArguments {
  std::string run;
  bool json = false;
};

std::string clock_or_dash(const Json& seconds) {
  return seconds.is_null() ? "-" : report::format_clock(seconds.get<double>());
}

std::string text_of(const Json& value) {
  if (value.is_null()) return "-";
  if (value.is_number_float()) {
    std::ostringstream text;
    text.precision(3);
    text << value.get<double>();
    return text.str();
  }
  return value.is_string() ? value.get<std::string>() : value.dump();
}

// Columns as wide as their widest cell; the first left_columns of them are words, the rest numbers.
std::string aligned(const Table& rows, size_t left_columns) {
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string out;
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string pad(widths[i] - row[i].size(), ' ');
      line += (i == 0 ? "" : "  ") + (i < left_columns ? row[i] + pad : pad + row[i]);
    }
    out += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return out;
}

Table stage_table(const Json& status) {
  Table rows{{"stage", "state", "done", "planned", "spent"}};
  for (const auto& s : status["stages"]) {
    const auto reason = s["reason"].get<std::string>();
    rows.push_back({s["name"],
                    s["state"].get<std::string>() + (reason.empty() ? "" : ": " + reason),
                    s["total"].is_null() ? "-" : s["done"].dump() + "/" + s["total"].dump(),
                    clock_or_dash(s["planned_seconds"]), clock_or_dash(s["spent_seconds"])});
  }
  return rows;
}

// Phases that have work.
Table phase_table(const Json& status) {
  Table rows{{"phase", "pending", "recorded", "trained", "quarantined"}};
  for (const auto& [phase, counts] : status["phases"].items()) {
    std::vector<std::string> row{phase};
    int64_t total = 0;
    for (const auto& count : counts) {
      total += count.get<int64_t>();
      row.push_back(count.dump());
    }
    if (total > 0) rows.push_back(std::move(row));
  }
  return rows;
}

// A number of the policy's newest version with its unit; "-" without one.
std::string policy_number(const Json& policy, const char* stat) {
  const auto& value = policy[stat];
  const auto unit = metrics::text(metrics::unit_of_stat("policy", stat));
  return text_of(value) + (value.is_null() || unit.empty() ? "" : " " + std::string(unit));
}

void print_limits(const Json& limits) {
  int64_t within = 0;
  for (const auto& limit : limits) {
    const auto state = limit["state"].get<std::string>();
    within += static_cast<int64_t>(state == "within");
    if (state != "exceeded") continue;
    const auto unit = limit["unit"].get<std::string>();
    std::cout << "limit " << text_of(limit["limit"]) << " exceeded since version "
              << text_of(limit["since_version"]) << ": " << text_of(limit["value"])
              << (unit.empty() ? "" : " ") << unit << ", " << text_of(limit["bounds"]) << "\n";
  }
  std::cout << within << " of " << limits.size() << " limits held by the newest version\n";
}

void print(const Json& status) {
  std::cout << "run " << text_of(status["run"])
            << (status["live"].get<bool>() ? ", live" : ", no process runs it") << "\n\n"
            << aligned(stage_table(status), 2);
  if (const auto phases = phase_table(status); phases.size() > 1)
    std::cout << "\n" << aligned(phases, 1);
  const auto& policy = status["policy"];
  if (!policy["version"].is_null()) {
    std::cout << "\npolicy version " << text_of(policy["version"]) << ", trained on rollouts of "
              << policy["rollout_versions"].dump() << ", KL " << policy_number(policy, "kl_k1")
              << ", reward " << policy_number(policy, "reward_mean") << "\n";
    print_limits(status["limits"]);
  }
  const auto& pm = status["pm"];
  if (!pm["version"].is_null()) {
    std::cout << "PM version " << text_of(pm["version"]);
    for (const auto& [purpose, ratio] : pm["accuracy"].items()) {
      std::cout << ", " << purpose << " accuracy " << text_of(ratio);
    }
    std::cout << "\n";
  }
  if (!status["events"].empty()) std::cout << "\n";
  for (const auto& event : status["events"]) {
    std::cout << text_of(event["level"]) << ": " << text_of(event["text"]) << "\n";
  }
}

void show_status(const StatusArguments& arguments) {
  const auto ledger = open_run_ledger(arguments.run);
  auto status = run_status(ledger, run_name(arguments.run));
  const std::filesystem::path run = arguments.run;
  const double now =
      std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  add_progress(status, ledger, config::load_config(run / "config.toml", {}, ""),
               store::has_writer(run / "ledger.sqlite"), now);
  if (arguments.json)
    std::cout << json_line(status) << "\n";
  else
    print(status);
}

}  // namespace

void add_status(CLI::App& app) {
  CLI::App* command = app.add_subcommand("status", "where a run stands, live or ended");
  const auto arguments = std::make_shared<StatusArguments>();
  command->add_option("--run", arguments->run, "directory of the run")->required();
  command->add_flag("--json", arguments->json, "as one JSON line");
  command->callback([arguments] { show_status(*arguments); });
}

}  // namespace charter::cli
