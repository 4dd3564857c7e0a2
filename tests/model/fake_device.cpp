#include "tests/model/fake_device.hpp"

#include <ATen/ATen.h>
#include <ATen/EmptyTensor.h>
#include <ATen/detail/PrivateUse1HooksInterface.h>
#include <ATen/native/CPUFallback.h>
#include <ATen/ops/_reshape_alias_native.h>
#include <ATen/ops/as_strided_native.h>
#include <ATen/ops/resize_native.h>
#include <ATen/ops/set_native.h>
#include <ATen/ops/view_native.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <sys/mman.h>
#include <torch/library.h>

#include <map>
#include <mutex>
#include <stdexcept>

namespace charter::test {
namespace {

constexpr auto kKey = c10::DispatchKey::PrivateUse1;
constexpr auto kType = at::kPrivateUse1;

// Whole pages that nobody may touch outside a Touch.
class Memory : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    const size_t size = pages(bytes);
    void* p = ::mmap(nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) throw std::bad_alloc();
    const std::scoped_lock lock(mutex());
    sizes()[p] = size;
    return {p, p, &release, c10::Device(kType, 0)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &release; }
  void copy_data(void* to, const void* from, size_t bytes) const override {
    protect(to, PROT_READ | PROT_WRITE);
    protect(const_cast<void*>(from), PROT_READ | PROT_WRITE);
    std::memcpy(to, from, bytes);
    protect(to, PROT_NONE);
    protect(const_cast<void*>(from), PROT_NONE);
  }
  static void protect(void* p, int protection) {
    const std::scoped_lock lock(mutex());
    const auto it = sizes().find(p);
    if (it != sizes().end()) ::mprotect(p, it->second, protection);
  }

 private:
  static size_t pages(size_t bytes) { return (std::max<size_t>(bytes, 1) + 4095) / 4096 * 4096; }
  static std::mutex& mutex() {
    static std::mutex m;
    return m;
  }
  static std::map<void*, size_t>& sizes() {
    static std::map<void*, size_t> s;
    return s;
  }
  static void release(void* p) {
    const std::scoped_lock lock(mutex());
    const auto it = sizes().find(p);
    if (it == sizes().end()) return;
    ::munmap(p, it->second);
    sizes().erase(it);
  }
};

// A tensor's memory is open while one lives. One thread's copies at a time.
class Touch {
 public:
  explicit Touch(const at::Tensor& t)
      : base_(t.is_cpu() ? nullptr : t.storage().mutable_data()), lock_(mutex()) {
    if (base_ != nullptr) Memory::protect(base_, PROT_READ | PROT_WRITE);
  }
  ~Touch() {
    if (base_ != nullptr) Memory::protect(base_, PROT_NONE);
  }
  Touch(const Touch&) = delete;
  Touch& operator=(const Touch&) = delete;

