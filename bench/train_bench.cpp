// Training steps by the trainers that the product runs: forward, backward, clipping of the gradient
// norm to 1, AdamW; float32.
//   pm_train: pairs of feedback::PmTrainer (plain, mixed, shared), pairs/s
//   sft:      sequences of model::SftTrainer, loss on each one's last half (full, lora, full_mixed,
//             lora_mixed), tokens/s
//   ppo:      one batch of rl::PpoTrainer, the proximal pass included (update), samples/s
// Sizes and token ids are those of bench/peers/workload.py. A check is run 0's step: its loss and,
// where the peers' weights are the same, the norm of its gradient.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <iostream>

#include "bench/model_sizes.hpp"
#include "bench/serve.hpp"
#include "bench/workload.hpp"
#include "feedback/pm_trainer.hpp"
#include "model/allocation.hpp"
#include "model/kernels.hpp"
#include "model/lora.hpp"
#include "model/model_files.hpp"
#include "model/train_step.hpp"
#include "rl/ppo_trainer.hpp"

namespace {

using namespace charter;

struct Options {
  std::string model, work = "pm_train", bench_case = "plain";
  int64_t batch = 8, length = 128, prompt = 64, new_tokens = 64;
  int64_t micro_batch_tokens = 0;  // 0: the product's default
  int runs = 5, threads = 0;
  std::string isa;
  bool serve = false, checkpointing = false;
};

constexpr model::AdamWOptions kOptimizer{.lr = 1e-5};
constexpr double kBehaviorLogprob = -11.0;  // of random tokens under the model, about

model::ValueHead random_head(int64_t width) {
  const float scale = 1.0f / std::sqrt(static_cast<float>(width));
  return {.weight = at::tensor(bench::unit_floats(width, 7)) * scale, .bias = at::zeros({})};
}

// Runs a trainer's batch to its end.
template <typename Trainer, typename Batch>
double step_seconds(Trainer& trainer, Batch batch) {
  return bench::seconds_of([&] {
    trainer.begin(std::move(batch));
    while (!trainer.advance()) {
    }
  });
}

template <typename TrainerOptions>
TrainerOptions with_common(const Options& o) {
  TrainerOptions result;
  if (o.micro_batch_tokens > 0) result.micro_batch_tokens = o.micro_batch_tokens;
  result.gradient_checkpointing = o.checkpointing;
  return result;
}

bench::Work pm_train(const Options& o, model::Transformer transformer) {
  model::enable_full_training(transformer);
  const model::ModelConfig config = transformer.config;
  auto trainer = std::make_shared<feedback::PmTrainer>(
      feedback::PreferenceModel{std::move(transformer), random_head(config.hidden_size)},
      with_common<feedback::PmOptions>(o), kOptimizer);
  const auto run = [=](uint64_t run) {
    const auto sequences = bench::pair_sequences(
        o.bench_case, bench::train_lengths(o.bench_case, o.length, 2 * o.batch), run,
        config.vocab_size);
    std::vector<feedback::PreferencePair> pairs;
    for (size_t i = 0; i < static_cast<size_t>(o.batch); ++i) {
      pairs.push_back({.work_id = static_cast<int64_t>(i),
                       .first = sequences[i],
                       .second = sequences[i + static_cast<size_t>(o.batch)],
                       .p_first = 1.0});
    }
    const double seconds = step_seconds(*trainer, std::move(pairs));
    return bench::Measured{
        static_cast<double>(o.batch), seconds, {{"loss", trainer->stats().loss}}};
  };
  return {run, [=] {
            (void)run(0);
            return std::vector<double>{trainer->stats().loss, trainer->stats().grad_norm};
          }};
}

bench::Work sft(const Options& o, model::Transformer transformer) {
  const bool lora = o.bench_case.starts_with("lora");
  const int64_t vocab = transformer.config.vocab_size;
  if (lora) {
    model::attach_lora(transformer, {.rank = 16, .alpha = 32.0}, 1);
  } else {
    model::enable_full_training(transformer);
  }
  auto trainer = std::make_shared<model::SftTrainer>(std::move(transformer),
                                                     with_common<model::SftOptions>(o), kOptimizer);
  const auto run = [=](uint64_t run) {
    std::vector<model::SftExample> batch;
    int64_t tokens = 0;
    for (auto& sequence :
         bench::sequences(bench::train_lengths(o.bench_case, o.length, o.batch), run, vocab)) {
      const auto n = static_cast<int64_t>(sequence.size());
      batch.push_back({.tokens = std::move(sequence), .loss_from = n - n / 2});
      tokens += n;
    }
    const double seconds = step_seconds(*trainer, std::move(batch));
    return bench::Measured{static_cast<double>(tokens), seconds, {{"loss", trainer->stats().loss}}};
  };
  return {run, [=] {
            (void)run(0);
            std::vector<double> numbers{trainer->stats().loss};
            // The first matrices of adapters are random on both sides.
            if (!lora) numbers.push_back(trainer->stats().grad_norm);
            return numbers;
          }};
}

std::vector<rl::ScoredTrajectory> trajectories(const Options& o, uint64_t run, int64_t vocab) {
  const auto new_tokens = static_cast<size_t>(o.new_tokens);
  const auto scores = bench::unit_floats(o.batch, run);
  std::vector<rl::ScoredTrajectory> result;
  for (const auto& sequence :
       bench::sequences(std::vector<int64_t>(static_cast<size_t>(o.batch), o.prompt + o.new_tokens),
                        run, vocab)) {
    rl::ScoredTrajectory scored;
    rl::Trajectory& t = scored.trajectory;
    t.work_id = static_cast<int64_t>(result.size());
    t.prompt.assign(sequence.begin(), sequence.begin() + o.prompt);
    t.response.assign(sequence.begin() + o.prompt, sequence.end());
    t.behavior_logprobs.assign(new_tokens, static_cast<float>(kBehaviorLogprob));
    t.policy_versions.assign(new_tokens, 0);
    t.precision = "fp32";
    t.finished = true;
    scored.score = scores[result.size()];
    scored.ref_logprobs = t.behavior_logprobs;
    result.push_back(std::move(scored));
  }
  return result;
}

bench::Work ppo(const Options& o, model::Transformer transformer) {
  model::enable_full_training(transformer);
  const model::ModelConfig config = transformer.config;
  auto trainer =
      std::make_shared<rl::PpoTrainer>(std::move(transformer), random_head(config.hidden_size),
                                       with_common<rl::PpoOptions>(o), kOptimizer);
  const auto run = [=](uint64_t run) {
    const double seconds = step_seconds(*trainer, trajectories(o, run, config.vocab_size));
    return bench::Measured{
        static_cast<double>(o.batch), seconds, {{"loss", trainer->stats().value_loss}}};
  };
  return {run, [=] {
            (void)run(0);
            const rl::PpoStats& s = trainer->stats();
            return std::vector<double>{s.policy_loss, s.value_loss, s.grad_norm};
          }};
}

bench::Work make_work(const Options& o) {
  model::Transformer transformer = model::make_transformer(model::load_model(o.model));
  const auto sizes = bench::model_sizes(transformer.config);
  const auto make = o.work == "sft" ? sft : o.work == "ppo" ? ppo : pm_train;
  bench::Work work = make(o, std::move(transformer));
  work.model = sizes;
  return work;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Training steps");
  Options o;
  app.add_option("--model", o.model, "GGUF file or Hugging Face directory")->required();
  app.add_option("--work", o.work)
      ->check(CLI::IsMember({"pm_train", "sft", "ppo"}))
      ->capture_default_str();
  app.add_option("--case", o.bench_case)
      ->check(CLI::IsMember(
          {"plain", "mixed", "shared", "full", "lora", "full_mixed", "lora_mixed", "update"}))
      ->capture_default_str();
  app.add_option("--batch", o.batch)->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--length", o.length)->check(CLI::Range(2, 1 << 20))->capture_default_str();
  app.add_option("--prompt", o.prompt)->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--new", o.new_tokens)->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--micro-batch-tokens", o.micro_batch_tokens, "0: the product's default")
      ->capture_default_str();
  app.add_option("--runs", o.runs)->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--threads", o.threads, "0: as many as cores")->capture_default_str();
  app.add_flag("--checkpointing", o.checkpointing, "recompute layers in the backward pass");
  app.add_option("--isa", o.isa, "kernels: avx2, avx512 ...; default the CPU's best");
  app.add_flag("--serve", o.serve, "measure once for each line on stdin");
  CLI11_PARSE(app, argc, argv);
  try {
    if (o.threads > 0) at::set_num_threads(o.threads);
    if (!o.isa.empty()) model::use_kernels(o.isa);
    model::keep_freed_memory();
    const bench::Work work = make_work(o);
    o.serve ? bench::serve(work) : bench::print_runs(work, o.runs);
  } catch (const std::exception& e) {
    std::cerr << "charter_train_bench: " << e.what() << "\n";
    return 1;
  }
  return 0;
}
