// What our kernels take.
#pragma once
#include <ATen/core/Tensor.h>

namespace charter::model {

// Whether it is float32 on the CPU. Tensors of other devices and types go through at:: operators.
[[nodiscard]] inline bool is_cpu_float(const at::Tensor& tensor) {
  return tensor.is_cpu() && tensor.scalar_type() == at::kFloat;
}

}  // namespace charter::model
