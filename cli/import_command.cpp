// charter import MODEL DIR: any model we read, as a Hugging Face directory in float32, which starts
// faster than the original because it is mapped instead of dequantised.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "actors/kept_model.hpp"
#include "cli/commands.hpp"
#include "cli/jsonl.hpp"
#include "model/model_files.hpp"

namespace charter::cli {
namespace {

struct ImportArguments {
  std::string model, directory;
  bool json = false;
};

void run_import(const ImportArguments& arguments) {
  const model::ModelFiles files = actors::load_kept_model(arguments.model);
  model::save_hf_directory(files, arguments.directory);
  if (arguments.json) {
    std::cout << json_line({{"model", arguments.model},
                            {"directory", arguments.directory},
                            {"family", std::string(model::family_name(files.config.family))},
                            {"layers", files.config.num_layers},
                            {"tensors", files.tensors.size()},
                            {"stored_as", files.quantization}})
              << "\n";
    return;
  }
  std::cout << arguments.directory << ": " << model::family_name(files.config.family) << ", "
            << files.config.num_layers << " layers, " << files.tensors.size()
            << " tensors, float32 from " << files.quantization << "\n";
}

}  // namespace

void add_import(CLI::App& app) {
  CLI::App* command =
      app.add_subcommand("import", "turn a GGUF file or model directory into a model directory");
  const auto arguments = std::make_shared<ImportArguments>();
  command->add_option("MODEL", arguments->model, "GGUF file or Hugging Face directory")->required();
  command->add_option("DIR", arguments->directory, "new directory")->required();
  command->add_flag("--json", arguments->json, "what was imported, as one JSON line");
  command->callback([arguments] { run_import(*arguments); });
}

}  // namespace charter::cli
