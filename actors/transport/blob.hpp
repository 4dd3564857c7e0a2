// A reference to immutable bytes that travel beside a message without being copied.
// A blob shares ownership of what it points into (a tensor's storage, an mmap, a received frame),
// so it may outlive the call that sent it. Thread-safe as any shared_ptr to const is.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <utility>

namespace charter::transport {

struct Blob {
  std::shared_ptr<const void> data;  // null only when size is 0
  size_t size = 0;                   // bytes

  [[nodiscard]] std::span<const std::byte> bytes() const {
    return {static_cast<const std::byte*>(data.get()), size};
  }

  // Copies the bytes once.
  [[nodiscard]] static Blob copy_of(std::span<const std::byte> bytes) {
    std::shared_ptr<std::byte[]> storage(new std::byte[bytes.size() + 1]);
    if (!bytes.empty()) std::memcpy(storage.get(), bytes.data(), bytes.size());
    return {std::shared_ptr<const void>(storage, storage.get()), bytes.size()};
  }

  // Takes a contiguous container (std::string, std::vector<float>...) without copying its elements.
  template <class Container>
  [[nodiscard]] static Blob take(Container&& container) {
    auto owner =
        std::make_shared<const std::decay_t<Container>>(std::forward<Container>(container));
    const size_t size = owner->size() * sizeof(*owner->data());
    const void* first = owner->data();
    return {std::shared_ptr<const void>(std::move(owner), first), size};
  }
};

}  // namespace charter::transport
