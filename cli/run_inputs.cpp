#include "cli/run_inputs.hpp"

#include <stdexcept>

#include "feedback/constitution.hpp"

namespace charter::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

void add(RunInput& input, const fs::path& file) {
  input.files[file.filename().string()] = store::sum_of_file(file);
}

RunInput measure(const std::string& key, const fs::path& path) {
  RunInput input{.path = path, .files = {}};
  try {
    if (key == "data.constitution")
      for (const auto& file : feedback::constitution_files(path)) add(input, file);
    else
      add(input, path);
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(key + ": " + error.what());
  }
  return input;
}

// An archive or a note beside a model is not part of it.
bool is_of_model(const fs::path& file) {
  const auto extension = file.extension();
  return (extension == ".json" || extension == ".safetensors" || extension == ".jinja") &&
         file.filename() != store::Manifest::kName;
}

std::string describe(const store::FileSum& sum) {
  return std::to_string(sum.bytes) + " bytes with checksum " + sum.xxh3;
}

// Both lengths and both checksums: who has several versions of a file finds the one by them.
std::string compare(const fs::path& file, const store::FileSum& got, const store::FileSum& was) {
  if (got == was) return {};
  return file.string() + ": " + describe(got) + ", expected " + describe(was);
}

std::map<std::string, store::FileSum> files_of(const json& recorded) {
  std::map<std::string, store::FileSum> files;
  for (const auto& file : recorded.value("files", json::array()))
    files[file.value("name", "")] = {file.value("bytes", uint64_t{0}), file.value("xxh3", "")};
  return files;
}

}  // namespace

RunInputs measure_data(const config::RunConfig& config, const fs::path& authored) {
  const auto& d = config.data;
  const struct {
    const char* key;
    const std::string& configured;
    const char* own;
  } sources[] = {{"constitution", d.constitution, "constitution.toml"},
                 {"critique_fewshot", d.critique_fewshot, "prompts/critique_fewshot.jsonl"},
                 {"feedback_fewshot", d.feedback_fewshot, "prompts/feedback_fewshot.jsonl"},
                 {"red_team", d.red_team, "prompts/red_team.jsonl"},
                 {"helpful", d.helpful, "prompts/helpful.jsonl"},
                 {"pmp", d.pmp, "preferences/pmp.jsonl"},
                 {"helpfulness", d.helpfulness, "preferences/helpfulness.jsonl"},
                 {"harmlessness_eval", d.harmlessness_eval, "preferences/harmlessness_eval.jsonl"}};
  RunInputs inputs;
  for (const auto& source : sources) {
    const auto key = std::string("data.") + source.key;
    inputs[key] = measure(
        key, source.configured.empty() ? authored / source.own : fs::path(source.configured));
  }
  return inputs;
}

RunInput measure_model(const fs::path& model) {
  RunInput input{.path = model, .files = {}};
  if (!fs::is_directory(model)) {
    add(input, model);
    return input;
  }
  for (const auto& entry : fs::directory_iterator(model))
    if (entry.is_regular_file() && is_of_model(entry.path())) add(input, entry.path());
  return input;
}

json to_json(const RunInput& input) {
  json files = json::array();
  for (const auto& [name, sum] : input.files)
    files.push_back({{"name", name}, {"bytes", sum.bytes}, {"xxh3", sum.xxh3}});
  return {{"path", input.path.string()}, {"files", files}};
}

std::string changed(const json& recorded, const RunInput& now) {
  if (!recorded.is_object()) return {};
  const auto before = files_of(recorded);
  // Of a single file the name is no part of the content.
  if (before.size() == 1 && now.files.size() == 1)
    return compare(now.path, now.files.begin()->second, before.begin()->second);
  for (const auto& [name, sum] : now.files) {
    const auto was = before.find(name);
    if (was == before.end()) return (now.path / name).string() + ": was not there before";
    if (auto wrong = compare(now.path / name, sum, was->second); !wrong.empty()) return wrong;
  }
  for (const auto& [name, sum] : before)
    if (!now.files.contains(name)) return (now.path / name).string() + ": is missing";
  return {};
}

void require_unchanged(const json& recorded, const RunInputs& now) {
  std::string all;
  for (const auto& [key, input] : now) {
    const auto wrong = changed(recorded.value(key, json()), input);
    if (!wrong.empty()) all += (all.empty() ? "" : "; ") + key + ": " + wrong;
  }
  if (all.empty()) return;
  throw std::runtime_error(all +
                           ": the run's work follows from the content as it was: restore it, take "
                           "the change with --accept-data, or give another run.name");
}

}  // namespace charter::cli
