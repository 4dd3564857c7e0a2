#include "model/hf_directory.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "model/input_error.hpp"
#include "model/mapped_file.hpp"
#include "model/safetensors.hpp"
#include "model/tensor_table.hpp"

namespace charter::model {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

json read_json(const fs::path& file) {
  const std::string text = read_text_file(file);
  try {
    return json::parse(text);
  } catch (const json::parse_error& e) {
    throw InputError(file.string() + ": offset " + std::to_string(e.byte) + ": not valid JSON");
  }
}

// Null when the file is absent: some of the files are optional.
json read_optional_json(const fs::path& file) {
  return fs::exists(file) ? read_json(file) : json();
}

constexpr const char* kMerge =
    "merge it into its base (peft: merge_and_unload, then save_pretrained)";

std::string base_of_adapter(const fs::path& dir) {
  const json adapter = read_optional_json(dir / "adapter_config.json");
  const bool named = adapter.is_object() && adapter.contains("base_model_name_or_path") &&
                     adapter["base_model_name_or_path"].is_string();
  return named ? " for " + adapter["base_model_name_or_path"].get<std::string>() : "";
}

// An adapter beside a base changes its numbers; alone it is no model.
void refuse_adapter(const fs::path& dir) {
  for (const char* name :
       {"adapter_config.json", "adapter_model.safetensors", "adapter_model.bin"}) {
    if (!fs::exists(dir / name)) continue;
    if (!fs::exists(dir / "config.json")) {
      throw InputError(dir.string() + ": an adapter" + base_of_adapter(dir) +
                       " without its base, expected a whole model: " + kMerge);
    }
    throw InputError((dir / name).string() + ": an adapter" + base_of_adapter(dir) +
                     " beside the model, expected merged weights: " + kMerge +
                     ", or move its files away");
  }
}

// The weights in a form that we read, or an error that says what is there instead.
void require_safetensors(const fs::path& dir) {
  if (fs::exists(dir / "model.safetensors") || fs::exists(dir / "model.safetensors.index.json"))
    return;
  std::vector<std::string> others;
  for (const auto& entry : fs::directory_iterator(dir)) {
    const std::string extension = entry.path().extension().string();
    for (const char* weights :
         {".bin", ".pt", ".pth", ".safetensors", ".gguf", ".h5", ".msgpack"}) {
      if (extension == weights) others.push_back(entry.path().filename().string());
    }
  }
  std::sort(others.begin(), others.end());
  const std::string found = others.empty() ? "no weights" : "found " + others.front();
  throw InputError(dir.string() + ": " + found +
                   ", expected model.safetensors or model.safetensors.index.json (transformers: "
                   "from_pretrained, then save_pretrained; a .gguf file is named by itself)");
}

// A special token of tokenizer_config.json: a text, or an object with its content.
std::optional<int32_t> special_id(const json& config, const char* key, const TokenizerSpec& spec) {
  if (!config.is_object() || !config.contains(key)) return std::nullopt;
  json value = config[key];
  if (value.is_object()) value = value.value("content", json());
  if (!value.is_string()) return std::nullopt;
  const auto it = std::find(spec.tokens.begin(), spec.tokens.end(), value.get<std::string>());
  if (it == spec.tokens.end()) return std::nullopt;
  return static_cast<int32_t>(it - spec.tokens.begin());
}

constexpr const char* kScores = "piece_scores";

// tokenizer.json has no place for the scores of a vocabulary that came with them, and its merges
// lose which of them were equal: our own key beside it keeps both.
void read_scores(const json& config, const fs::path& file, TokenizerSpec& spec) {
  if (!config.is_object() || !config.contains(kScores)) return;
  const json& scores = config[kScores];
  const bool numbers =
      scores.is_array() &&
      std::all_of(scores.begin(), scores.end(), [](const json& s) { return s.is_number(); });
  if (!numbers || scores.size() != spec.tokens.size() || !spec.metaspace) {
    throw InputError(file.string() + ": key " + kScores + ": expected a number for each of the " +
                     std::to_string(spec.tokens.size()) + " tokens of a SentencePiece vocabulary");
  }
  spec.metaspace->scores = scores.get<std::vector<float>>();
  spec.merges.clear();
}

// The template in tokenizer_config.json: a text, or a list of named ones, of which "default" is
// taken. transformers has none when there is no such one.
std::string named_chat_template(const json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_array()) return "";
  for (const auto& entry : value) {
    if (entry.is_object() && entry.value("name", "") == "default")
      return entry.value("template", "");
  }
  return "";
}

bool same_values(const SafetensorsEntry& a, const SafetensorsEntry& b) {
  if (a.shape != b.shape) return false;
  if (a.dtype != b.dtype) return at::equal(read_tensor(a), read_tensor(b));
  return std::memcmp(a.file->bytes().data() + a.offset, b.file->bytes().data() + b.offset,
                     a.bytes) == 0;
}

// As transformers 5 does: a head in the file that is not the embedding counts, whatever the config
// says of tying.
void untie_other_head(const SafetensorsIndex& index, ModelConfig& config) {
  const auto head = index.entries.find("lm_head.weight");
  const auto embedding = index.entries.find("model.embed_tokens.weight");
  const bool both = head != index.entries.end() && embedding != index.entries.end();
  if (config.tie_embeddings && both && !same_values(head->second, embedding->second)) {
    config.tie_embeddings = false;
  }
}

