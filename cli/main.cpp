// charter: one binary, one subcommand a task. Exit codes: 0 done, 1 failed, 2 wrong usage.
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>

#include "cli/commands.hpp"
#include "cli/standard_output.hpp"

namespace {

// LibTorch appends a stack trace to its messages; the first line is the message.
std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

// The subcommand the user meant, for "charter config check".
std::string command_of(const CLI::App& app) {
  for (const CLI::App* sub : app.get_subcommands()) {
    return app.get_name() + " " + command_of(*sub);
  }
  return app.get_name();
}

// OpenMP reads its settings when the program is loaded. Threads that spin while they wait would
// take the cores of the run's other processes, so without the user's own setting the program starts
// itself again with the passive one.
void wait_passively(char** argv) {
  if (std::getenv("OMP_WAIT_POLICY") != nullptr) return;
  ::setenv("OMP_WAIT_POLICY", "passive", 1);
  ::execv("/proc/self/exe", argv);  // returns only where /proc is missing: slower then, not wrong
}

// The command, its help or its usage error; what it prints goes to std::cout.
int run_command(int argc, char** argv) {
  CLI::App app{"Trains a language model by Constitutional AI.", "charter"};
  app.require_subcommand(1);
  app.fallthrough(false);
  for (const auto add :
       {charter::cli::add_run, charter::cli::add_worker, charter::cli::add_config,
        charter::cli::add_plan, charter::cli::add_import, charter::cli::add_export,
        charter::cli::add_tokenize, charter::cli::add_generate, charter::cli::add_score,
        charter::cli::add_status, charter::cli::add_backup, charter::cli::add_report}) {
    add(app);
  }
  try {
    app.parse(argc, argv);
    return 0;
  } catch (const CLI::Success& help) {
    return app.exit(help);
  } catch (const CLI::RuntimeError& code) {  // a command that ends with a code of its own
    return code.get_exit_code();
  } catch (const CLI::ParseError& error) {
    std::cerr << "charter: " << first_line(error.what()) << "; see " << command_of(app)
              << " --help\n";
    return 2;
  } catch (const std::exception& error) {
    std::cerr << "charter: " << first_line(error.what()) << "\n";
    return 1;
  }
}

}  // namespace

int main(int argc, char** argv) {
  charter::cli::hold_standard_descriptors();
  wait_passively(argv);
  ::signal(SIGPIPE, SIG_IGN);  // a reader that has gone is an error of writing, with its line
  charter::cli::StandardOutput output;
  const int code = run_command(argc, argv);
  try {
    output.finish();
  } catch (const std::exception& error) {
    if (code == 0) std::cerr << "charter: " << error.what() << "\n";
    return code == 0 ? 1 : code;
  }
  return code;
}