 private:
  static std::recursive_mutex& mutex() {
    static std::recursive_mutex m;
    return m;
  }
  void* base_;
  std::scoped_lock<std::recursive_mutex> lock_;
};

at::Tensor on_host(const at::Tensor& t) {
  if (t.is_cpu()) return t;
  return at::from_blob(static_cast<char*>(t.storage().mutable_data()) +
                           t.storage_offset() * static_cast<int64_t>(t.element_size()),
                       t.sizes(), t.strides(), t.options().device(at::kCPU));
}

Memory* memory() {
  static Memory m;
  return &m;
}

at::Tensor empty(at::IntArrayRef size, std::optional<at::ScalarType> dtype,
                 std::optional<at::Layout>, std::optional<at::Device>, std::optional<bool>,
                 std::optional<at::MemoryFormat> format) {
  return at::detail::empty_generic(size, memory(), c10::DispatchKeySet(kKey),
                                   dtype.value_or(at::kFloat), format);
}

at::Tensor empty_strided(at::IntArrayRef size, at::IntArrayRef stride,
                         std::optional<at::ScalarType> dtype, std::optional<at::Layout>,
                         std::optional<at::Device>, std::optional<bool>) {
  return at::detail::empty_strided_generic(size, stride, memory(), c10::DispatchKeySet(kKey),
                                           dtype.value_or(at::kFloat));
}

at::Tensor copy_from(const at::Tensor& from, const at::Tensor& to, bool) {
  const Touch a(from), b(to);
  on_host(to).copy_(on_host(from));
  return to;
}

at::Tensor copy_from_and_resize(const at::Tensor& from, const at::Tensor& to) {
  if (to.sizes() != from.sizes()) at::native::resize_(to, from.sizes());
  return copy_from(from, to, false);
}

at::Scalar read_scalar(const at::Tensor& t) {
  const Touch touch(t);
  return on_host(t).item();
}

at::Tensor& set_storage(at::Tensor& self, at::Storage source, int64_t offset, at::IntArrayRef size,
                        at::IntArrayRef stride) {
  return at::native::set_storage_cpu_(self, std::move(source), offset, size, stride);
}

// A tensor of no dimensions may be on the host, as a GPU's operators allow.
void require_device(const c10::OperatorHandle& op, const at::Tensor& t) {
  if (!t.defined() || t.device().type() == kType || t.dim() == 0) return;
  throw std::runtime_error(op.schema().name() + ": an argument is on " + t.device().str() +
                           ", expected the device of the others");
}

void fallback(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  for (const auto& argument : torch::jit::last(*stack, op.schema().arguments().size())) {
    if (argument.isTensor()) require_device(op, argument.toTensor());
    if (argument.isTensorList()) {
      for (const at::Tensor& t : argument.toTensorVector()) require_device(op, t);
    }
  }
  at::native::cpu_fallback(op, stack);
}

struct Hooks : at::PrivateUse1HooksInterface {
  bool isBuilt() const override { return true; }
  bool isAvailable() const override { return true; }
  bool hasPrimaryContext(c10::DeviceIndex) const override { return true; }
};

// One device with one stream, on which everything is done when its call returns: events have
// nothing to wait for.
struct Guard : c10::impl::NoOpDeviceGuardImpl<kType> {
  c10::Device exchangeDevice(c10::Device) const override { return {kType, 0}; }
  c10::Device getDevice() const override { return {kType, 0}; }
  c10::Stream getStream(c10::Device) const noexcept override { return stream(); }
  c10::Stream getDefaultStream(c10::Device) const override { return stream(); }
  c10::Stream getNewStream(c10::Device, int) const override { return stream(); }
  c10::Stream exchangeStream(c10::Stream) const noexcept override { return stream(); }
  static c10::Stream stream() { return c10::Stream(c10::Stream::DEFAULT, c10::Device(kType, 0)); }
  void record(void**, const c10::Stream&, const c10::DeviceIndex,
              const c10::EventFlag) const override {}
  void block(void*, const c10::Stream&) const override {}
  bool queryEvent(void*) const override { return true; }
  void synchronizeEvent(void*) const override {}
  bool queryStream(const c10::Stream&) const override { return true; }
  void synchronizeStream(const c10::Stream&) const override {}
};

C10_REGISTER_GUARD_IMPL(PrivateUse1, Guard);

TORCH_LIBRARY_IMPL(_, PrivateUse1, m) {
  m.fallback(torch::CppFunction::makeFromBoxedFunction<&fallback>());
}

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  m.impl("empty.memory_format", TORCH_FN(empty));
  m.impl("empty_strided", TORCH_FN(empty_strided));
  m.impl("_copy_from", TORCH_FN(copy_from));
  m.impl("_copy_from_and_resize", TORCH_FN(copy_from_and_resize));
  m.impl("_local_scalar_dense", TORCH_FN(read_scalar));
  m.impl("view", TORCH_FN(at::native::view));
  m.impl("as_strided", TORCH_FN(at::native::as_strided_tensorimpl));
  m.impl("_reshape_alias", TORCH_FN(at::native::_reshape_alias));
  m.impl("set_.source_Storage_storage_offset", TORCH_FN(set_storage));
}

}  // namespace

at::Device fake_device() {
  static const bool registered = [] {
    c10::register_privateuse1_backend("fake");
    c10::SetAllocator(kType, memory());
    at::RegisterPrivateUse1HooksInterface(new Hooks);
    return true;
  }();
  (void)registered;
  return {kType, 0};
}

}  // namespace charter::test
