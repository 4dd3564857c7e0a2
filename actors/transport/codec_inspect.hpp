// How each field type is written, read and described; codec.hpp is what others include.
// The Writer is msgpack-cxx. The Reader is our own: it reads into typed fields without building an
// object tree, so that a few hostile bytes cannot make it allocate, and it reports instead of
// throwing.
#pragma once

#include <array>
#include <bit>
#include <caf/meta/annotation.hpp>
#include <caf/meta/type_name.hpp>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace charter::transport::detail {

static_assert(std::endian::native == std::endian::little,
              "arrays travel as raw little-endian bytes");

inline constexpr int kMaxDepth = 32;

class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}
  void boolean(bool value);
  void uint(uint64_t value);
  void sint(int64_t value);
  void float32(float value);
  void float64(double value);
  void str(std::string_view value);
  void array(size_t count);
  void map(size_t count);
  void numbers(int8_t dtype, const void* data, size_t bytes);

 private:
  std::string& out_;
};

// Every method returns false, and the reader stays failed, on a wrong type, a value out of range or
// bytes that are missing.
class Reader {
 public:
  explicit Reader(std::string_view in) : in_(in) {}
  [[nodiscard]] bool boolean(bool& value);
  [[nodiscard]] bool uint(uint64_t& value);
  [[nodiscard]] bool sint(int64_t& value);
  [[nodiscard]] bool float32(float& value);
  [[nodiscard]] bool float64(double& value);
  [[nodiscard]] bool str(std::string& value);
  [[nodiscard]] bool array(size_t& count);  // count <= bytes left
  [[nodiscard]] bool map(size_t& count);
  [[nodiscard]] bool numbers(int8_t dtype, std::string_view& bytes);
  [[nodiscard]] bool enter() { return ++depth_ <= kMaxDepth; }
  void leave() { --depth_; }
  [[nodiscard]] bool done() const { return in_.empty(); }

 private:
  [[nodiscard]] bool take(size_t count, std::string_view& bytes);
  template <class T>
  [[nodiscard]] bool big_endian(T& value);
  [[nodiscard]] bool length(uint8_t tag, uint8_t first, int widths, uint64_t& count);
  std::string_view in_;
  int depth_ = 0;
};

[[nodiscard]] uint64_t hash_text(std::string_view text);

template <class T>
inline constexpr bool kIsVector = false;
template <class T>
inline constexpr bool kIsVector<std::vector<T>> = true;
template <class T>
inline constexpr bool kIsArray = false;
template <class T, size_t N>
inline constexpr bool kIsArray<std::array<T, N>> = true;
template <class T>
inline constexpr bool kIsOptional = false;
template <class T>
inline constexpr bool kIsOptional<std::optional<T>> = true;
template <class T>
inline constexpr bool kIsMap = false;
template <class T>
inline constexpr bool kIsMap<std::map<std::string, T>> = true;
template <class T>
inline constexpr bool kIsDuration = false;
template <class R, class P>
inline constexpr bool kIsDuration<std::chrono::duration<R, P>> = true;

template <class T>
inline constexpr bool kIsNumber = std::is_arithmetic_v<T> && !std::is_same_v<T, bool>;

// dtype of a raw array: kind (1 signed, 2 unsigned, 3 float) * 16 + bytes per element.
template <class T>
inline constexpr int8_t kDtype = static_cast<int8_t>((std::is_floating_point_v<T> ? 3
                                                      : std::is_signed_v<T>       ? 1
                                                                                  : 2) *
                                                         16 +
                                                     sizeof(T));

template <class T>
inline constexpr bool kIsField = !caf::meta::is_annotation<std::decay_t<T>>::value;

template <class T>
void put(Writer& writer, const T& value);
template <class T>
bool get(Reader& reader, T& value);
template <class T>
void describe(std::string& text, int depth);

struct PutFields {
  using result_type = void;
  Writer& writer;
  template <class... Ts>
  void operator()(Ts&&... fields) {
    writer.array((size_t{0} + ... + (kIsField<Ts> ? 1 : 0)));
    (one(fields), ...);
  }
  template <class T>
  void one(T& field) {
    if constexpr (kIsField<T>) put(writer, field);
  }
};

