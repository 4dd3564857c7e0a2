#include "cli/report_builder_run.hpp"

#include <stdexcept>
#include <system_error>

namespace charter::cli {

store::Ledger open_run_ledger(const std::filesystem::path& run_dir) {
  std::error_code none;
  if (!std::filesystem::is_directory(run_dir, none)) {
    throw std::runtime_error(run_dir.string() + ": no such run directory");
  }
  const auto ledger = run_dir / "ledger.sqlite";
  if (!std::filesystem::exists(ledger, none)) {
    throw std::runtime_error(run_dir.string() +
                             ": no ledger.sqlite in it; expected the directory of a run");
  }
  return store::Ledger::open_read_only(ledger);
}

std::string run_name(const std::filesystem::path& run_dir) {
  const auto place = std::filesystem::absolute(run_dir).lexically_normal();
  return (place.has_filename() ? place : place.parent_path()).filename().string();
}

}  // namespace charter::cli
