#include "model/kernels.hpp"

namespace charter::model {

extern const Kernels kernels_avx2;
extern const Kernels kernels_avx512;

const Kernels& kernels() {
  static const Kernels& best = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                                       __builtin_cpu_supports("avx512bw") &&
                                       __builtin_cpu_supports("avx512dq")
                                   ? kernels_avx512
                                   : kernels_avx2;
  return best;
}

}  // namespace charter::model
