// What `generate` and `score` share: options, loading, running rows through one engine, statistics.
#pragma once
#include <ctime>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/jsonl.hpp"
#include "model/chat_template.hpp"
#include "model/engine.hpp"
#include "model/model_files.hpp"

namespace CLI {
class App;
}

namespace charter::cli {

struct EngineArguments {
  std::string model, in = "-", out = "-";
  std::string chat_format;            // of conversations; "": the model's own template
  std::string precision = "float32";  // float32, bfloat16, int8
  int32_t batch = 32;                 // sequences at once
  int64_t context = 2048;             // tokens, prompt and response; at most the model's
  int64_t prefix_cache_mib = 256;
  int32_t threads = 0;  // 0: one a core
  bool stats = false;
};

// Registers those options on a command.
void add_engine_options(CLI::App& command, EngineArguments& arguments);

// How the rows that are conversations are written, and what ends their answers.
struct ChatJob {
  model::ChatTemplate chat;
  std::tm now;  // that templates are told, local time
  std::vector<int32_t> stop_ids;
  std::vector<std::string> stop_strings;
};

struct EngineJob {
  model::ModelConfig config;
  std::shared_ptr<const model::Tokenizer> tokenizer;
  std::unique_ptr<model::Engine> engine;
  std::optional<ChatJob> chat;  // when there are such rows
  int64_t context = 0;          // tokens
  double load_seconds = 0;      // read and packed
};

// input: the rows it will run. Throws std::runtime_error for a model that cannot be read, or that
// has no chat template, or one that does not parse, when a row is a conversation.
[[nodiscard]] EngineJob load_engine(const EngineArguments& arguments, const InputRows& input);

// One row as the engine takes it, or the reason why it cannot.
struct RowRequest {
  model::GenerationRequest request;
  std::string refusal;  // empty: there is none
};

// Runs the rows' requests and writes a line for every row to --out in their order: answer(i,
// completion), or {"id", "error"} for a row that was refused, which standard error says too. Then
// the statistics. Throws std::runtime_error "FILE:LINE: ..." of the first row, with nothing
// written, when all are refused.
void answer_rows(
    const EngineArguments& arguments, EngineJob& job, const InputRows& input,
    std::vector<RowRequest> rows,
    const std::function<nlohmann::ordered_json(size_t, const model::Completion&)>& answer);

}  // namespace charter::cli