struct GetFields {
  using result_type = bool;
  Reader& reader;
  template <class... Ts>
  bool operator()(Ts&&... fields) {
    size_t count = 0;
    if (!reader.enter() || !reader.array(count)) return false;
    if (count != (size_t{0} + ... + (kIsField<Ts> ? 1 : 0))) return false;
    if (!(one(fields) && ...)) return false;
    reader.leave();
    return true;
  }
  template <class T>
  bool one(T& field) {
    if constexpr (kIsField<T>) {
      return get(reader, field);
    } else {
      return true;
    }
  }
};

struct DescribeFields {
  using result_type = void;
  std::string& text;
  int depth;
  template <class... Ts>
  void operator()(Ts&&... fields) {
    text += '(';
    (one(fields), ...);
    text += ')';
  }
  template <class T>
  void one(T& field) {
    if constexpr (std::is_same_v<std::decay_t<T>, caf::meta::type_name_t>) {
      text += field.value;
      text += ':';
    } else if constexpr (kIsField<T>) {
      describe<std::decay_t<T>>(text, depth + 1);
    }
  }
};

template <class T>
void put_elements(Writer& writer, const T& values) {
  using Element = typename T::value_type;
  if constexpr (kIsNumber<Element>) {
    writer.numbers(kDtype<Element>, values.data(), values.size() * sizeof(Element));
  } else {
    writer.array(values.size());
    for (const auto& value : values) put<Element>(writer, value);
  }
}

template <class T>
void put(Writer& writer, const T& value) {
  if constexpr (std::is_same_v<T, bool>) {
    writer.boolean(value);
  } else if constexpr (std::is_enum_v<T>) {
    put(writer, static_cast<std::underlying_type_t<T>>(value));
  } else if constexpr (std::is_same_v<T, float>) {
    writer.float32(value);
  } else if constexpr (std::is_same_v<T, double>) {
    writer.float64(value);
  } else if constexpr (std::is_integral_v<T> && std::is_signed_v<T>) {
    writer.sint(value);
  } else if constexpr (std::is_integral_v<T>) {
    writer.uint(value);
  } else if constexpr (std::is_same_v<T, std::string>) {
    writer.str(value);
  } else if constexpr (kIsDuration<T>) {
    put(writer, value.count());
  } else if constexpr (kIsVector<T> || kIsArray<T>) {
    put_elements(writer, value);
  } else if constexpr (kIsOptional<T>) {
    // [] or [value]: nil alone could not tell an empty optional<optional<T>>.
    writer.array(value ? 1 : 0);
    if (value) put(writer, *value);
  } else if constexpr (kIsMap<T>) {
    writer.map(value.size());
    for (const auto& [key, mapped] : value) {
      writer.str(key);
      put(writer, mapped);
    }
  } else {
    PutFields fields{writer};
    inspect(fields,
            const_cast<T&>(value));  // inspect takes a mutable reference; nothing is changed
  }
}

template <class T>
bool get_integer(Reader& reader, T& value) {
  std::conditional_t<std::is_signed_v<T>, int64_t, uint64_t> wide = 0;
  if constexpr (std::is_signed_v<T>) {
    if (!reader.sint(wide)) return false;
  } else {
    if (!reader.uint(wide)) return false;
  }
  if (wide < std::numeric_limits<T>::min() || wide > std::numeric_limits<T>::max()) return false;
  value = static_cast<T>(wide);
  return true;
}

