#include "actors/transport/codec.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <msgpack.hpp>
#include <random>

namespace charter::transport {
namespace {

enum class Method : uint8_t { kSample, kCot };
bool valid(Method m) { return m <= Method::kCot; }
enum class Loose : int16_t { kA = -5 };

struct Inner {
  int32_t a = 0;
  std::string b;
  bool operator==(const Inner&) const = default;
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, Inner& x) {
  return f(caf::meta::type_name("Inner"), x.a, x.b);
}

struct Everything {
  bool flag = false;
  int8_t i8 = 0;
  int64_t i64 = 0;
  uint16_t u16 = 0;
  uint64_t u64 = 0;
  float f = 0;
  double d = 0;
  std::string s;
  Method method = Method::kSample;
  Loose loose = Loose::kA;
  std::vector<float> floats;
  std::vector<int32_t> ints;
  std::vector<int64_t> longs;
  std::vector<uint8_t> bytes;
  std::vector<bool> bits;
  std::vector<std::string> strings;
  std::vector<Inner> inners;
  std::optional<double> maybe;
  std::optional<std::vector<Inner>> maybe_inners;
  std::map<std::string, Inner> named;
  std::array<double, 2> pair{};
  std::chrono::milliseconds wait{0};
  bool operator==(const Everything&) const = default;
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, Everything& x) {
  return f(caf::meta::type_name("Everything"), x.flag, x.i8, x.i64, x.u16, x.u64, x.f, x.d, x.s,
           x.method, x.loose, x.floats, x.ints, x.longs, x.bytes, x.bits, x.strings, x.inners,
           x.maybe, x.maybe_inners, x.named, x.pair, x.wait);
}

Everything sample() {
  Everything x;
  x.flag = true;
  x.i8 = -128;
  x.i64 = std::numeric_limits<int64_t>::min();
  x.u16 = 65535;
  x.u64 = std::numeric_limits<uint64_t>::max();
  x.f = -0.5f;
  x.d = 3.0;  // integral: must stay a double on the wire
  x.s = std::string("nul \0 inside", 12);
  x.method = Method::kCot;
  x.floats = {1.5f, -std::numeric_limits<float>::infinity()};
  x.ints = {1, -2, 3};
  x.longs = {std::numeric_limits<int64_t>::max()};
  x.bytes = {0, 255};
  x.bits = {true, false};
  x.strings = {"", std::string(300, 'x')};
  x.inners = {{1, "one"}, {-70000, "two"}};
  x.maybe = 0.25;
  x.maybe_inners.emplace({Inner{5, "five"}});
  x.named = {{"k", {9, "nine"}}, {"", {}}};
  x.pair = {1, 2};
  x.wait = std::chrono::milliseconds(1500);
  return x;
}

TEST(Codec, EveryFieldTypeComesBackAsItWas) {
  const Everything full = sample();
  const auto back = decode_body<Everything>(encode_body(full));
  ASSERT_TRUE(back);
  EXPECT_EQ(*back, full);
  const Everything empty;
  EXPECT_EQ(decode_body<Everything>(encode_body(empty)), empty);
}

TEST(Codec, IntegersOfEveryWidthComeBack) {
  for (int shift = 0; shift < 63; ++shift) {
    for (const int64_t delta : {-1, 0, 1}) {
      for (const int64_t sign : {-1, 1}) {
        const int64_t value = sign * ((int64_t{1} << shift) + delta);
        std::string out;
        detail::Writer(out).sint(value);
        int64_t back = 0;
        detail::Reader reader(out);
        EXPECT_TRUE(reader.sint(back) && reader.done()) << value;
        EXPECT_EQ(back, value);
      }
    }
  }
}

// The wire is plain msgpack: another implementation reads it, and numbers are one ext with raw
// bytes.
TEST(Codec, IsMsgpackThatAnyReaderUnderstands) {
  const std::string body = encode_body(std::vector<Inner>{{7, "hi"}});
  const auto handle = msgpack::unpack(body.data(), body.size());
  const msgpack::object& array = handle.get();
  ASSERT_EQ(array.type, msgpack::type::ARRAY);
  const auto& inner = array.via.array.ptr[0];
  EXPECT_EQ(inner.via.array.ptr[0].as<int>(), 7);
  EXPECT_EQ(inner.via.array.ptr[1].as<std::string>(), "hi");
  // ext 8: 0xc7, 12 bytes, dtype 3 * 16 + 4 = 52, then 1.0f = 00 00 80 3f three times.
  const std::string floats = encode_body(std::vector<float>{1, 1, 1});
  EXPECT_EQ(floats.substr(0, 7), std::string("\xc7\x0c\x34\x00\x00\x80\x3f", 7));
  EXPECT_EQ(floats.size(), 3u + 12u);
}

TEST(Codec, WrongTypesRangesAndCountsAreRefused) {
  EXPECT_FALSE(decode_body<Inner>(encode_body(std::string("text"))));
  EXPECT_FALSE(decode_body<int8_t>(encode_body(int64_t{128})));
  EXPECT_FALSE(decode_body<uint32_t>(encode_body(int32_t{-1})));
  EXPECT_FALSE(decode_body<int64_t>(encode_body(std::numeric_limits<uint64_t>::max())));
  EXPECT_FALSE(decode_body<Method>(encode_body(uint8_t{2})));
  EXPECT_TRUE(decode_body<Loose>(encode_body(int16_t{77})));
  EXPECT_FALSE(decode_body<float>(encode_body(1.0)));
  EXPECT_FALSE((decode_body<std::vector<int32_t>>(encode_body(std::vector<float>{1}))));
  EXPECT_FALSE((decode_body<std::vector<int64_t>>(encode_body(std::vector<int32_t>{1, 2}))));
  EXPECT_FALSE((decode_body<std::array<double, 3>>(encode_body(std::array<double, 2>{}))));
  EXPECT_FALSE(decode_body<Inner>(encode_body(Inner{}) + "x"));
  EXPECT_FALSE(decode_body<Inner>(""));
  // 3 floats' worth of ext with 11 bytes: not a whole number of them.
  EXPECT_FALSE(
      decode_body<std::vector<float>>(std::string("\xc7\x0b\x34", 3) + std::string(11, 0)));
}

// Five bytes that claim four billion elements: nothing is reserved for them.
TEST(Codec, AClaimedCountAllocatesNothing) {
  const std::string array = std::string("\xdd\xff\xff\xff\xff", 5);
  const std::string text = std::string("\xdb\xff\xff\xff\xff", 5);
  const std::string ext = std::string("\xc9\xff\xff\xff\xff\x34", 6);
  const std::string map = std::string("\xdf\xff\xff\xff\xff", 5);
  EXPECT_FALSE(decode_body<std::vector<Everything>>(array));
  EXPECT_FALSE(decode_body<std::string>(text));
  EXPECT_FALSE(decode_body<std::vector<float>>(ext));
  EXPECT_FALSE((decode_body<std::map<std::string, Inner>>(map)));
  // A count that the bytes could hold, of large structs: elements are made as they decode.
  const std::string plausible =
      std::string("\xdd\x00\x10\x00\x00", 5) + std::string(1 << 20, '\xc0');
  EXPECT_FALSE(decode_body<std::vector<Everything>>(plausible));
}

struct Tree {
  std::vector<Tree> children;
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, Tree& x) {
  return f(x.children);
}

TEST(Codec, NestingIsBounded) {
  Tree shallow;
  shallow.children.resize(1);
  EXPECT_TRUE(decode_body<Tree>(encode_body(shallow)));
  EXPECT_FALSE(decode_body<Tree>(std::string(100000, '\x91')));
}

TEST(Codec, MutatedBytesNeverThrowAndNeverGrow) {
  const std::string good = encode_body(sample());
  std::mt19937_64 random(11);
  int accepted = 0;
  for (int i = 0; i < 50000; ++i) {
    std::string bad = good;
    for (int flips = 0; flips < 1 + i % 5; ++flips) {
      bad[random() % bad.size()] = static_cast<char>(random());
    }
    if (i % 3 == 0) bad.resize(random() % bad.size());
    const auto back = decode_body<Everything>(bad);
    if (!back) continue;
    ++accepted;
    EXPECT_LE(back->s.size() + back->floats.size() + back->strings.size(), bad.size());
  }
  EXPECT_GT(accepted, 0);  // changed values inside a field are still a message
}

struct Renamed {
  int32_t a = 0;
  std::string b;
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, Renamed& x) {
  return f(caf::meta::type_name("Renamed"), x.a, x.b);
}
struct Retyped {
  int64_t a = 0;
  std::string b;
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, Retyped& x) {
  return f(caf::meta::type_name("Inner"), x.a, x.b);
}

TEST(Codec, TheSchemaHashChangesWithNamesTypesAndOrder) {
  const uint64_t inner = schema_hash<Inner>();
  EXPECT_EQ(inner, schema_hash<Inner>());
  EXPECT_NE(inner, schema_hash<Renamed>());
  EXPECT_NE(inner, schema_hash<Retyped>());
  EXPECT_NE((schema_hash<Inner, Everything>()), (schema_hash<Everything, Inner>()));
}

}  // namespace
}  // namespace charter::transport
