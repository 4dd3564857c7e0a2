// A Hugging Face model directory, in and out. load_model and save_hf_directory are the public way.
#pragma once
#include <filesystem>
#include <nlohmann/json_fwd.hpp>

#include "model/model_files.hpp"

namespace charter::model {

[[nodiscard]] ModelFiles model_from_hf_directory(const std::filesystem::path& dir,
                                                 const FileCheck& check = {});
[[nodiscard]] TokenizerSpec tokenizer_from_hf_directory(const std::filesystem::path& dir);

[[nodiscard]] std::string chat_template_from_hf_directory(const std::filesystem::path& dir);

// tokenizer_config.json of a model: its special tokens, length and chat template.
[[nodiscard]] nlohmann::json tokenizer_config_to_hf(const ModelFiles& files);

}  // namespace charter::model