template <class T>
bool get_vector(Reader& reader, T& values) {
  using Element = typename T::value_type;
  if constexpr (kIsNumber<Element>) {
    std::string_view bytes;
    if (!reader.numbers(kDtype<Element>, bytes) || bytes.size() % sizeof(Element)) return false;
    values.resize(bytes.size() / sizeof(Element));
    if (!bytes.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
    return true;
  } else {
    size_t count = 0;
    if (!reader.enter() || !reader.array(count)) return false;
    values.clear();  // grows as elements really decode: a count alone reserves nothing
    for (size_t i = 0; i < count; ++i) {
      Element element{};
      if (!get(reader, element)) return false;
      values.push_back(std::move(element));
    }
    reader.leave();
    return true;
  }
}

template <class T>
bool get_array(Reader& reader, T& values) {
  using Element = typename T::value_type;
  if constexpr (kIsNumber<Element>) {
    std::string_view bytes;
    if (!reader.numbers(kDtype<Element>, bytes) || bytes.size() != sizeof(T)) return false;
    std::memcpy(values.data(), bytes.data(), bytes.size());
    return true;
  } else {
    size_t count = 0;
    if (!reader.enter() || !reader.array(count) || count != values.size()) return false;
    for (auto& value : values) {
      if (!get(reader, value)) return false;
    }
    reader.leave();
    return true;
  }
}

template <class T>
bool get_map(Reader& reader, T& values) {
  size_t count = 0;
  if (!reader.enter() || !reader.map(count)) return false;
  values.clear();
  for (size_t i = 0; i < count; ++i) {
    std::string key;
    typename T::mapped_type mapped{};
    if (!reader.str(key) || !get(reader, mapped)) return false;
    if (!values.emplace(std::move(key), std::move(mapped)).second) return false;
  }
  reader.leave();
  return true;
}

template <class T>
bool get(Reader& reader, T& value) {
  if constexpr (std::is_same_v<T, bool>) {
    return reader.boolean(value);
  } else if constexpr (std::is_enum_v<T>) {
    std::underlying_type_t<T> raw{};
    if (!get(reader, raw)) return false;
    value = static_cast<T>(raw);
    if constexpr (requires {
                    { valid(value) } -> std::same_as<bool>;
                  })
      return valid(value);
    return true;
  } else if constexpr (std::is_same_v<T, float>) {
    return reader.float32(value);
  } else if constexpr (std::is_same_v<T, double>) {
    return reader.float64(value);
  } else if constexpr (std::is_integral_v<T>) {
    return get_integer(reader, value);
  } else if constexpr (std::is_same_v<T, std::string>) {
    return reader.str(value);
  } else if constexpr (kIsDuration<T>) {
    typename T::rep count{};
    if (!get(reader, count)) return false;
    value = T(count);
    return true;
  } else if constexpr (kIsVector<T>) {
    return get_vector(reader, value);
  } else if constexpr (kIsArray<T>) {
    return get_array(reader, value);
  } else if constexpr (kIsOptional<T>) {
    size_t count = 0;
    if (!reader.enter() || !reader.array(count) || count > 1) return false;
    value.reset();
    if (count == 1 && !get(reader, value.emplace())) return false;
    reader.leave();
    return true;
  } else if constexpr (kIsMap<T>) {
    return get_map(reader, value);
  } else {
    GetFields fields{reader};
    return inspect(fields, value);
  }
}

template <class T>
void describe(std::string& text, int depth) {
  if (depth > kMaxDepth)
    return;  // a recursive message describes itself down to the depth it may have
  if constexpr (std::is_same_v<T, bool>) {
    text += 'b';
  } else if constexpr (std::is_enum_v<T>) {
    text += 'e';
    describe<std::underlying_type_t<T>>(text, depth);
  } else if constexpr (kIsNumber<T>) {
    text += std::to_string(kDtype<T>) + ',';
  } else if constexpr (std::is_same_v<T, std::string>) {
    text += 's';
  } else if constexpr (kIsDuration<T>) {
    text += 'd';
    describe<typename T::rep>(text, depth);
  } else if constexpr (kIsVector<T> || kIsOptional<T>) {
    text += kIsVector<T> ? 'v' : 'o';
    describe<typename T::value_type>(text, depth + 1);
  } else if constexpr (kIsArray<T>) {
    text += 'a' + std::to_string(std::tuple_size_v<T>);
    describe<typename T::value_type>(text, depth + 1);
  } else if constexpr (kIsMap<T>) {
    text += 'm';
    describe<typename T::mapped_type>(text, depth + 1);
  } else {
    T value{};
    DescribeFields fields{text, depth};
    inspect(fields, value);
  }
}

}  // namespace charter::transport::detail
