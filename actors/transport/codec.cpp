#include "actors/transport/codec.hpp"

#include <msgpack.hpp>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace charter::transport::detail {

namespace {

// What msgpack::packer writes to.
struct Sink {
  std::string& out;
  void write(const char* data, size_t size) { out.append(data, size); }
};

}  // namespace

void Writer::boolean(bool value) {
  Sink sink{out_};
  msgpack::packer<Sink>(sink).pack(value);
}

void Writer::uint(uint64_t value) {
  Sink sink{out_};
  msgpack::packer<Sink>(sink).pack_uint64(value);
}

void Writer::sint(int64_t value) {
  Sink sink{out_};
  msgpack::packer<Sink>(sink).pack_int64(value);
}

// Spelled out: msgpack-cxx shortens a number with an integral value to an integer.
void Writer::float32(float value) {
  out_.push_back(static_cast<char>(0xca));
  const auto bits = std::bit_cast<uint32_t>(value);
  for (int shift = 24; shift >= 0; shift -= 8) out_.push_back(static_cast<char>(bits >> shift));
}

void Writer::float64(double value) {
  out_.push_back(static_cast<char>(0xcb));
  const auto bits = std::bit_cast<uint64_t>(value);
  for (int shift = 56; shift >= 0; shift -= 8) out_.push_back(static_cast<char>(bits >> shift));
}

void Writer::str(std::string_view value) {
  Sink sink{out_};
  msgpack::packer<Sink> packer(sink);
  packer.pack_str(static_cast<uint32_t>(value.size()));
  packer.pack_str_body(value.data(), static_cast<uint32_t>(value.size()));
}

void Writer::array(size_t count) {
  Sink sink{out_};
  msgpack::packer<Sink>(sink).pack_array(static_cast<uint32_t>(count));
}

void Writer::map(size_t count) {
  Sink sink{out_};
  msgpack::packer<Sink>(sink).pack_map(static_cast<uint32_t>(count));
}

void Writer::numbers(int8_t dtype, const void* data, size_t bytes) {
  Sink sink{out_};
  msgpack::packer<Sink> packer(sink);
  packer.pack_ext(bytes, dtype);
  packer.pack_ext_body(static_cast<const char*>(data), static_cast<uint32_t>(bytes));
}

bool Reader::take(size_t count, std::string_view& bytes) {
  if (count > in_.size()) return false;
  bytes = in_.substr(0, count);
  in_.remove_prefix(count);
  return true;
}

template <class T>
bool Reader::big_endian(T& value) {
  std::string_view bytes;
  if (!take(sizeof(T), bytes)) return false;
  uint64_t bits = 0;
  for (const char byte : bytes) bits = bits << 8 | static_cast<uint8_t>(byte);
  value = static_cast<T>(bits);
  return true;
}

// A length of 8, 16 or 32 bits (of 16 or 32 where widths is 2): tag `first` says the narrowest.
bool Reader::length(uint8_t tag, uint8_t first, int widths, uint64_t& count) {
  const int width = tag - first + (3 - widths);
  uint8_t count8 = 0;
  uint16_t count16 = 0;
  uint32_t count32 = 0;
  bool ok = false;
  if (width == 0) {
    ok = big_endian(count8);
    count = count8;
  } else if (width == 1) {
    ok = big_endian(count16);
    count = count16;
  } else if (width == 2) {
    ok = big_endian(count32);
    count = count32;
  }
  return ok;
}

bool Reader::boolean(bool& value) {
  uint8_t tag = 0;
  if (!big_endian(tag) || (tag != 0xc2 && tag != 0xc3)) return false;
  value = tag == 0xc3;
  return true;
}

bool Reader::uint(uint64_t& value) {
  int64_t signed_value = 0;
  if (!in_.empty() && static_cast<uint8_t>(in_[0]) == 0xcf) {
    in_.remove_prefix(1);
    return big_endian(value);
  }
  if (!sint(signed_value) || signed_value < 0) return false;
  value = static_cast<uint64_t>(signed_value);
  return true;
}

namespace {
template <class T>
bool widen(bool ok, T narrow, int64_t& value) {
  value = static_cast<int64_t>(narrow);
  return ok;
}
}  // namespace

bool Reader::sint(int64_t& value) {
  uint8_t tag = 0;
  if (!big_endian(tag)) return false;
  if (tag <= 0x7f || tag >= 0xe0) return widen(true, static_cast<int8_t>(tag), value);
  const auto read = [this, &value](auto narrow) {
    const bool ok = big_endian(narrow);
    return widen(ok, narrow, value);
  };
  switch (tag) {
    case 0xcc:
      return read(uint8_t{});
    case 0xcd:
      return read(uint16_t{});
    case 0xce:
      return read(uint32_t{});
    case 0xcf:
      return read(uint64_t{}) && value >= 0;  // above the signed range: wrapped below zero
    case 0xd0:
      return read(int8_t{});
    case 0xd1:
      return read(int16_t{});
    case 0xd2:
      return read(int32_t{});
    case 0xd3:
      return read(int64_t{});
    default:
      return false;
  }
}

bool Reader::float32(float& value) {
  uint8_t tag = 0;
  uint32_t bits = 0;
  if (!big_endian(tag) || tag != 0xca || !big_endian(bits)) return false;
  value = std::bit_cast<float>(bits);
  return true;
}

bool Reader::float64(double& value) {
  uint8_t tag = 0;
  uint64_t bits = 0;
  if (!big_endian(tag) || tag != 0xcb || !big_endian(bits)) return false;
  value = std::bit_cast<double>(bits);
  return true;
}

bool Reader::str(std::string& value) {
  uint8_t tag = 0;
  uint64_t count = 0;
  if (!big_endian(tag)) return false;
  if ((tag & 0xe0) == 0xa0) {
    count = tag & 0x1f;
  } else if (tag < 0xd9 || tag > 0xdb || !length(tag, 0xd9, 3, count)) {
    return false;
  }
  std::string_view bytes;
  if (!take(count, bytes)) return false;
  value.assign(bytes);
  return true;
}

bool Reader::array(size_t& count) {
  uint8_t tag = 0;
  uint64_t wide = 0;
  if (!big_endian(tag)) return false;
  if ((tag & 0xf0) == 0x90) {
    wide = tag & 0x0f;
  } else if (tag < 0xdc || tag > 0xdd || !length(tag, 0xdc, 2, wide)) {
    return false;
  }
  count = wide;
  return wide <= in_.size();  // each element takes at least one byte
}

bool Reader::map(size_t& count) {
  uint8_t tag = 0;
  uint64_t wide = 0;
  if (!big_endian(tag)) return false;
  if ((tag & 0xf0) == 0x80) {
    wide = tag & 0x0f;
  } else if (tag < 0xde || tag > 0xdf || !length(tag, 0xde, 2, wide)) {
    return false;
  }
  count = wide;
  return wide <= in_.size() / 2;
}

bool Reader::numbers(int8_t dtype, std::string_view& bytes) {
  uint8_t tag = 0;
  uint64_t count = 0;
  if (!big_endian(tag)) return false;
  if (tag >= 0xd4 && tag <= 0xd8) {
    count = uint64_t{1} << (tag - 0xd4);
  } else if (tag < 0xc7 || tag > 0xc9 || !length(tag, 0xc7, 3, count)) {
    return false;
  }
  int8_t found = 0;
  return big_endian(found) && found == dtype && take(count, bytes);
}

uint64_t hash_text(std::string_view text) { return XXH3_64bits(text.data(), text.size()); }

}  // namespace charter::transport::detail
