#include "model/allocation.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstdlib>
#include <cstring>

namespace charter::model {
namespace {

// Page faults of a block of this size that is written to and freed again.
int64_t faults_of(size_t bytes) {
  const auto faults = [] {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return static_cast<int64_t>(usage.ru_minflt);
  };
  const int64_t before = faults();
  void* block = std::malloc(bytes);
  std::memset(block, 1, bytes);
  asm volatile("" : : "r"(block) : "memory");
  std::free(block);
  return faults() - before;
}

TEST(KeepFreedMemory, ABlockIsClearedByTheKernelOnlyOnce) {
  const size_t bytes = 256 << 20;
  keep_freed_memory();
  (void)faults_of(bytes);
  EXPECT_LT(faults_of(bytes), 100);  // of 65536 pages
}

}  // namespace
}  // namespace charter::model
