// charter backup --run DIR --out DIR [--json]
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "cli/commands.hpp"
#include "cli/jsonl.hpp"
#include "cli/run_backup.hpp"

namespace charter::cli {
namespace {

struct BackupArguments {
  std::string run, out;
  bool json = false;
};

void run_backup(const BackupArguments& arguments) {
  ::umask(kPrivateUmask);
  const auto backup = back_up(arguments.run, arguments.out);
  if (arguments.json) {
    std::cout << json_line({{"run", arguments.run},
                            {"out", arguments.out},
                            {"ledger_commits", backup.ledger_commits},
                            {"checkpoints", backup.checkpoints},
                            {"weights", backup.weights},
                            {"bytes", backup.bytes}})
              << "\n";
    return;
  }
  std::cout << arguments.out << ": " << arguments.run << " with " << backup.ledger_commits
            << " commits, " << backup.checkpoints.size() << " checkpoints and "
            << backup.weights.size() << " weights; charter run " << arguments.out
            << "/config.toml goes on from here\n";
}

}  // namespace

void add_backup(CLI::App& app) {
  CLI::App* command =
      app.add_subcommand("backup", "copy a run, also a live one, so that it can be resumed");
  const auto arguments = std::make_shared<BackupArguments>();
  command->add_option("--run", arguments->run, "directory of the run")->required();
  command->add_option("--out", arguments->out, "new or empty directory")->required();
  command->add_flag("--json", arguments->json, "what was copied, as one JSON line");
  command->callback([arguments] { run_backup(*arguments); });
}

}  // namespace charter::cli
