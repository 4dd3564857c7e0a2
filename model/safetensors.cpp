#include "model/safetensors.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>

#include "model/cpu_float.hpp"
#include "model/input_error.hpp"
#include "model/parallel.hpp"
#include "model/tensor_table.hpp"

namespace charter::model {
namespace {

using nlohmann::json;
static_assert(std::endian::native == std::endian::little, "safetensors data is little-endian");

// Of the data in files we write, so that vector loads are aligned.
constexpr uint64_t kAlignment = 64;

[[noreturn]] void fail(const std::string& path, const std::string& what) {
  throw InputError(path + ": " + what);
}

uint64_t width_of(GgufType dtype) { return dtype == GgufType::kF32 ? 4 : 2; }

struct Header {
  json object;
  uint64_t data_start;
};

Header read_header(const MappedFile& file) {
  const auto bytes = file.bytes();
  if (bytes.size() < 8) fail(file.path(), "offset 0: expected 8 bytes of header length");
  uint64_t length;
  std::memcpy(&length, bytes.data(), 8);
  if (length > bytes.size() - 8) {
    fail(file.path(), "offset 0: header of " + std::to_string(length) + " bytes, the file has " +
                          std::to_string(bytes.size() - 8) + " more");
  }
  const auto* text = reinterpret_cast<const char*>(bytes.data() + 8);
  json object = json::parse(text, text + length, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) fail(file.path(), "offset 8: expected a JSON object as the header");
  return {std::move(object), 8 + length};
}

GgufType dtype_of(const json& entry, const std::string& where) {
  const auto it = entry.find("dtype");
  if (it != entry.end()) {
    if (*it == "F32") return GgufType::kF32;
    if (*it == "F16") return GgufType::kF16;
    if (*it == "BF16") return GgufType::kBF16;
  }
  throw InputError(where + "dtype " + (it == entry.end() ? "absent" : it->dump()) +
                   ", expected F32, F16 or BF16");
}

std::vector<uint64_t> naturals(const json& entry, const char* key, const std::string& where) {
  const auto it = entry.find(key);
  const bool ok =
      it != entry.end() && it->is_array() && std::all_of(it->begin(), it->end(), [](const json& n) {
        return n.is_number_unsigned() && n.get<uint64_t>() < (uint64_t{1} << 62);
      });
  if (!ok) throw InputError(where + key + ": expected a list of natural numbers");
  return it->get<std::vector<uint64_t>>();
}

SafetensorsEntry read_entry(std::shared_ptr<const MappedFile> file, const std::string& name,
                            const json& entry, uint64_t data_start) {
  const std::string where = file->path() + ": tensor " + name.substr(0, 100) + ": ";
  if (!entry.is_object()) throw InputError(where + "expected a JSON object");
  SafetensorsEntry out{.file = std::move(file), .shape = {}, .dtype = dtype_of(entry, where)};
  uint64_t values = 1;
  for (const uint64_t dim : naturals(entry, "shape", where)) {
    if (dim == 0 || __builtin_mul_overflow(values, dim, &values) || values > (uint64_t{1} << 60)) {
      throw InputError(where + "shape: expected sizes above 0 that fit in a file");
    }
    out.shape.push_back(static_cast<int64_t>(dim));
  }
  const auto offsets = naturals(entry, "data_offsets", where);
  const uint64_t room = out.file->bytes().size() - data_start;
  if (offsets.size() != 2 || offsets[0] > offsets[1] || offsets[1] > room) {
    throw InputError(where + "data_offsets " + entry["data_offsets"].dump() +
                     ", expected [begin, end] within the " + std::to_string(room) +
                     " bytes of data");
  }
  out.offset = data_start + offsets[0];
  out.bytes = offsets[1] - offsets[0];
  const uint64_t width = width_of(out.dtype);
  if (out.bytes != values * width) {
    throw InputError(where + "offset " + std::to_string(out.offset) + ": " +
                     std::to_string(out.bytes) + " bytes, expected " +
                     std::to_string(values * width) + " for its shape");
  }
  return out;
}

void merge(SafetensorsIndex& into, SafetensorsIndex part, const std::string& path) {
  for (auto& [name, entry] : part.entries) {
    if (!into.entries.emplace(name, std::move(entry)).second) {
      fail(path, "tensor " + name + ": also in another shard");
    }
  }
  into.metadata.merge(part.metadata);
}

SafetensorsContent read_all(const SafetensorsIndex& index) {
  SafetensorsContent out{.tensors = {}, .metadata = index.metadata, .dtype = index.dtype()};
  for (const auto& [name, entry] : index.entries) out.tensors[name] = read_tensor(entry);
  return out;
}

std::string header_text(const std::map<std::string, at::Tensor>& tensors,
                        const std::map<std::string, std::string>& metadata) {
  json header = json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  uint64_t at = 0;
  for (const auto& [name, tensor] : tensors) {
    const auto bytes = static_cast<uint64_t>(tensor.numel()) * 4;
    header[name] = {
        {"dtype", "F32"}, {"shape", tensor.sizes().vec()}, {"data_offsets", {at, at + bytes}}};
    at += bytes;
  }
  std::string text = header.dump();
  text.resize((text.size() + 8 + kAlignment - 1) / kAlignment * kAlignment - 8, ' ');
  return text;
}

}  // namespace

SafetensorsIndex SafetensorsIndex::open(const std::filesystem::path& path, const FileCheck& check) {
  const auto file = MappedFile::open(path);
  if (check) check(*file);
  const Header header = read_header(*file);
  SafetensorsIndex out;
  for (const auto& [name, entry] : header.object.items()) {
    if (name == "__metadata__") {
      for (const auto& [key, value] : entry.items()) {
        if (value.is_string()) out.metadata[key] = value.get<std::string>();
      }
    } else {
      out.entries[name] = read_entry(file, name, entry, header.data_start);
    }
  }
  std::vector<TensorPlace> places;
  for (const auto& [name, e] : out.entries) places.push_back({name, e.offset, e.bytes});
  check_places(file->path(), std::move(places));
  return out;
}

SafetensorsIndex SafetensorsIndex::open_dir(const std::filesystem::path& dir,
                                            const FileCheck& check) {
  const auto index = dir / "model.safetensors.index.json";
  const auto whole = dir / "model.safetensors";
  if (std::filesystem::exists(whole) || !std::filesystem::exists(index)) return open(whole, check);
  const json listing = json::parse(read_text_file(index), nullptr, /*allow_exceptions=*/false);
  if (!listing.is_object() || !listing.contains("weight_map") ||
      !listing["weight_map"].is_object()) {
    fail(index.string(), "key weight_map: expected an object of tensor to file");
  }
  std::set<std::string> shards;
  for (const auto& [name, shard] : listing["weight_map"].items()) {
    // A shard's name is a plain file name: an index must not reach outside its folder.
    if (!shard.is_string() || shard.get<std::string>().find('/') != std::string::npos) {
      fail(index.string(),
           "tensor " + name.substr(0, 100) + ": expected a file name in this folder");
    }
    shards.insert(shard.get<std::string>());
  }
  SafetensorsIndex out;
  for (const auto& shard : shards) merge(out, open(dir / shard, check), (dir / shard).string());
  for (const auto& [name, shard] : listing["weight_map"].items()) {
    if (!out.entries.contains(name)) {
      fail(index.string(), "tensor " + name + ": expected in " + shard.get<std::string>());
    }
  }
  return out;
}

std::string SafetensorsIndex::dtype() const {
  std::map<GgufType, uint64_t> values;
  for (const auto& [name, e] : entries) values[e.dtype] += e.bytes / width_of(e.dtype);
  const auto most =
      std::max_element(values.begin(), values.end(),
                       [](const auto& a, const auto& b) { return a.second < b.second; });
  if (most == values.end()) return "";
  return std::string(gguf_type_info(static_cast<uint32_t>(most->first))->name);
}

at::Tensor read_tensor(const SafetensorsEntry& e) {
  const std::byte* data = e.file->bytes().data() + e.offset;
  if (e.dtype == GgufType::kF32 && e.offset % alignof(float) == 0) {
    return at::from_blob(
        const_cast<std::byte*>(data), e.shape, [file = e.file](void*) {},
        at::TensorOptions(at::kFloat));
  }
  at::Tensor out = at::empty(e.shape, at::kFloat);
  const auto width = static_cast<int64_t>(width_of(e.dtype));
  auto* values = out.data_ptr<float>();
  parallel_for(0, out.numel(), 16384, [&](int64_t begin, int64_t end) {
    dequantize(e.dtype, data + begin * width, end - begin, values + begin);
  });
  return out;
}

SafetensorsContent read_safetensors(const std::filesystem::path& file) {
  return read_all(SafetensorsIndex::open(file));
}

SafetensorsContent read_safetensors_dir(const std::filesystem::path& dir) {
  return read_all(SafetensorsIndex::open_dir(dir));
}

void write_safetensors(const std::filesystem::path& path,
                       const std::map<std::string, at::Tensor>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  for (const auto& [name, tensor] : tensors) {
    if (!is_cpu_float(tensor)) {
      throw std::invalid_argument("tensor " + name + ": " + tensor.toString() +
                                  ", expected a float32 CPU tensor");
    }
  }
  const std::string header = header_text(tensors, metadata);
  const uint64_t length = header.size();
  std::vector<at::Tensor> kept;  // contiguous copies, alive until written
  std::vector<std::span<const std::byte>> chunks = {std::as_bytes(std::span(&length, 1)),
                                                    std::as_bytes(std::span(header))};
  for (const auto& [name, tensor] : tensors) {
    kept.push_back(tensor.detach().contiguous());
    chunks.emplace_back(static_cast<const std::byte*>(kept.back().const_data_ptr()),
                        static_cast<size_t>(tensor.numel()) * 4);
  }
  write_file_atomically(path, chunks);
}

}  // namespace charter::model
