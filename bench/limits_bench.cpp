// What this machine can do at most, to hold the other benches' figures against:
//   value        large float32 matrix product by LibTorch, GFLOP/s (2 n^3 a product)
//   read_gbs     reading memory much larger than the caches, GB/s
// The best of a few tries each: a limit is not an average.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "bench/serve.hpp"

namespace {

using namespace charter::bench;

constexpr int64_t kSide = 2048, kFloats = 64ll << 20;
constexpr int kTries = 5;

double best_seconds(const std::function<void()>& body) {
  double best = seconds_of(body);
  for (int i = 1; i < kTries; ++i) best = std::min(best, seconds_of(body));
  return best;
}

Measured measure() {
  const at::Tensor a = at::rand({kSide, kSide}), b = at::rand({kSide, kSide}),
                   c = at::empty({kSide, kSide}), memory = at::ones({kFloats});
  const double product = best_seconds([&] { at::mm_out(const_cast<at::Tensor&>(c), a, b); });
  const double read = best_seconds([&] { (void)memory.sum(); });
  return {.amount = 2e-9 * kSide * kSide * kSide,
          .seconds = product,
          .parts = {{"read_gbs", 4e-9 * kFloats / read}}};
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("The machine's limits");
  int runs = 5, threads = 0;
  bool by_line = false;
  app.add_option("--runs", runs)->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--threads", threads, "0: as many as cores")->capture_default_str();
  app.add_flag("--serve", by_line, "measure once for each line on stdin");
  CLI11_PARSE(app, argc, argv);
  if (threads > 0) at::set_num_threads(threads);
  const Work work{[](uint64_t) { return measure(); }, [] { return std::vector<double>(); }, {}};
  by_line ? serve(work) : print_runs(work, runs);
  return 0;
}
