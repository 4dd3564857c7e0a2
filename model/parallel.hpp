// at::parallel_for for our own kernels. LibTorch's is a header template that runs serially in a
// file compiled without OpenMP; this one is compiled with it and shares LibTorch's threads.
#pragma once
#include <cstdint>
#include <functional>

namespace charter::model {

// Calls body(begin, end) on disjoint ranges that cover [begin, end), on at most
// at::get_num_threads() threads and with at least `grain` indices each. The first exception is
// rethrown here.
void parallel_for(int64_t begin, int64_t end, int64_t grain,
                  const std::function<void(int64_t, int64_t)>& body);

}  // namespace charter::model
