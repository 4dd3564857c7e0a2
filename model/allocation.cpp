#include "model/allocation.hpp"

#include <malloc.h>

namespace charter::model {

void keep_freed_memory() {
  mallopt(M_ARENA_MAX, 1);
  mallopt(M_MMAP_MAX, 0);         // large blocks come from the heap
  mallopt(M_TRIM_THRESHOLD, -1);  // whose end is never given back
}

}  // namespace charter::model
