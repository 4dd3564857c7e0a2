// Rollouts and labels by our engine, in tokens or labels a second.
//   rollout: --batch prompts of --prompt random tokens, --new tokens each at T=1, no stop token;
//            new tokens/s from the first submit to the last completion.
//   labels:  --batch prompts of one --prefix token prefix and a --tail of their own, the
//            log-probabilities of two tokens after each; labels/s with the prefix computed in the
//            run (--warm: before it).
// --serve speaks the line protocol of bench/peers: after loading and a warm-up it prints
// {"ready":true}; for each line {"run":K} it runs once, on prompts drawn from K, and prints
// {"value": rate, "seconds": s}. Without it --runs measurements and their parts are printed.
#include <ATen/Parallel.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "model/engine.hpp"
#include "model/model_files.hpp"
#include "model/transformer.hpp"

namespace {

using namespace charter::model;

struct Options {
  std::string model, work = "rollout";
  int batch = 32, prompt = 64, new_tokens = 64, prefix = 900, tail = 155, chunk = 512, runs = 5;
  int threads = 0;
  bool serve = false, warm = false;
};

std::vector<int32_t> random_tokens(int64_t count, uint64_t& state, int64_t vocab) {
  std::vector<int32_t> result;
  for (int64_t i = 0; i < count; ++i) {
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    result.push_back(static_cast<int32_t>((state >> 33) % static_cast<uint64_t>(vocab)));
  }
  return result;
}

std::vector<GenerationRequest> requests_of(const Options& o, uint64_t run, int64_t vocab) {
  uint64_t state = run + 1, prefix_state = 12345;
  const auto prefix = random_tokens(o.prefix, prefix_state, vocab);
  std::vector<GenerationRequest> result;
  for (int i = 0; i < o.batch; ++i) {
    GenerationRequest r;
    r.id = static_cast<uint64_t>(i);
    r.sampling.seed = run * 1000 + r.id;
    if (o.work == "labels") {
      const auto tail = random_tokens(o.tail, state, vocab);
      r.prompt = prefix;
      r.prompt.insert(r.prompt.end(), tail.begin(), tail.end());
      r.candidates = {330, 389};  // any two ids
    } else {
      r.prompt = random_tokens(o.prompt, state, vocab);
      r.sampling.max_new_tokens = o.new_tokens;
    }
    result.push_back(std::move(r));
  }
  return result;
}

int64_t finish(Engine& engine) {
  int64_t tokens = 0;
  while (!engine.idle()) {
    for (const Completion& c : engine.step()) tokens += static_cast<int64_t>(c.tokens.size());
  }
  return tokens;
}

struct Measurement {
  double rate = 0, seconds = 0;
  EngineStats stats;
};

Measurement measure(const Options& o, const std::shared_ptr<const PackedModel>& model,
                    uint64_t run) {
  EngineOptions options{.max_batch = o.batch, .prefill_chunk_tokens = o.chunk};
  options.max_context = std::min<int64_t>(model->config().max_position, 2048);
  Engine engine(model, nullptr, {}, options);
  if (o.warm) {
    auto first = requests_of(o, run + 1'000'000, model->config().vocab_size);
    engine.submit(std::move(first.front()));
    (void)finish(engine);
  }
  const auto begin = std::chrono::steady_clock::now();
  for (auto& request : requests_of(o, run, model->config().vocab_size))
    engine.submit(std::move(request));
  const int64_t tokens = finish(engine);
  const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - begin;
  const double done = o.work == "labels" ? o.batch : static_cast<double>(tokens);
  return {done / spent.count(), spent.count(), engine.stats()};
}

void serve(const Options& o, const std::shared_ptr<const PackedModel>& model) {
  (void)measure(o, model, 0);  // first touch of memory and threads
  std::cout << R"({"ready":true})" << std::endl;
  std::string line;
  while (std::getline(std::cin, line)) {
    if (line.empty()) continue;
    const auto run = nlohmann::json::parse(line).value("run", uint64_t{1});
    const Measurement m = measure(o, model, run + 1);
    std::cout << nlohmann::json{{"value", m.rate}, {"seconds", m.seconds}}.dump() << std::endl;
  }
}

void print_runs(const Options& o, const std::shared_ptr<const PackedModel>& model) {
  for (int run = 0; run < o.runs; ++run) {
    const Measurement m = measure(o, model, static_cast<uint64_t>(run));
    const auto rate = [](int64_t n, double s) { return s > 0 ? static_cast<double>(n) / s : 0.0; };
    std::cout << nlohmann::json{{"work", o.work},
                                {"batch", o.batch},
                                {"value", m.rate},
                                {"prefill_tokens_per_s",
                                 rate(m.stats.prefill_tokens, m.stats.prefill_seconds)},
                                {"decode_tokens_per_s",
                                 rate(m.stats.decode_tokens, m.stats.decode_seconds)},
                                {"prefix_hit_tokens", m.stats.prefix_hit_tokens}}
                     .dump()
              << std::endl;
  }
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Rollouts and labels of the engine");
  Options o;
  app.add_option("--model", o.model, "GGUF file or Hugging Face directory")->required();
  app.add_option("--work", o.work)
      ->check(CLI::IsMember({"rollout", "labels"}))
      ->capture_default_str();
  app.add_option("--batch", o.batch)->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--prompt", o.prompt)->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--new", o.new_tokens)->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--prefix", o.prefix)->capture_default_str();
  app.add_option("--tail", o.tail)->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--chunk", o.chunk)->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--runs", o.runs)->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--threads", o.threads, "0: as many as cores")->capture_default_str();
  app.add_flag("--warm", o.warm, "labels: the prefix is in the cache before the run");
  app.add_flag("--serve", o.serve, "measure once for each line on stdin");
  CLI11_PARSE(app, argc, argv);
  try {
    if (o.threads > 0) at::set_num_threads(o.threads);
    const Transformer transformer = make_transformer(load_model(o.model));
    const auto model = PackedModel::make(transformer);
    o.serve ? serve(o, model) : print_runs(o, model);
  } catch (const std::exception& e) {
    std::cerr << "charter_rollout_bench: " << e.what() << "\n";
    return 1;
  }
  return 0;
}
