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

// Runs all requests; calls done(i, completion of requests[i]) in their order. Ids are set here.
void run_requests(EngineJob& job, std::vector<model::GenerationRequest> requests,
                  const std::function<void(size_t, const model::Completion&)>& done);

// One line: tokens and tokens/s of prefill and decode, prefix hit rate, seconds, peak memory.
[[nodiscard]] std::string stats_line(const EngineJob& job, size_t rows, double seconds);

}  // namespace charter::cli
