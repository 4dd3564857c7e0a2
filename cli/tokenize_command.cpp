// charter tokenize: {id?, text} in, {id, tokens} out.
#include <CLI/CLI.hpp>
#include <chrono>
#include <iostream>
#include <memory>

#include "cli/commands.hpp"
#include "cli/environment.hpp"
#include "cli/jsonl.hpp"
#include "cli/machine_probe.hpp"
#include "cli/output_file.hpp"
#include "model/model_files.hpp"
#include "model/tokenizer.hpp"

namespace charter::cli {
namespace {

struct TokenizeArguments {
  std::string model, in = "-", out = "-";
  bool no_special = false;
  bool stats = false;
};

void run_tokenize(const TokenizeArguments& arguments) {
  const InputRows input(arguments.in);
  // All of them before the first is written.
  for (const feedback::JsonRow& row : input.rows) (void)row.text("text");
  const model::Tokenizer tokenizer(model::load_tokenizer(model_or_default(arguments.model)));
  OutputFile output(arguments.out);
  const auto start = std::chrono::steady_clock::now();
  size_t total = 0;
  for (size_t i = 0; i < input.rows.size(); ++i) {
    const auto tokens = tokenizer.encode(input.rows[i].text("text"), !arguments.no_special);
    total += tokens.size();
    output.stream() << json_line({{"id", input.id(i)}, {"tokens", tokens}}) << "\n";
  }
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  output.commit();
  if (!arguments.stats) return;
  (output.is_stdout() ? std::cerr : std::cout)
      << json_line({{"rows", input.rows.size()},
                    {"tokens", total},
                    {"tokens_per_second", static_cast<double>(total) / seconds.count()},
                    {"run_seconds", seconds.count()},
                    {"peak_memory_bytes", peak_memory_bytes()}})
      << "\n";
}

}  // namespace

void add_tokenize(CLI::App& app) {
  CLI::App* command = app.add_subcommand("tokenize", "text to token ids, JSONL in and out");
  const auto arguments = std::make_shared<TokenizeArguments>();
  command->add_option("--model", arguments->model, "GGUF file or directory; default CHARTER_MODEL");
  command->add_option("--in", arguments->in, "JSONL of {id?, text}, - for standard input")
      ->capture_default_str();
  command->add_option("--out", arguments->out, "JSONL of {id, tokens}, - for standard output")
      ->capture_default_str();
  command->add_flag("--no-special", arguments->no_special,
                    "the text of special tokens is ordinary text");
  command->add_flag("--stats", arguments->stats,
                    "one JSON line of the rate and memory: on standard output, or standard error "
                    "when that holds the rows");
  command->callback([arguments] { run_tokenize(*arguments); });
}

}  // namespace charter::cli
