#include "model/kernels.hpp"

#include <stdexcept>
#include <string>

namespace charter::model {

extern const Kernels kernels_avx2;
extern const Kernels kernels_avx512;
extern const Kernels kernels_avx512vnni;
extern const Kernels kernels_avx512bf16;

namespace {

const Kernels*& in_use() {
  static const Kernels* set = runnable_kernels().back();
  return set;
}

}  // namespace

std::vector<const Kernels*> runnable_kernels() {
  std::vector<const Kernels*> sets{&kernels_avx2};
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512cd");
  if (!avx512) return sets;
  sets.push_back(&kernels_avx512);
  if (!__builtin_cpu_supports("avx512vnni")) return sets;
  sets.push_back(&kernels_avx512vnni);
  if (__builtin_cpu_supports("avx512bf16")) sets.push_back(&kernels_avx512bf16);
  return sets;
}

const Kernels& kernels() { return *in_use(); }

void use_kernels(std::string_view isa) {
  std::string names;
  for (const Kernels* set : runnable_kernels()) {
    if (set->isa == isa) {
      in_use() = set;
      return;
    }
    names += (names.empty() ? "" : ", ") + std::string(set->isa);
  }
  throw std::invalid_argument("kernels '" + std::string(isa) + "', expected one of " + names);
}

}  // namespace charter::model
