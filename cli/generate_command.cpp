// charter generate: {id?, prompt or messages} in, {id, text, tokens, logprobs, finish} out, or {id,
// error} for a row that the context does not hold.
#include <CLI/CLI.hpp>
#include <memory>

#include "cli/commands.hpp"
#include "cli/engine_job.hpp"
#include "cli/row_prompt.hpp"
#include "feedback/counter_rng.hpp"
#include "model/sampler.hpp"

namespace charter::cli {
namespace {

struct GenerateArguments {
  EngineArguments engine;
  model::SamplingParams sampling;
  uint64_t seed = 0;
};

const char* name(model::FinishReason reason) {
  switch (reason) {
    case model::FinishReason::kStopToken:
      return "stop_token";
    case model::FinishReason::kStopString:
      return "stop_string";
    case model::FinishReason::kLength:
      return "length";
    case model::FinishReason::kContext:
      return "context";
    case model::FinishReason::kScored:
      return "scored";
    case model::FinishReason::kCancelled:
      break;
  }
  return "cancelled";
}

void run_generate(const GenerateArguments& arguments) {
  const InputRows input(arguments.engine.in);
  require_prompts(input);
  EngineJob job = load_engine(arguments.engine, input);
  std::vector<RowRequest> rows(input.rows.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    model::GenerationRequest& request = rows[i].request;
    request.prompt = encode_prompt(job, input.rows[i]);
    rows[i].refusal = too_long(job, request.prompt, 1);
    request.sampling = arguments.sampling;
    add_stops(job, input.rows[i], request.sampling);
    request.sampling.seed = feedback::draw_bits({.seed = arguments.seed, .work_id = i});
  }
  answer_rows(arguments.engine, job, input, std::move(rows),
              [&input](size_t i, const model::Completion& c) -> nlohmann::ordered_json {
                return {{"id", input.id(i)},
                        {"text", c.text},
                        {"tokens", c.tokens},
                        {"logprobs", c.logprobs},
                        {"finish", name(c.finish)}};
              });
}

}  // namespace

void add_generate(CLI::App& app) {
  CLI::App* command = app.add_subcommand(
      "generate",
      "answer prompts: JSONL of {id?, prompt} or {id?, messages: [{role, content}]} in, {id, text, "
      "tokens, logprobs, finish} out; {id, error} for a row longer than the context");
  const auto a = std::make_shared<GenerateArguments>();
  add_engine_options(*command, a->engine);
  command->add_option("--max-new-tokens", a->sampling.max_new_tokens, "of each answer")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  command->add_option("--temperature", a->sampling.temperature, "0: greedy")
      ->check(CLI::Range(0.0, 0.0) | CLI::Range(model::kMinTemperature, 100.0))
      ->capture_default_str();
  command->add_option("--top-p", a->sampling.top_p, "nucleus; 1: off")
      ->check(CLI::Range(1e-6, 1.0))
      ->capture_default_str();
  command->add_option("--seed", a->seed, "of all samples; each row draws from it by its number")
      ->capture_default_str();
  command->add_option("--stop", a->sampling.stop, "ends an answer before this text; repeatable")
      ->take_all();
  command->callback([a] { run_generate(*a); });
}

}  // namespace charter::cli