// Tensors of older exports that hold nothing of the model: rotary tables, the tied head once more.
bool is_redundant(const std::string& name, const ModelConfig& config) {
  return name.ends_with("rotary_emb.inv_freq") ||
         (config.tie_embeddings && name == "lm_head.weight");
}

json generation_config(const ModelConfig& c) {
  json out = {{"_from_model_config", true}};
  if (c.bos_id) out["bos_token_id"] = *c.bos_id;
  if (!c.eos_ids.empty()) out["eos_token_id"] = eos_to_hf(c.eos_ids);
  if (c.pad_id) out["pad_token_id"] = *c.pad_id;
  return out;
}

void write_json(const fs::path& file, const json& value) {
  write_file_atomically(file, value.dump(2) + "\n");
}

}  // namespace

// In the order that files of several kinds count: chat_template.jinja, tokenizer_config.json, and
// chat_template.json, where processors kept it.
std::string chat_template_from_hf_directory(const fs::path& dir) {
  if (fs::exists(dir / "chat_template.jinja")) return read_text_file(dir / "chat_template.jinja");
  for (const char* file : {"tokenizer_config.json", "chat_template.json"}) {
    const json object = read_optional_json(dir / file);
    if (!object.is_object() || !object.contains("chat_template")) continue;
    const std::string found = named_chat_template(object["chat_template"]);
    if (!found.empty()) return found;
  }
  return "";
}

TokenizerSpec tokenizer_from_hf_directory(const fs::path& dir) {
  const fs::path file = dir / "tokenizer.json";
  TokenizerSpec spec = tokenizer_from_json(read_json(file), file.string());
  const json config = read_optional_json(dir / "tokenizer_config.json");
  spec.bos_id = special_id(config, "bos_token", spec);
  spec.eos_id = special_id(config, "eos_token", spec);
  spec.pad_id = special_id(config, "pad_token", spec);
  spec.unk_id = special_id(config, "unk_token", spec);
  read_scores(config, dir / "tokenizer_config.json", spec);
  return spec;
}

ModelFiles model_from_hf_directory(const fs::path& dir, const FileCheck& check) {
  refuse_adapter(dir);
  ModelFiles files;
  files.config = config_from_hf(read_json(dir / "config.json"), (dir / "config.json").string());
  const fs::path generation = dir / "generation_config.json";
  add_generation_ends(files.config, read_optional_json(generation), generation.string());
  files.source = dir.string();
  require_safetensors(dir);
  SafetensorsIndex index = SafetensorsIndex::open_dir(dir, check);
  files.quantization = index.dtype();
  untie_other_head(index, files.config);
  std::erase_if(index.entries, [&](const auto& e) { return is_redundant(e.first, files.config); });
  TensorShapes shapes;
  for (const auto& [name, entry] : index.entries) shapes[name] = entry.shape;
  check_shapes(files.config, shapes, files.source);
  files.tokenizer = tokenizer_from_hf_directory(dir);
  files.chat_template = chat_template_from_hf_directory(dir);
  for (const auto& [name, entry] : index.entries) files.tensors[name] = read_tensor(entry);
  return files;
}

json tokenizer_config_to_hf(const ModelFiles& files) {
  const TokenizerSpec& spec = files.tokenizer;
  json out = {{"tokenizer_class", "PreTrainedTokenizerFast"},
              {"clean_up_tokenization_spaces", false},
              {"model_max_length", files.config.max_position}};
  const auto put = [&](const char* key, const std::optional<int32_t>& id) {
    if (id) out[key] = spec.tokens.at(static_cast<size_t>(*id));
  };
  put("bos_token", spec.bos_id);
  put("eos_token", spec.eos_id);
  put("pad_token", spec.pad_id);
  put("unk_token", spec.unk_id);
  if (spec.metaspace && !spec.metaspace->scores.empty()) out[kScores] = spec.metaspace->scores;
  if (!files.chat_template.empty()) out["chat_template"] = files.chat_template;
  return out;
}

void save_hf_directory(const ModelFiles& files, const fs::path& target,
                       const std::function<void(const fs::path&)>& complete) {
  validate(files.config);
  check_tensors(files);
  const fs::path dir = target.has_filename() ? target : target.parent_path();
  if (fs::exists(dir) && !(fs::is_directory(dir) && fs::is_empty(dir))) {
    throw InputError(dir.string() + ": exists, expected a new or an empty folder");
  }
  fs::path temporary = dir;
  temporary += ".tmp";
  fs::remove_all(temporary);  // what an interrupted export left
  try {
    fs::create_directories(temporary);
    write_json(temporary / "config.json", config_to_hf(files.config));
    write_json(temporary / "generation_config.json", generation_config(files.config));
    write_json(temporary / "tokenizer.json", tokenizer_to_json(files.tokenizer));
    write_json(temporary / "tokenizer_config.json", tokenizer_config_to_hf(files));
    if (!files.chat_template.empty()) {
      write_file_atomically(temporary / "chat_template.jinja", files.chat_template);
    }
    write_safetensors(temporary / "model.safetensors", files.tensors, {{"format", "pt"}});
    if (complete) complete(temporary);
    fs::rename(temporary, dir);
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(temporary, ignored);
    throw;
  }
  sync_directory(dir.has_parent_path() ? dir.parent_path() : ".");
}

}  // namespace charter::model
