#include "model/model_files.hpp"

#include <ATen/ATen.h>

#include "model/gguf_model.hpp"
#include "model/hf_directory.hpp"
#include "model/input_error.hpp"
#include "model/tensor_table.hpp"

namespace charter::model {
namespace {

ModelFiles load_files(const std::filesystem::path& path, const FileCheck& check) {
  if (std::filesystem::is_directory(path)) return model_from_hf_directory(path, check);
  return model_from_gguf(GgufFile::open(path));
}

}  // namespace

void check_tensors(const ModelFiles& files) {
  TensorShapes shapes;
  for (const auto& [name, tensor] : files.tensors) shapes[name] = tensor.sizes().vec();
  check_shapes(files.config, shapes, files.source);
}

ModelFiles load_model(const std::filesystem::path& path, const FileCheck& check) {
  ModelFiles files = load_files(path, check);
  const auto tokens = static_cast<int64_t>(files.tokenizer.tokens.size());
  if (tokens > files.config.vocab_size) {
    throw InputError(files.source + ": the tokenizer has " + std::to_string(tokens) +
                     " tokens, expected at most the embedding's " +
                     std::to_string(files.config.vocab_size));
  }
  for (const int64_t id : files.config.eos_ids) {
    files.tokenizer.end_ids.push_back(static_cast<int32_t>(id));
  }
  return files;
}

TokenizerSpec load_tokenizer(const std::filesystem::path& path) {
  if (std::filesystem::is_directory(path)) return tokenizer_from_hf_directory(path);
  return tokenizer_from_gguf(GgufFile::open(path));
}

std::string load_chat_template(const std::filesystem::path& path) {
  if (std::filesystem::is_directory(path)) return chat_template_from_hf_directory(path);
  return chat_template_from_gguf(GgufFile::open(path));
}

}  // namespace charter::model
