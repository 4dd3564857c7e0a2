#include "model/gguf.hpp"

#include <ATen/ATen.h>

#include <bit>
#include <set>
#include <stdexcept>
#include <type_traits>

#include "model/gguf_cursor.hpp"
#include "model/input_error.hpp"
#include "model/parallel.hpp"
#include "model/tensor_table.hpp"

namespace charter::model {
namespace {

static_assert(std::endian::native == std::endian::little, "GGUF is read as little-endian");

constexpr uint64_t kMaxDims = 4;
constexpr int64_t kMaxDim = int64_t{1} << 40;  // keeps products of two inside int64

enum ValueType : uint32_t {
  kU8,
  kI8,
  kU16,
  kI16,
  kU32,
  kI32,
  kFloat32,
  kBool,
  kString,
  kArray,
  kU64,
  kI64,
  kFloat64
};

template <typename T>
GgufValue scalar(GgufCursor& in) {
  const T value = in.read<T>("value");
  if constexpr (std::is_floating_point_v<T>) {
    return static_cast<double>(value);
  } else {
    return static_cast<int64_t>(value);
  }
}

GgufValue read_scalar(GgufCursor& in, uint32_t type) {
  switch (type) {
    case kU8:
      return scalar<uint8_t>(in);
    case kI8:
      return scalar<int8_t>(in);
    case kU16:
      return scalar<uint16_t>(in);
    case kI16:
      return scalar<int16_t>(in);
    case kU32:
      return scalar<uint32_t>(in);
    case kI32:
      return scalar<int32_t>(in);
    case kU64:
      return scalar<uint64_t>(in);
    case kI64:
      return scalar<int64_t>(in);
    case kFloat32:
      return scalar<float>(in);
    case kFloat64:
      return scalar<double>(in);
    case kBool:
      return in.read<uint8_t>("value") != 0;
    case kString:
      return in.read_string("string");
    default:
      in.fail("value type " + std::to_string(type) + ", expected 0 to 12");
  }
}

GgufValue read_array(GgufCursor& in) {
  static constexpr uint64_t kWidth[] = {1, 1, 2, 2, 4, 4, 4, 1, 8, 0, 8, 8, 8};
  const auto type = in.read<uint32_t>("array type");
  if (type > kFloat64 || type == kArray) {
    in.fail("array of type " + std::to_string(type) + ", expected scalars or strings");
  }
  const uint64_t count = in.read_count(kWidth[type], "array length");
  if (type == kString) {
    std::vector<std::string> strings;
    strings.reserve(count);
    for (uint64_t i = 0; i < count; ++i) strings.push_back(in.read_string("string"));
    return strings;
  }
  if (type == kFloat32 || type == kFloat64) {
    std::vector<double> numbers(count);
    for (auto& n : numbers) n = std::get<double>(read_scalar(in, type));
    return numbers;
  }
  std::vector<int64_t> numbers(count);
  for (auto& n : numbers) {
    const GgufValue value = read_scalar(in, type);
    n = type == kBool ? std::get<bool>(value) : std::get<int64_t>(value);
  }
  return numbers;
}

GgufTensor read_tensor_header(GgufCursor& in) {
  GgufTensor t;
  in.context = "tensor table: ";
  t.name = in.read_string("tensor name");
  in.context = "tensor " + t.name.substr(0, 100) + ": ";
  const auto dims = in.read<uint32_t>("number of dimensions");
  if (dims < 1 || dims > kMaxDims) {
    in.fail(std::to_string(dims) + " dimensions, expected 1 to " + std::to_string(kMaxDims));
  }
  t.shape.resize(dims);
  int64_t count = 1;
  for (uint32_t i = 0; i < dims; ++i) {
    const auto dim = in.read<int64_t>("dimension");
    if (dim < 1 || dim > kMaxDim || __builtin_mul_overflow(count, dim, &count) || count > kMaxDim) {
      in.fail("dimension " + std::to_string(dim) + ", expected a size that fits in the file");
    }
    t.shape[dims - 1 - i] = dim;
  }
  const auto type = in.read<uint32_t>("tensor type");
  const auto info = gguf_type_info(type);
  if (!info) {
    in.fail("tensor type " + std::to_string(type) + ", expected one of " + gguf_type_names());
  }
  t.type = static_cast<GgufType>(type);
  if (t.shape.back() % info->block_values != 0) {
    in.fail("row of " + std::to_string(t.shape.back()) + " values, expected a multiple of " +
            std::to_string(info->block_values) + " for " + std::string(info->name));
  }
  t.bytes = static_cast<uint64_t>(count / info->block_values * info->block_bytes);
  t.offset = in.read<uint64_t>("tensor offset");
  return t;
}

// Turns offsets from the data section into offsets from the file's start, and checks that no tensor
// reaches outside the file or into another.
void place_tensors(const std::string& path, uint64_t data_start, uint64_t file_bytes,
                   std::vector<GgufTensor>& tensors) {
  const uint64_t room = data_start <= file_bytes ? file_bytes - data_start : 0;
  for (auto& t : tensors) {
    if (t.offset > room || t.bytes > room - t.offset) {
      throw InputError(path + ": tensor " + t.name + ": offset " + std::to_string(t.offset) +
                       " + " + std::to_string(t.bytes) + " bytes, expected to end within the " +
                       std::to_string(room) + " bytes of tensor data");
    }
    t.offset += data_start;
  }
  std::vector<TensorPlace> places;
  for (const auto& t : tensors) places.push_back({t.name, t.offset, t.bytes});
  check_places(path, std::move(places));
}

}  // namespace

GgufFile GgufFile::open(const std::filesystem::path& path) {
  GgufFile gguf;
  gguf.file_ = MappedFile::open(path);
  GgufCursor in(gguf.path(), gguf.file_->bytes());
  if (in.read<uint32_t>("magic") != 0x46554747) {
    throw InputError(gguf.path() + ": offset 0: expected the magic \"GGUF\"");
  }
  const auto version = in.read<uint32_t>("version");
  if (version != 2 && version != 3) {
    in.fail("GGUF version " + std::to_string(version) + ", expected 2 or 3");
  }
  const uint64_t tensor_count = in.read_count(24, "tensor count");  // name, dims, type, offset
  const uint64_t key_count = in.read_count(13, "metadata count");   // name, type, one byte
  for (uint64_t i = 0; i < key_count; ++i) {
    in.context = "metadata: ";
    std::string key = in.read_string("key");
    in.context = "key " + key.substr(0, 100) + ": ";
    const auto type = in.read<uint32_t>("value type");
    GgufValue value = type == kArray ? read_array(in) : read_scalar(in, type);
    if (!gguf.metadata_.emplace(std::move(key), std::move(value)).second)
      in.fail("key given twice");
  }
  std::set<std::string> names;
  gguf.tensors_.reserve(tensor_count);
  for (uint64_t i = 0; i < tensor_count; ++i) {
    gguf.tensors_.push_back(read_tensor_header(in));
    if (!names.insert(gguf.tensors_.back().name).second) in.fail("tensor given twice");
  }
  const auto* stored_alignment = gguf.find<int64_t>("general.alignment");
  const uint64_t alignment = stored_alignment ? static_cast<uint64_t>(*stored_alignment) : 32;
  if (alignment < 1 || alignment > (1u << 20)) {
    throw InputError(gguf.path() + ": key general.alignment: " + std::to_string(alignment) +
                     ", expected 1 to 1048576");
  }
  const uint64_t data_start = (in.at() + alignment - 1) / alignment * alignment;
  place_tensors(gguf.path(), data_start, gguf.file_->bytes().size(), gguf.tensors_);
  return gguf;
}

template <typename T>
const T* GgufFile::find(const std::string& key) const {
  const auto it = metadata_.find(key);
  if (it == metadata_.end()) return nullptr;
  const T* value = std::get_if<T>(&it->second);
  if (!value) throw InputError(path() + ": key " + key + ": value of an unexpected type");
  return value;
}

template <typename T>
const T& GgufFile::get(const std::string& key) const {
  const T* value = find<T>(key);
  if (!value) throw InputError(path() + ": key " + key + ": expected, but absent");
  return *value;
}

#define CHARTER_GGUF_VALUE(T)                                        \
  template const T* GgufFile::find<T>(const std::string& key) const; \
  template const T& GgufFile::get<T>(const std::string& key) const;
CHARTER_GGUF_VALUE(bool)
CHARTER_GGUF_VALUE(int64_t)
CHARTER_GGUF_VALUE(double)
CHARTER_GGUF_VALUE(std::string)
CHARTER_GGUF_VALUE(std::vector<int64_t>)
CHARTER_GGUF_VALUE(std::vector<double>)
CHARTER_GGUF_VALUE(std::vector<std::string>)
#undef CHARTER_GGUF_VALUE

double GgufFile::number(const std::string& key, std::optional<double> fallback) const {
  const auto it = metadata_.find(key);
  if (it == metadata_.end() && fallback) return *fallback;
  if (it == metadata_.end()) return get<double>(key);  // names the absent key
  if (const auto* i = std::get_if<int64_t>(&it->second)) return static_cast<double>(*i);
  if (const auto* b = std::get_if<bool>(&it->second)) return *b ? 1 : 0;
  return get<double>(key);
}

at::Tensor GgufFile::read(const GgufTensor& t) const {
  const GgufTypeInfo info = *gguf_type_info(static_cast<uint32_t>(t.type));
  at::Tensor out = at::empty(t.shape, at::kFloat);
  const std::byte* blocks = file_->bytes().data() + t.offset;
  auto* values = out.data_ptr<float>();
  const int64_t num_blocks = static_cast<int64_t>(t.bytes) / info.block_bytes;
  parallel_for(0, num_blocks, 16384 / info.block_values, [&](int64_t begin, int64_t end) {
    dequantize(t.type, blocks + begin * info.block_bytes, end - begin,
               values + begin * info.block_values);
  });
  return out;
}

}  // namespace charter::model
