#include "actors/transport/frame.hpp"

#include <gtest/gtest.h>

#include <random>

namespace charter::transport {
namespace {

std::vector<Blob> parts_of(const FrameHeader& header, const Payload& payload) {
  std::vector<Blob> parts{Blob::copy_of(encode_header(header, payload)),
                          Blob::copy_of(std::as_bytes(std::span(payload.body)))};
  parts.insert(parts.end(), payload.blobs.begin(), payload.blobs.end());
  return parts;
}

const FrameHeader kHeader{.type = 513,
                          .kind = FrameKind::kData,
                          .flags = 1,
                          .run_id = 0x1122334455667788,
                          .lineage = -3,
                          .producer = 5,
                          .sequence = 6,
                          .floor = 4,
                          .attach = 8,
                          .echo = 9};

FrameError error_of(std::span<const Blob> parts) {
  const auto decoded = decode_frame(parts);
  const auto* error = std::get_if<FrameError>(&decoded);
  EXPECT_NE(error, nullptr);
  return error == nullptr ? FrameError{} : *error;
}

TEST(Frame, ComesBackAsItWas) {
  const auto payload = make_payload("body", {Blob::take(std::string("one")), Blob{}});
  const auto parts = parts_of(kHeader, *payload);
  const auto decoded = decode_frame(parts);
  const auto* frame = std::get_if<Frame>(&decoded);
  ASSERT_NE(frame, nullptr);
  EXPECT_EQ(frame->header.type, 513);
  EXPECT_EQ(frame->header.lineage, -3);
  EXPECT_EQ(frame->header.run_id, 0x1122334455667788u);
  EXPECT_EQ(frame->header.sequence, 6u);
  EXPECT_EQ(frame->header.floor, 4u);
  EXPECT_EQ(frame->header.attach, 8u);
  EXPECT_EQ(frame->header.echo, 9u);
  EXPECT_EQ(frame->body, "body");
  ASSERT_EQ(frame->blobs.size(), 2u);
  EXPECT_EQ(frame->blobs[0].size, 3u);
}

// "CHRT", schema 1, type 513 = 0x0201, kind 0, flags 1, no blobs.
TEST(Frame, TheHeaderIsLittleEndianAndFixed) {
  const auto head = encode_header(kHeader, *make_payload(""));
  const unsigned char expected[] = {'C', 'H', 'R', 'T', 1, 0, 1, 2, 0, 1, 0, 0};
  EXPECT_EQ(std::memcmp(head.data(), expected, sizeof expected), 0);
  EXPECT_EQ(static_cast<int>(head[16]), 0x88);  // run id, lowest byte first
  EXPECT_EQ(head.size(), 88u);
}

TEST(Frame, WhatIsOddIsNamed) {
  const auto payload = make_payload("body");
  auto parts = parts_of(kHeader, *payload);
  EXPECT_EQ(error_of({}), FrameError::kSize);
  EXPECT_EQ(error_of(std::span(parts).first(1)), FrameError::kParts);
  const auto with_byte = [&](size_t offset, int value) {
    auto head = encode_header(kHeader, *payload);
    head[offset] = static_cast<std::byte>(value);
    return error_of(std::vector<Blob>{Blob::copy_of(head), parts[1]});
  };
  EXPECT_EQ(with_byte(0, 'X'), FrameError::kMagic);
  EXPECT_EQ(with_byte(4, 2), FrameError::kSchema);
  EXPECT_EQ(with_byte(8, 200), FrameError::kKind);
  EXPECT_EQ(with_byte(10, 1), FrameError::kParts);
  EXPECT_EQ(with_byte(72, 5), FrameError::kSize);
  EXPECT_EQ(with_byte(40, 7), FrameError::kChecksum);
  parts[1] = Blob::take(std::string("bodx"));
  EXPECT_EQ(error_of(parts), FrameError::kChecksum);
}

TEST(Frame, MovingBytesBetweenBlobsIsSeen) {
  const auto payload =
      make_payload("", {Blob::take(std::string("ab")), Blob::take(std::string("c"))});
  auto parts = parts_of(kHeader, *payload);
  parts[2] = Blob::take(std::string("a"));
  parts[3] = Blob::take(std::string("bc"));
  EXPECT_EQ(error_of(parts), FrameError::kChecksum);
}

TEST(Frame, EveryFlippedBitOfTheHeaderIsSeen) {
  const auto payload = make_payload("body");
  const auto head = encode_header(kHeader, *payload);
  for (size_t bit = 0; bit < head.size() * 8; ++bit) {
    auto flipped = head;
    flipped[bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
    const std::vector<Blob> parts{Blob::copy_of(flipped), Blob::take(std::string("body"))};
    EXPECT_TRUE(std::holds_alternative<FrameError>(decode_frame(parts))) << bit;
  }
}

TEST(Frame, RandomBytesAreRefused) {
  std::mt19937_64 random(3);
  for (int i = 0; i < 20000; ++i) {
    std::vector<Blob> parts;
    for (size_t part = random() % 5; part > 0; --part) {
      std::string bytes(random() % 3 ? kHeaderBytes : random() % 200, '\0');
      for (char& c : bytes) c = static_cast<char>(random());
      parts.push_back(Blob::take(std::move(bytes)));
    }
    EXPECT_TRUE(std::holds_alternative<FrameError>(decode_frame(parts)));
  }
}

}  // namespace
}  // namespace charter::transport
