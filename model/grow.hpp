// Buffers that are kept from step to step and never shrink.
#pragma once
#include <cstdint>
#include <vector>

namespace charter::model {

// At least n entries; those there stay.
template <typename T>
void grow(std::vector<T>& v, int64_t n) {
  if (v.size() < static_cast<size_t>(n)) v.resize(static_cast<size_t>(n));
}

}  // namespace charter::model
