// How this process's allocator treats the large tensors of a training step.
#pragma once

namespace charter::model {

// Freed memory stays with the process and serves the next tensors. glibc would give blocks of
// megabytes back to the kernel and have them cleared page by page at their next use, a tenth of a
// training step. For processes that train, before they have a second thread: threads share one
// heap from then on, as those of their own are too small for such blocks.
void keep_freed_memory();

}  // namespace charter::model
