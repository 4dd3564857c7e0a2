// charter report --run DIR [--json] [--out FILE]
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "cli/environment.hpp"
#include "cli/output_file.hpp"
#include "cli/report_builder.hpp"
#include "cli/report_builder_run.hpp"
#include "report/html_report.hpp"
#include "report/report_json.hpp"

namespace charter::cli {
namespace {

struct ReportArguments {
  std::string run, out;
  bool json = false;
};

void report_run(const ReportArguments& arguments) {
  const auto ledger = open_run_ledger(arguments.run);
  const std::filesystem::path run_dir = arguments.run;
  const auto config = load_run_config((run_dir / "config.toml").string(), {});
  const auto data = build_report(ledger, config, run_dir);
  if (arguments.json) {
    OutputFile out(arguments.out.empty() ? "-" : arguments.out);
    out.stream() << report::to_json(data).dump() << "\n";
    out.commit();
    return;
  }
  const auto path = arguments.out.empty() ? (run_dir / "report.html").string() : arguments.out;
  try {
    OutputFile out(path);
    out.stream() << report::render_html(data);
    out.commit();
    if (!out.is_stdout()) std::cout << path << "\n";
  } catch (const std::runtime_error& error) {
    if (!arguments.out.empty()) throw;
    throw std::runtime_error(error.what() + std::string("; --out names another file"));
  }
}

}  // namespace

void add_report(CLI::App& app) {
  CLI::App* command = app.add_subcommand("report", "write what came of a run as one HTML file");
  const auto arguments = std::make_shared<ReportArguments>();
  command->add_option("--run", arguments->run, "directory of the run")->required();
  command->add_option("--out", arguments->out, "file to write; report.html of the run without it");
  command->add_flag("--json", arguments->json,
                    "the report's data as one JSON line, to --out or here");
  command->callback([arguments] { report_run(*arguments); });
}

}  // namespace charter::cli
