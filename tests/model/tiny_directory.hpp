// A model's directory as transformers writes it, made of one of tests/golden/tiny.
#pragma once
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "model/tokenizer_spec.hpp"

namespace charter::model {

class TinyDirectory {
 public:
  // base: the name of a model there.
  explicit TinyDirectory(const std::string& base)
      : source_(std::filesystem::path(CHARTER_SOURCE_DIR) / "tests/golden/tiny" / base) {
    std::filesystem::remove_all(path);
    std::filesystem::create_directories(path);
    std::filesystem::copy(source_ / "model.safetensors", path / "model.safetensors");
    std::ifstream in(source_ / "config.json");
    config = nlohmann::json::parse(in);
    write("config.json", config);
    TokenizerSpec spec;  // letters alone: no test reads texts with it
    for (char c = 'a'; c <= 'z'; ++c) spec.tokens.emplace_back(1, c);
    write("tokenizer.json", tokenizer_to_json(spec));
  }
  ~TinyDirectory() { std::filesystem::remove_all(path); }
  TinyDirectory(const TinyDirectory&) = delete;
  TinyDirectory& operator=(const TinyDirectory&) = delete;

  void write(const std::string& name, const nlohmann::json& value) const {
    std::ofstream(path / name) << value.dump();
  }
  // config.json with these keys besides its own.
  void set(const nlohmann::json& more) {
    if (!more.empty()) config.update(more);
    write("config.json", config);
  }

  const std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("charter_tiny_" + std::to_string(::getpid()));
  nlohmann::json config;

 private:
  std::filesystem::path source_;
};

}  // namespace charter::model
