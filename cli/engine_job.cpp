#include "cli/engine_job.hpp"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <iostream>
#include <optional>
#include <stdexcept>
#include <thread>

#include "actors/kept_model.hpp"
#include "cli/environment.hpp"
#include "cli/machine_probe.hpp"
#include "cli/output_file.hpp"
#include "cli/row_prompt.hpp"
#include "model/packed_model.hpp"
#include "model/transformer.hpp"

namespace charter::cli {
namespace {

// Runs all requests; calls done(i, completion of requests[i]) in their order. Ids are set here.
void run_requests(EngineJob& job, std::vector<model::GenerationRequest> requests,
                  const std::function<void(size_t, const model::Completion&)>& done) {
  const size_t count = requests.size();
  for (size_t i = 0; i < count; ++i) {
    requests[i].id = i;
    job.engine->submit(std::move(requests[i]));
  }
  // Completions come as they finish; rows are written in the order they were read.
  std::vector<std::optional<model::Completion>> waiting(count);
  size_t next = 0;
  while (!job.engine->idle()) {
    for (model::Completion& completion : job.engine->step()) {
      waiting[completion.id] = std::move(completion);
    }
    for (; next < count && waiting[next]; ++next) {
      done(next, *waiting[next]);
      waiting[next].reset();
    }
  }
  if (next != count) {
    throw std::logic_error("engine is idle after " + std::to_string(next) + " of " +
                           std::to_string(count) + " rows");
  }
}

// One line: tokens and tokens/s of prefill and decode, prefix hit rate, seconds, peak memory.
std::string stats_line(const EngineJob& job, size_t rows, double seconds) {
  const model::EngineStats& s = job.engine->stats();
  const auto rate = [](int64_t part, double whole) {
    return whole > 0 ? static_cast<double>(part) / whole : 0.0;
  };
  return json_line(
      {{"rows", rows},
       {"prefill_tokens", s.prefill_tokens},
       {"prefill_tokens_per_second", rate(s.prefill_tokens, s.prefill_seconds)},
       {"decode_tokens", s.decode_tokens},
       {"decode_tokens_per_second", rate(s.decode_tokens, s.decode_seconds)},
       {"prefix_hit_rate", rate(s.prefix_hit_tokens, static_cast<double>(s.prefix_lookup_tokens))},
       {"load_seconds", job.load_seconds},
       {"run_seconds", seconds},
       {"peak_memory_bytes", peak_memory_bytes()}});
}

// Says on standard error that rows have no answer. Returns how many have one.
size_t count_answers(const InputRows& input, const std::vector<RowRequest>& rows) {
  std::string first;
  size_t refused = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].refusal.empty() || refused++ > 0) continue;
    first = input.place(i) + ": " + rows[i].refusal;
  }
  if (refused == rows.size()) throw std::runtime_error(first);
  if (refused > 0) {
    std::cerr << first << "; " << refused << " of " << rows.size()
              << " rows have no answer, the others go on\n";
  }
  return rows.size() - refused;
}

}  // namespace

void add_engine_options(CLI::App& command, EngineArguments& a) {
  command.add_option("--model", a.model, "GGUF file or directory; default CHARTER_MODEL");
  command.add_option("--in", a.in, "JSONL, - for standard input")->capture_default_str();
  command.add_option("--out", a.out, "JSONL, - for standard output")->capture_default_str();
  command
      .add_option("--chat-format", a.chat_format,
                  "writes messages, instead of the model's own template")
      ->check(CLI::IsMember({"chatml", "llama3", "mistral", "plain"}));
  command.add_option("--batch", a.batch, "sequences at once")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  command.add_option("--context", a.context, "tokens of prompt and response together")
      ->check(CLI::Range(int64_t{2}, int64_t{1} << 20))
      ->capture_default_str();
  command.add_option("--precision", a.precision, "of the linear layers")
      ->check(CLI::IsMember({"float32", "bfloat16", "int8"}))
      ->capture_default_str();
  command
      .add_option("--prefix-cache-mib", a.prefix_cache_mib, "keys and values of shared prefixes")
      ->check(CLI::Range(int64_t{0}, int64_t{1} << 20))
      ->capture_default_str();
  command.add_option("--threads", a.threads, "0: one a core")->check(CLI::Range(0, 1024));
  command.add_flag("--stats", a.stats,
                   "one JSON line of rates and memory: on standard output, or standard error when "
                   "that holds the rows");
}

EngineJob load_engine(const EngineArguments& arguments, const InputRows& input) {
  const auto start = std::chrono::steady_clock::now();
  const int32_t cores = std::max(1, static_cast<int32_t>(std::thread::hardware_concurrency()));
  at::set_num_threads(arguments.threads > 0 ? arguments.threads : cores);
  const at::NoGradGuard no_grad;
  const std::string path = model_or_default(arguments.model);
  const model::ModelFiles files = actors::load_kept_model(path);

  EngineJob job;
  job.config = files.config;
  job.context = std::min(arguments.context, files.config.longest_text());
  job.tokenizer = std::make_shared<const model::Tokenizer>(files.tokenizer);
  job.chat = chat_job(input, arguments.chat_format, files, *job.tokenizer);
  const auto precision = model::precision_from_name(arguments.precision);
  const model::EngineOptions options{.max_batch = arguments.batch,
                                     .max_context = job.context,
                                     .prefix_cache_bytes = arguments.prefix_cache_mib << 20};
  job.engine = std::make_unique<model::Engine>(
      model::PackedModel::make(model::make_transformer(files), precision), job.tokenizer,
      model::WeightVersion{}, options);
  job.load_seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return job;
}

void answer_rows(
    const EngineArguments& arguments, EngineJob& job, const InputRows& input,
    std::vector<RowRequest> rows,
    const std::function<nlohmann::ordered_json(size_t, const model::Completion&)>& answer) {
  std::vector<model::GenerationRequest> requests;
  std::vector<size_t> row_of;
  requests.reserve(count_answers(input, rows));
  for (size_t i = 0; i < rows.size(); ++i) {
    if (!rows[i].refusal.empty()) continue;
    requests.push_back(std::move(rows[i].request));
    row_of.push_back(i);
  }
  OutputFile output(arguments.out);
  size_t written = 0;
  const auto write_refusals = [&](size_t end) {
    for (; written < end; ++written) {
      output.stream() << json_line({{"id", input.id(written)}, {"error", rows[written].refusal}})
                      << "\n";
    }
  };
  const auto start = std::chrono::steady_clock::now();
  run_requests(job, std::move(requests), [&](size_t k, const model::Completion& completion) {
    write_refusals(row_of[k]);
    // At once: a row took its time, and whoever reads a pipe waits for it.
    output.stream() << json_line(answer(row_of[k], completion)) << std::endl;
    ++written;
  });
  write_refusals(rows.size());
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  output.commit();
  if (arguments.stats)
    (output.is_stdout() ? std::cerr : std::cout)
        << stats_line(job, rows.size(), seconds.count()) << "\n";
}

}  // namespace charter::cli
