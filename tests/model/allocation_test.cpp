#include "model/allocation.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

namespace charter::model {
namespace {

constexpr size_t kMiB = 1 << 20;

// A block, aligned as LibTorch's are and written to.
void* block_of(size_t bytes) {
  void* block = nullptr;
  if (posix_memalign(&block, 64, bytes) != 0) return nullptr;
  std::memset(block, 1, bytes);
  return block;
}

// What a training step asks for: activations that stay until the backward pass has come back to
// them, gradients that stay to the end, one of them the embedding's. Returns its page faults.
int64_t faults_of_a_step() {
  const auto faults = [] {
    rusage usage{};
    getrusage(RUSAGE_THREAD, &usage);
    return static_cast<int64_t>(usage.ru_minflt);
  };
  const int64_t before = faults();
  std::vector<void*> activations, gradients;
  for (int layer = 0; layer < 8; ++layer)
    for (const size_t mib : {2, 6, 6, 6, 2}) activations.push_back(block_of(mib * kMiB));
  while (!activations.empty()) {
    std::free(block_of(6 * kMiB));
    gradients.push_back(block_of(3 * kMiB));
    std::free(activations.back());
    activations.pop_back();
  }
  gradients.push_back(block_of(113 * kMiB));
  for (void* block : gradients) std::free(block);
  return faults() - before;
}

// Trainers are threads of their own. A program of its own: no other thread has a heap before.
TEST(KeepFreedMemory, StepsOfAnyThreadSettleOnTheirMemory) {
  keep_freed_memory();
  std::thread([] {
    EXPECT_GT(faults_of_a_step(), 40000);  // 176 MiB of activations at the least
    for (int i = 0; i < 3; ++i) (void)faults_of_a_step();
    EXPECT_LT(faults_of_a_step(), 1000);
  }).join();
}

}  // namespace
}  // namespace charter::model
