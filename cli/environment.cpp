#include "cli/environment.hpp"

#include <cstdlib>
#include <stdexcept>
#include <system_error>

#include "config/value_text.hpp"

namespace charter::cli {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// The directory that scripts/env.sh downloads into.
std::filesystem::path cache_directory() {
  if (const std::string own = variable("CHARTER_CACHE"); !own.empty()) return own;
  if (const std::string xdg = variable("XDG_CACHE_HOME"); !xdg.empty()) {
    return std::filesystem::path(xdg) / "charter";
  }
  return std::filesystem::path(variable("HOME")) / ".cache" / "charter";
}

}  // namespace

std::string default_model() {
  if (const std::string named = variable("CHARTER_MODEL"); !named.empty()) return named;
  std::string found;
  std::error_code none;
  for (const auto& entry :
       std::filesystem::directory_iterator(cache_directory() / "models", none)) {
    if (entry.path().extension() != ".gguf") continue;
    if (!found.empty()) return "";  // two: the user has to say which
    found = entry.path().string();
  }
  return found;
}

std::string model_or_default(const std::string& given) {
  const std::string model = given.empty() ? default_model() : given;
  if (model.empty()) {
    throw std::runtime_error(
        "no model: expected --model or CHARTER_MODEL, a GGUF file or a Hugging Face directory");
  }
  return model;
}

std::filesystem::path data_directory() {
  const std::string own = variable("CHARTER_DATA_DIR");
  return own.empty() ? CHARTER_DATA_DIR : own;
}

config::RunConfig load_run_config(const std::string& file,
                                  const std::vector<std::string>& overrides) {
  const std::filesystem::path place =
      std::filesystem::absolute(file).lexically_normal().parent_path();
  std::vector<std::string> all;
  if (std::filesystem::path(file).filename() == "config.toml" &&
      std::filesystem::exists(place / "manifest.json") &&
      std::filesystem::is_directory(place / "weights"))
    all = {"run.root=" + config::value_text(place.parent_path().string()),
           "run.name=" + config::value_text(place.filename().string())};
  all.insert(all.end(), overrides.begin(), overrides.end());  // the last of two wins
  return config::load_config(file, all, default_model());
}

}  // namespace charter::cli
