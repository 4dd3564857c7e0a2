#include "model/value_head.hpp"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include <cmath>
#include <sstream>
#include <stdexcept>

namespace charter::model {
namespace {

at::TensorOptions float_on(at::Device device) {
  return at::TensorOptions().dtype(at::kFloat).device(device);
}

at::Tensor find(const std::map<std::string, at::Tensor>& tensors, const std::string& name,
                at::IntArrayRef shape, at::Device device) {
  const auto found = tensors.find(name);
  if (found == tensors.end()) {
    throw std::runtime_error("tensor " + name + " is missing, expected a value head");
  }
  if (found->second.sizes() != shape) {
    std::ostringstream message;
    message << "tensor " << name << " has shape " << found->second.sizes() << ", expected "
            << shape;
    throw std::runtime_error(message.str());
  }
  return found->second.detach().to(float_on(device), /*non_blocking=*/false, /*copy=*/true);
}

}  // namespace

ValueHead zero_value_head(int64_t hidden_size, at::Device device) {
  return {.weight = at::zeros({hidden_size}, float_on(device)),
          .bias = at::zeros({}, float_on(device))};
}

ValueHead random_value_head(int64_t hidden_size, uint64_t seed, at::Device device) {
  // Drawn on the CPU so that a seed means the same head on every device.
  at::Generator generator = at::detail::createCPUGenerator(seed);
  const double deviation = 1.0 / std::sqrt(static_cast<double>(hidden_size) + 1.0);
  ValueHead head = zero_value_head(hidden_size, device);
  head.weight = at::randn({hidden_size}, generator, float_on(at::kCPU)).mul_(deviation).to(device);
  return head;
}

at::Tensor forward(const ValueHead& head, const at::Tensor& hidden) {
  if (hidden.dim() != 2 || hidden.size(1) != head.weight.numel()) {
    std::ostringstream message;
    message << "hidden: " << hidden.sizes() << ", expected [n, " << head.weight.numel() << "]";
    throw std::invalid_argument(message.str());
  }
  return at::mv(hidden.to(at::kFloat), head.weight) + head.bias;
}

std::vector<std::pair<std::string, at::Tensor>> trainable_parameters(ValueHead& head) {
  head.weight.requires_grad_(true);
  head.bias.requires_grad_(true);
  return {{"value_head.weight", head.weight}, {"value_head.bias", head.bias}};
}

ValueHead value_head_from(const std::map<std::string, at::Tensor>& tensors, int64_t hidden_size,
                          at::Device device) {
  return {.weight = find(tensors, "value_head.weight", {hidden_size}, device),
          .bias = find(tensors, "value_head.bias", {}, device)};
}

}  // namespace charter::model
