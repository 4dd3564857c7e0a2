// charter config check FILE | explain [KEY]
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "cli/commands.hpp"
#include "cli/environment.hpp"
#include "cli/jsonl.hpp"
#include "cli/start_checks.hpp"
#include "config/explain.hpp"
#include "config/run_config.hpp"

namespace charter::cli {
namespace {

struct ConfigArguments {
  std::string file, key;
  std::vector<std::string> overrides;
  bool json = false;
};

nlohmann::ordered_json as_json(const config::KeyExplanation& row) {
  return {
      {"key", row.name},          {"value", row.value}, {"default", row.default_value},
      {"accepted", row.accepted}, {"help", row.help},   {"may_change_on_resume", row.on_resume}};
}

void check(const ConfigArguments& arguments) {
  const config::RunConfig config = load_run_config(arguments.file, arguments.overrides);
  const StartFindings findings = check_start(config, data_directory());
  if (arguments.json) {
    nlohmann::ordered_json values;
    for (const auto& row : config::explanations(config)) values[row.name] = row.value;
    std::cout << json_line({{"file", arguments.file},
                            {"ok", true},
                            {"data", findings.data},
                            {"warnings", findings.warnings},
                            {"values", values}})
              << "\n";
    return;
  }
  for (const auto& line : findings.data) std::cout << line << "\n";
  for (const auto& line : findings.warnings) std::cout << "warning: " << line << "\n";
  std::cout << arguments.file << ": ok\n";
}

void explain(const ConfigArguments& arguments) {
  config::RunConfig config;
  if (!arguments.file.empty()) config = load_run_config(arguments.file, arguments.overrides);
  if (!arguments.json) {
    std::cout << config::explain(config, arguments.key);
    return;
  }
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const auto& row : config::explanations(config, arguments.key)) rows.push_back(as_json(row));
  std::cout << json_line(rows) << "\n";
}

}  // namespace

void add_config(CLI::App& app) {
  CLI::App* command = app.add_subcommand("config", "check or explain a run's configuration");
  command->require_subcommand(1);
  const auto arguments = std::make_shared<ConfigArguments>();

  CLI::App* checking = command->add_subcommand(
      "check", "say whether a run of a file can start, and what it will lack");
  checking->add_option("FILE", arguments->file, "run configuration, TOML")->required();
  checking->add_option("--set", arguments->overrides, "section.key=value, may be repeated");
  checking->add_flag("--json", arguments->json, "the resolved values as one JSON line");
  checking->callback([arguments] { check(*arguments); });

  CLI::App* explaining = command->add_subcommand("explain", "what every key means");
  explaining->add_option("KEY", arguments->key, "a section or a section.key; all without it");
  explaining->add_option("--file", arguments->file, "show this file's values");
  explaining->add_option("--set", arguments->overrides, "section.key=value, may be repeated");
  explaining->add_flag("--json", arguments->json, "as one JSON line");
  explaining->callback([arguments] { explain(*arguments); });
}

}  // namespace charter::cli
