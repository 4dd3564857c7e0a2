#include "cli/machine_probe.hpp"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>

#include "feedback/json_rows.hpp"
#include "model/gguf.hpp"
#include "model/gguf_model.hpp"
#include "model/model_config.hpp"

namespace charter::cli {
namespace {

model::ModelConfig read_config(const std::filesystem::path& path) {
  if (!std::filesystem::is_directory(path)) {
    return model::config_from_gguf(model::GgufFile::open(path));
  }
  const std::filesystem::path file = path / "config.json";
  return model::config_from_hf(feedback::parse_json(file, feedback::read_text(file)),
                               file.string());
}

}  // namespace

double measure_gflops(int32_t threads) {
  using Clock = std::chrono::steady_clock;
  const at::NoGradGuard no_grad;
  at::set_num_threads(threads);
  constexpr int64_t kSize = 1024;
  const at::Tensor a = at::ones({kSize, kSize}), b = at::ones({kSize, kSize});
  at::Tensor c = at::mm(a, b);  // warms up threads and buffers
  const Clock::time_point start = Clock::now();
  double seconds = 0;
  int64_t products = 0;
  while (seconds < 0.3) {
    at::mm_out(c, a, b);
    ++products;
    seconds = std::chrono::duration<double>(Clock::now() - start).count();
  }
  return 2e-9 * static_cast<double>(products * kSize * kSize * kSize) / seconds;
}

config::ModelSizes model_sizes(const std::filesystem::path& path) {
  const model::ModelConfig c = read_config(path);
  return {.vocab = c.vocab_size,
          .hidden = c.hidden_size,
          .intermediate = c.intermediate_size,
          .layers = c.num_layers,
          .heads = c.num_heads,
          .kv_heads = c.num_kv_heads,
          .head_dim = c.head_dim,
          .tied = c.tie_embeddings};
}

int64_t longest_context(const std::filesystem::path& path) {
  return read_config(path).max_position;
}

int64_t memory_bytes() {
  return static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
}

int64_t peak_memory_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss * int64_t{1024};
}

}  // namespace charter::cli
