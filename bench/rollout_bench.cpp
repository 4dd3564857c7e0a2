// Rollouts and labels by our engine, in tokens or labels a second.
//   rollout: prompts of --prompt tokens, --new tokens each at T=1 (long_tail: 8 to 256), no stop
//            token; new tokens/s from the first submit to the last completion. Case shared: four
//            samples of each prompt.
//   labels:  one --prefix token prefix and a --tail each, the log-probabilities of two tokens after
//            it; labels/s with the prefix computed in the run (plain) or before it (reused).
// Sizes and token ids are those of bench/peers/workload.py. A check: log-probabilities of the first
// greedy tokens (rollout), of the two options (labels).
#include <ATen/Parallel.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>

#include "bench/model_sizes.hpp"
#include "bench/serve.hpp"
#include "bench/workload.hpp"
#include "model/engine.hpp"
#include "model/kernels.hpp"
#include "model/model_files.hpp"
#include "model/transformer.hpp"

namespace {

using namespace charter::model;
namespace bench = charter::bench;

struct Options {
  std::string model, work = "rollout", bench_case = "plain", precision = "float32";
  int batch = 32, prompt = 64, new_tokens = 64, prefix = 900, tail = 155, runs = 5;
  int threads = 0;
  std::string isa;
  bool serve = false;
};

constexpr uint64_t kPrefixSeed = 12345;
constexpr int kSamplesOfAPrompt = 4;  // case shared
constexpr int kCheckPrompts = 4, kCheckTokens = 4;

std::vector<GenerationRequest> label_requests(const Options& o, uint64_t run, int64_t vocab) {
  const auto prefix = bench::token_ids(o.prefix, kPrefixSeed, vocab);
  std::vector<GenerationRequest> result;
  for (const auto& tail :
       bench::sequences(std::vector<int64_t>(static_cast<size_t>(o.batch), o.tail), run, vocab)) {
    GenerationRequest r;
    r.id = result.size();
    r.prompt = prefix;
    r.prompt.insert(r.prompt.end(), tail.begin(), tail.end());
    r.candidates = {100, 101};  // any two ids
    result.push_back(std::move(r));
  }
  return result;
}

std::vector<GenerationRequest> rollout_requests(const Options& o, uint64_t run, int64_t vocab) {
  const auto prompts =
      bench::sequences(std::vector<int64_t>(static_cast<size_t>(o.batch), o.prompt), run, vocab);
  const auto lengths = bench::long_tail(o.batch);
  std::vector<GenerationRequest> result;
  for (size_t i = 0; i < prompts.size(); ++i) {
    GenerationRequest r;
    r.id = i;
    r.prompt = prompts[o.bench_case == "shared" ? i / kSamplesOfAPrompt : i];
    r.sampling.seed = run * 1000 + r.id;
    r.sampling.max_new_tokens =
        o.bench_case == "long_tail" ? static_cast<int32_t>(lengths[i]) : o.new_tokens;
    result.push_back(std::move(r));
  }
  return result;
}

// Completions by request id.
std::vector<Completion> finish(Engine& engine, std::vector<GenerationRequest> requests) {
  std::vector<Completion> result(requests.size());
  for (auto& request : requests) engine.submit(std::move(request));
  while (!engine.idle()) {
    for (Completion& c : engine.step()) result[c.id] = std::move(c);
  }
  return result;
}

Engine make_engine(const Options& o, const std::shared_ptr<const PackedModel>& model) {
  EngineOptions options{.max_batch = o.batch};
  options.max_context = std::min<int64_t>(model->config().longest_text(), 2048);
  return Engine(model, nullptr, {}, options);
}

bench::Measured measure(const Options& o, const std::shared_ptr<const PackedModel>& model,
                        uint64_t run) {
  const int64_t vocab = model->config().vocab_size;
  Engine engine = make_engine(o, model);
  const bool labels = o.work == "labels";
  if (labels && o.bench_case == "reused") {
    auto first = label_requests(o, run + 1'000'000, vocab);
    first.resize(1);
    (void)finish(engine, std::move(first));
  }
  const EngineStats before = engine.stats();
  auto requests = labels ? label_requests(o, run, vocab) : rollout_requests(o, run, vocab);
  bench::Measured m;
  m.seconds = bench::seconds_of([&] {
    for (const Completion& c : finish(engine, std::move(requests))) {
      m.amount += labels ? 1.0 : static_cast<double>(c.tokens.size());
    }
  });
  const EngineStats& after = engine.stats();
  const auto rate = [&m](const char* name, int64_t tokens, double seconds) {
    if (seconds > 0) m.parts[name] = static_cast<double>(tokens) / seconds;
  };
  rate("prefill", after.prefill_tokens - before.prefill_tokens,
       after.prefill_seconds - before.prefill_seconds);
  rate("decode", after.decode_tokens - before.decode_tokens,
       after.decode_seconds - before.decode_seconds);
  return m;
}

std::vector<double> check(Options o, const std::shared_ptr<const PackedModel>& model) {
  o.bench_case = "plain";
  if (o.work == "rollout") o.batch = std::min(o.batch, kCheckPrompts);
  const int64_t vocab = model->config().vocab_size;
  auto requests = o.work == "labels" ? label_requests(o, 0, vocab) : rollout_requests(o, 0, vocab);
  for (auto& r : requests) {
    r.sampling.temperature = 0.0;
    r.sampling.max_new_tokens = kCheckTokens;
  }
  Engine engine = make_engine(o, model);
  std::vector<double> numbers;
  for (const Completion& c : finish(engine, std::move(requests))) {
    numbers.insert(numbers.end(), c.logprobs.begin(), c.logprobs.end());
  }
  return numbers;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Rollouts and labels of the engine");
  Options o;
  app.add_option("--model", o.model, "GGUF file or Hugging Face directory")->required();
  app.add_option("--work", o.work)
      ->check(CLI::IsMember({"rollout", "labels"}))
      ->capture_default_str();
  app.add_option("--case", o.bench_case)
      ->check(CLI::IsMember({"plain", "long_tail", "shared", "reused"}))
      ->capture_default_str();
  app.add_option("--precision", o.precision)
      ->check(CLI::IsMember({"float32", "bfloat16", "int8"}))
      ->capture_default_str();
  app.add_option("--batch", o.batch)->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--prompt", o.prompt)->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--new", o.new_tokens)->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--prefix", o.prefix)->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--tail", o.tail)->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--runs", o.runs)->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--threads", o.threads, "0: as many as cores")->capture_default_str();
  app.add_option("--isa", o.isa, "kernels: avx2, avx512 ...; default the CPU's best");
  app.add_flag("--serve", o.serve, "measure once for each line on stdin");
  CLI11_PARSE(app, argc, argv);
  try {
    if (o.threads > 0) at::set_num_threads(o.threads);
    if (!o.isa.empty()) charter::model::use_kernels(o.isa);
    const auto model =
        PackedModel::make(make_transformer(load_model(o.model)), precision_from_name(o.precision));
    const bench::Work work{[&](uint64_t run) { return measure(o, model, run); },
                           [&] { return check(o, model); }, bench::model_sizes(model->config())};
    o.serve ? bench::serve(work) : bench::print_runs(work, o.runs);
  } catch (const std::exception& e) {
    std::cerr << "charter_rollout_bench: " << e.what() << "\n";
    return 1;
  }
  return 0;
}
