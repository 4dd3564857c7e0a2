// A device that is not the CPU, for tests on machines without a GPU: LibTorch's PrivateUse1 with
// memory that only the device's own copies may touch. Operators run on the CPU behind copies, but
// first every tensor argument must be on the device: what mixes devices fails here as on a GPU, and
// a host pointer into device memory ends in a segmentation fault.
#pragma once
#include <ATen/core/Tensor.h>

namespace charter::test {

// Registers the device at the first call.
at::Device fake_device();

}  // namespace charter::test
