#include "model/device.hpp"

#include <ATen/ATen.h>
#include <ATen/Context.h>
#include <dlfcn.h>

#include <stdexcept>

namespace charter::model {
namespace {

constexpr const char* kCudaLibrary = "libtorch_cuda.so";

// The program is linked to LibTorch's CPU library alone, which finds a GPU once this one is loaded.
// It looks once: this must come before the first at::hasCUDA().
void load_cuda() {
  if (::dlopen(kCudaLibrary, RTLD_NOW | RTLD_GLOBAL) != nullptr) return;
  throw std::runtime_error(std::string("device \"cuda\": ") + ::dlerror() + "; expected " +
                           kCudaLibrary +
                           " of the same LibTorch (CHARTER_LIBTORCH names a build that has it)");
}

}  // namespace

at::Device require_device(const std::string& name) {
  if (name == "cpu") return at::kCPU;
  if (name != "cuda") {
    throw std::runtime_error("device: got \"" + name + "\", expected \"cpu\" or \"cuda\"");
  }
  load_cuda();
  if (!at::hasCUDA() || at::getNumGPUs() == 0) {
    throw std::runtime_error("device \"cuda\": no GPU is usable, expected a driver and a GPU");
  }
  return {at::kCUDA, 0};
}

Transformer on_device(Transformer t, at::Device device) {
  const at::NoGradGuard no_grad;
  const bool tied = t.embedding.is_same(t.head.weight);
  const auto move = [&](at::Tensor& tensor) {
    if (tensor.defined()) tensor = tensor.to(device);
  };
  for_each_linear(t, [&](const std::string&, Linear& linear) {
    for (at::Tensor* tensor : {&linear.weight, &linear.bias, &linear.lora_a, &linear.lora_b}) {
      move(*tensor);
    }
  });
  for (Layer& layer : t.layers) {
    for (const auto norm :
         {&Layer::input_norm, &Layer::post_attention_norm, &Layer::q_norm, &Layer::k_norm}) {
      move(layer.*norm);
    }
  }
  move(t.embedding);
  move(t.final_norm);
  if (tied) t.head.weight = t.embedding;
  return t;
}

}  // namespace charter::model
