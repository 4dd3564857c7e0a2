// manifest.json of a run directory: its id, what made it, and the files it began with.
#pragma once
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "config/run_config.hpp"

namespace charter::cli {

class RunManifest {
 public:
  // What stands in DIR, or else a run that begins: with a new id, not written yet. Throws
  // std::runtime_error naming the file when it is damaged.
  [[nodiscard]] static RunManifest of(const std::filesystem::path& dir,
                                      const config::RunConfig& config);

  [[nodiscard]] std::string run_id() const;  // 16 hexadecimal digits

  // Commits that the ledger had when the newest stage ended: it never has fewer again.
  [[nodiscard]] int64_t ledger_commits() const;
  void set_ledger_commits(int64_t commits);

  // What run_inputs.hpp keeps: {key: {"path", "files": [{"name", "bytes", "xxh3"}]}}; {}: a run of
  // an earlier version, which did not record them.
  [[nodiscard]] nlohmann::json inputs() const;
  void set_inputs(nlohmann::json inputs);
  // A change of data that a user took: what was, what is, and when.
  void add_accepted(const std::string& key, const nlohmann::json& before,
                    const nlohmann::json& after);

  // Written beside the file, synced, and renamed over it.
  void save() const;

 private:
  std::filesystem::path file_;
  nlohmann::json content_;
};

}  // namespace charter::cli
