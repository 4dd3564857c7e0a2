// Messages to msgpack and back, from the field list that CAF's `inspect(f, x)` already gives.
//
//   struct Score { uint64_t id = 0; std::vector<float> logprobs; };
//   template <class Inspector> typename Inspector::result_type inspect(Inspector& f, Score& x) {
//     return f(caf::meta::type_name("Score"), x.id, x.logprobs);
//   }
//   std::string body = encode_body(score);                  // [id, ext(float32, raw bytes)]
//   std::optional<Score> back = decode_body<Score>(body);
//
// Fields: bool, integers, float, double, enums, std::string, std::optional, std::vector,
// std::array, std::map<std::string, T>, std::chrono durations, and structs with an `inspect`. A
// vector of numbers travels as one msgpack ext: its type is the dtype, its bytes are raw
// little-endian. CAF annotations are skipped. An enum with a `bool valid(E)` found by
// argument-dependent lookup is checked by it.
//
// Decoding never throws and never allocates more than a small multiple of the bytes it was given:
// every count is checked against the bytes that are left. Field counts, types and ranges must match
// exactly, nothing may follow, and nesting is at most kMaxDepth.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "actors/transport/codec_inspect.hpp"

namespace charter::transport {

template <class T>
[[nodiscard]] std::string encode_body(const T& message) {
  std::string out;
  detail::Writer writer(out);
  detail::put(writer, message);
  return out;
}

template <class T>
[[nodiscard]] std::optional<T> decode_body(std::string_view body) {
  detail::Reader reader(body);
  T message{};
  if (!detail::get(reader, message) || !reader.done()) return std::nullopt;
  return message;
}

// A number that changes when a field of any of the messages is added, removed, moved or retyped, or
// a name given by caf::meta::type_name changes. The handshake compares it.
template <class... Messages>
[[nodiscard]] uint64_t schema_hash() {
  std::string text;
  (detail::describe<Messages>(text, 0), ...);
  return detail::hash_text(text);
}

}  // namespace charter::transport
