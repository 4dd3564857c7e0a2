#include "model/packed_model.hpp"

#include <ATen/ATen.h>

#include <stdexcept>

#include "model/cpu_float.hpp"
#include "model/kernels.hpp"
#include "model/packed_model_impl.hpp"
#include "model/parallel.hpp"

namespace charter::model {
namespace {

void require_cpu_float(const at::Tensor& tensor, const char* name) {
  if (is_cpu_float(tensor)) return;
  throw std::invalid_argument(std::string(name) + ": got " + tensor.toString() +
                              ", expected float32 on the CPU");
}

PackedMatrix pack_rows(const std::vector<at::Tensor>& parts,
                       Precision precision = Precision::kFloat32) {
  for (const auto& part : parts) require_cpu_float(part, "weight");
  return pack_matrix(parts.size() == 1 ? parts[0] : at::cat(parts), precision);
}

int64_t bytes_of(const at::Tensor& t) { return t.defined() ? static_cast<int64_t>(t.nbytes()) : 0; }

int64_t bytes_of(const PackedMatrix& matrix) {
  return bytes_of(matrix.data) + bytes_of(matrix.scales) + bytes_of(matrix.offsets);
}

int64_t bytes_of(const std::optional<PackedAdapter>& adapter) {
  if (!adapter) return 0;
  int64_t bytes = bytes_of(adapter->a);
  for (const PackedAdapter::Part& part : adapter->parts) bytes += bytes_of(part.b);
  return bytes;
}

std::optional<PackedAdapter> pack_adapter(const std::vector<const Linear*>& linears) {
  PackedAdapter result;
  std::vector<at::Tensor> a;
  int64_t column = 0, out = 0;
  for (const Linear* linear : linears) {
    if (linear->has_adapter()) {
      const int64_t rank = linear->lora_a.size(0);
      a.push_back(linear->lora_a.detach());
      result.parts.push_back(
          {pack_matrix(linear->lora_b.detach() * linear->lora_scale), column, out});
      column += rank;
    }
    out += linear->weight.size(0);
  }
  if (a.empty()) return std::nullopt;
  result.a = pack_rows(a);
  return result;
}

PackedLayer pack_layer(const Layer& layer, Precision precision) {
  PackedLayer result;
  const auto weight = [](const Linear& l) { return l.weight.detach(); };
  const auto copy = [](const at::Tensor& t) { return t.defined() ? t.detach().clone() : t; };
  result.qkv = pack_rows({weight(layer.q), weight(layer.k), weight(layer.v)}, precision);
  result.o = pack_rows({weight(layer.o)}, precision);
  result.gate_up = pack_rows({weight(layer.gate), weight(layer.up)}, precision);
  result.down = pack_rows({weight(layer.down)}, precision);
  if (layer.q.bias.defined()) {
    result.qkv_bias =
        at::cat({layer.q.bias.detach(), layer.k.bias.detach(), layer.v.bias.detach()});
  }
  result.input_norm = copy(layer.input_norm);
  result.post_attention_norm = copy(layer.post_attention_norm);
  result.q_norm = copy(layer.q_norm);
  result.k_norm = copy(layer.k_norm);
  return result;
}

void pack_adapters(const Transformer& transformer, PackedModel::Impl& impl) {
  std::vector<PackedAdapters> adapters;
  bool any = false;
  for (const Layer& l : transformer.layers) {
    PackedAdapters layer;
    layer.qkv = pack_adapter({&l.q, &l.k, &l.v});
    layer.o = pack_adapter({&l.o});
    layer.gate_up = pack_adapter({&l.gate, &l.up});
    layer.down = pack_adapter({&l.down});
    for (const auto* a : {&layer.qkv, &layer.o, &layer.gate_up, &layer.down}) {
      any = any || a->has_value();
      impl.adapter_bytes += bytes_of(*a);
    }
    adapters.push_back(std::move(layer));
  }
  if (any) impl.adapters = std::move(adapters);
  impl.head_adapter = pack_adapter({&transformer.head});
  impl.adapter_bytes += bytes_of(impl.head_adapter);
}

PackedMatrix pack_int8(const at::Tensor& rows) {
  const int64_t out = rows.size(0), in = rows.size(1), width = kernels().panel;
  const int64_t panels = (out + width - 1) / width, padded = int8_width(in);
  const int64_t groups = padded / kInt8Group;
  PackedMatrix result{at::empty({panels, padded, width}, at::kChar),
                      at::zeros({panels * width}, at::kFloat),
                      at::empty({panels, groups, width}, at::kInt),
                      out,
                      in,
                      Precision::kInt8};
  const float* source = rows.const_data_ptr<float>();
  auto* target = result.data.mutable_data_ptr<int8_t>();
  auto* scales = result.scales.mutable_data_ptr<float>();
  auto* offsets = result.offsets.mutable_data_ptr<int32_t>();
  parallel_for(0, panels, 4, [&](int64_t begin, int64_t end) {
    const int64_t last = std::min(end * width, out), first = begin * width;
    kernels().pack_panels_int8(source + first * in, last - first, in, target + first * padded,
                               scales + first, offsets + first * groups);
  });
  return result;
}

PackedMatrix pack_bf16(const at::Tensor& rows) {
  if (kernels().gemm_panels_bf16 == nullptr) {
    throw std::runtime_error(
        "precision \"bfloat16\": this CPU has no AVX512_BF16, expected \"float32\" or \"int8\"");
  }
  const int64_t out = rows.size(0), in = rows.size(1), width = kernels().panel;
  const int64_t panels = (out + width - 1) / width, padded = (in + 1) / 2 * 2;
  PackedMatrix result{
      at::empty({panels, padded, width}, at::kBFloat16), {}, {}, out, in, Precision::kBfloat16};
  const float* source = rows.const_data_ptr<float>();
  auto* target = static_cast<uint16_t*>(result.data.mutable_data_ptr());
  parallel_for(0, panels, 4, [&](int64_t begin, int64_t end) {
    const int64_t last = std::min(end * width, out), first = begin * width;
    kernels().pack_panels_bf16(source + first * in, last - first, in, target + first * padded);
  });
  return result;
}

}  // namespace

Precision precision_from_name(const std::string& name) {
  for (const Precision p : {Precision::kFloat32, Precision::kBfloat16, Precision::kInt8}) {
    if (name == model::name(p)) return p;
  }
  throw std::invalid_argument("precision: got \"" + name +
                              "\", expected \"float32\", \"bfloat16\" or \"int8\"");
}

const char* name(Precision precision) {
  switch (precision) {
    case Precision::kBfloat16:
      return "bfloat16";
    case Precision::kInt8:
      return "int8";
    case Precision::kFloat32:
      break;
  }
  return "float32";
}

PackedMatrix pack_matrix(const at::Tensor& weight, Precision precision) {
  require_cpu_float(weight, "weight");
  const at::Tensor rows = weight.contiguous();
  if (precision == Precision::kInt8) return pack_int8(rows);
  if (precision == Precision::kBfloat16) return pack_bf16(rows);
  const int64_t out = rows.size(0), in = rows.size(1), width = kernels().panel;
  const int64_t panels = (out + width - 1) / width;
  PackedMatrix result{at::empty({panels, in, width}, at::kFloat), {}, {}, out, in};
  const float* source = rows.const_data_ptr<float>();
  float* target = result.data.mutable_data_ptr<float>();
  parallel_for(0, panels, 4, [&](int64_t begin, int64_t end) {
    const int64_t last = std::min(end * width, out);
    kernels().pack_panels(source + begin * width * in, in, last - begin * width, in,
                          target + begin * width * in);
  });
  return result;
}

std::shared_ptr<const PackedModel> PackedModel::make(const Transformer& transformer,
                                                     Precision precision) {
  if (!transformer.embedding.is_cpu()) {
    if (precision == Precision::kFloat32) return make_unpacked(transformer);
    throw std::invalid_argument("precision: got one of the CPU's kernels, expected float32 on " +
                                transformer.embedding.device().str());
  }
  const at::NoGradGuard no_grad;
  auto base = std::make_shared<PackedBase>();
  base->config = transformer.config;
  for (const Layer& layer : transformer.layers) {
    base->layers.push_back(pack_layer(layer, precision));
    const PackedLayer& p = base->layers.back();
    base->bytes += bytes_of(p.qkv) + bytes_of(p.o) + bytes_of(p.gate_up) + bytes_of(p.down);
  }
  base->final_norm = transformer.final_norm.detach().clone();
  require_cpu_float(transformer.embedding, "embedding");
  // A copy: a learner in the same process updates its tensors in place.
  const bool tied = transformer.embedding.is_same(transformer.head.weight);
  if (!tied || precision != Precision::kFloat32) {
    base->embedding = transformer.embedding.detach().clone();
  }
  base->head = pack_matrix(transformer.head.weight.detach(), precision);
  base->bytes += bytes_of(base->head) + bytes_of(base->embedding);
  if (transformer.head.bias.defined()) base->head_bias = transformer.head.bias.detach().clone();
  auto impl = std::make_shared<Impl>();
  impl->base = std::move(base);
  pack_adapters(transformer, *impl);
  return std::make_shared<const PackedModel>(std::move(impl));
}

std::shared_ptr<const PackedModel> PackedModel::with_adapters(
    const Transformer& transformer) const {
  if (!(transformer.config == config())) {
    throw std::invalid_argument(
        "transformer: its config differs from the packed base's, expected the same model");
  }
  if (impl_->on_device) return make_unpacked(transformer, impl_->on_device.get());
  const at::NoGradGuard no_grad;
  auto impl = std::make_shared<Impl>();
  impl->base = impl_->base;
  pack_adapters(transformer, *impl);
  return std::make_shared<const PackedModel>(std::move(impl));
}

const ModelConfig& PackedModel::config() const {
  return impl_->on_device ? impl_->on_device->transformer.config : impl_->base->config;
}
int64_t PackedModel::packed_bytes() const {
  return impl_->on_device ? 0 : impl_->base->bytes + impl_->adapter_bytes;
}
at::Device PackedModel::device() const {
  return impl_->on_device ? impl_->on_device->transformer.embedding.device() : at::Device(at::kCPU);
}

}  // namespace charter::model
