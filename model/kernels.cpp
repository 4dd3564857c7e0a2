#include "model/kernels.hpp"

namespace charter::model {

extern const Kernels kernels_avx2;
extern const Kernels kernels_avx512;
extern const Kernels kernels_avx512vnni;
extern const Kernels kernels_avx512bf16;

namespace {

const Kernels& choose() {
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512cd");
  if (!avx512) return kernels_avx2;
  if (!__builtin_cpu_supports("avx512vnni")) return kernels_avx512;
  return __builtin_cpu_supports("avx512bf16") ? kernels_avx512bf16 : kernels_avx512vnni;
}

}  // namespace

const Kernels& kernels() {
  static const Kernels& best = choose();
  return best;
}

}  // namespace charter::model
