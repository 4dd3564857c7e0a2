// charter export: a run's model, or any model we read, as a Hugging Face directory.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <stdexcept>

#include "actors/kept_model.hpp"
#include "cli/commands.hpp"
#include "cli/jsonl.hpp"
#include "model/model_files.hpp"

namespace charter::cli {
namespace {

namespace fs = std::filesystem;

struct ExportArguments {
  std::string run, snapshot = "rl_cai", directory;
  bool json = false;
};

// A run keeps its finished models in weights/NAME; a path names any other model.
fs::path snapshot_path(const ExportArguments& arguments) {
  if (arguments.run.empty()) {
    if (fs::exists(arguments.snapshot)) return arguments.snapshot;
    throw std::runtime_error(arguments.snapshot +
                             ": no such model; base, sl_cai and rl_cai need --run");
  }
  const fs::path weights = fs::path(arguments.run) / "weights";
  if (!fs::is_directory(arguments.run)) {
    throw std::runtime_error(arguments.run + ": no such run directory");
  }
  if (fs::is_directory(weights / arguments.snapshot)) return weights / arguments.snapshot;
  if (fs::exists(arguments.snapshot)) return arguments.snapshot;
  std::string present;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(weights, none)) {
    present += (present.empty() ? "" : ", ") + entry.path().filename().string();
  }
  throw std::runtime_error((weights / arguments.snapshot).string() +
                           ": no such snapshot; the run has " +
                           (present.empty() ? "none yet" : present));
}

void run_export(const ExportArguments& arguments) {
  const fs::path source = snapshot_path(arguments);
  const model::ModelFiles files = actors::load_kept_model(source);
  model::check_tensors(files);
  model::save_hf_directory(files, arguments.directory);
  if (arguments.json) {
    std::cout << json_line({{"source", source.string()}, {"directory", arguments.directory}})
              << "\n";
  } else {
    std::cout << arguments.directory << ": from " << source.string() << "\n";
  }
}

}  // namespace

void add_export(CLI::App& app) {
  CLI::App* command = app.add_subcommand("export", "write a model as a Hugging Face directory");
  const auto arguments = std::make_shared<ExportArguments>();
  command->add_option("--run", arguments->run, "run directory, runs/NAME");
  command->add_option("--snapshot", arguments->snapshot, "base, sl_cai, rl_cai, or a model's path")
      ->capture_default_str();
  command->add_option("--to", arguments->directory, "new directory")->required();
  command->add_flag("--json", arguments->json, "what was written, as one JSON line");
  command->callback([arguments] { run_export(*arguments); });
}

}  // namespace charter::cli
