// charter score: {id?, prompt or messages, continuation} in, {id, logprob, tokens, logprobs} out,
// or {id, error} for a row that the context does not hold. Prompt and continuation are tokenized
// apart, so that a continuation's score does not depend on how its first characters would merge
// with the prompt's last.
#include <CLI/CLI.hpp>
#include <memory>
#include <numeric>

#include "cli/commands.hpp"
#include "cli/engine_job.hpp"
#include "cli/row_prompt.hpp"

namespace charter::cli {
namespace {

struct ScoreArguments {
  EngineArguments engine;
  double temperature = 1.0;
};

RowRequest request_of(const EngineJob& job, const feedback::JsonRow& row, double temperature) {
  RowRequest result;
  model::GenerationRequest& request = result.request;
  // An answer of a conversation is what somebody wrote: "<|im_end|>" in it is text, as it is in a
  // message. A prompt's continuation is text as it stands, like the prompt.
  const bool answer = row.has("messages");
  request.prompt = encode_prompt(job, row);
  request.continuation = job.tokenizer->encode(row.text("continuation"), /*parse_special=*/!answer,
                                               before_continuation(job, row, request.prompt));
  if (request.continuation.empty())
    feedback::fail(*row.file, row.line, "key 'continuation' is empty");
  request.sampling.temperature = temperature;
  result.refusal = too_long(job, request.prompt, static_cast<int64_t>(request.continuation.size()));
  return result;
}

void run_score(const ScoreArguments& arguments) {
  const InputRows input(arguments.engine.in);
  require_prompts(input);
  input.require_text("continuation");
  EngineJob job = load_engine(arguments.engine, input);
  std::vector<RowRequest> rows;
  for (const feedback::JsonRow& row : input.rows) {
    rows.push_back(request_of(job, row, arguments.temperature));
  }
  answer_rows(
      arguments.engine, job, input, std::move(rows),
      [&input](size_t i, const model::Completion& c) -> nlohmann::ordered_json {
        const double sum = std::accumulate(c.logprobs.begin(), c.logprobs.end(), 0.0);
        return {
            {"id", input.id(i)}, {"logprob", sum}, {"tokens", c.tokens}, {"logprobs", c.logprobs}};
      });
}

}  // namespace

void add_score(CLI::App& app) {
  CLI::App* command = app.add_subcommand(
      "score",
      "log-probability of given continuations: JSONL of {id?, prompt, continuation} or {id?, "
      "messages: [{role, content}], continuation} in, {id, logprob, tokens, logprobs} out; {id, "
      "error} for a row longer than "
      "the context");
  const auto a = std::make_shared<ScoreArguments>();
  add_engine_options(*command, a->engine);
  command->add_option("--temperature", a->temperature, "divides the logits")
      ->check(CLI::Range(0.01, 100.0))
      ->capture_default_str();
  command->callback([a] { run_score(*a); });
}

}  // namespace charter::cli
