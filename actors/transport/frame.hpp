// The wire frame: [header][msgpack body][raw blob]..., one ZeroMQ part each.
// Pure: bytes in, values out. Nothing here throws; what is odd is named by FrameError.
//
// Header, little-endian, kHeaderBytes long:
//   0 magic u32 | 4 schema u16 | 6 type u16 | 8 kind u8 | 9 flags u8 | 10 blobs u16 | 12 reserved
//   u32 16 run u64 | 24 lineage i64 | 32 producer u64 | 40 sequence u64 | 48 floor u64 56 attach
//   u64 | 64 echo u64 | 72 body_bytes u64 | 80 checksum u64
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "actors/transport/blob.hpp"

namespace charter::transport {

inline constexpr uint32_t kFrameMagic = 0x54524843;  // "CHRT"
inline constexpr uint16_t kFrameSchema = 1;
inline constexpr size_t kHeaderBytes = 88;
inline constexpr size_t kMaxBlobs = 4096;

enum class FrameKind : uint8_t { kData, kHello, kRefuse, kState, kAnnounce, kBye };
inline constexpr uint8_t kFlagWantsReply = 1;  // hello: the sender's session is not open yet

struct FrameHeader {
  uint16_t type = 0;  // message type, chosen by the actors; data and announcements only
  FrameKind kind = FrameKind::kData;
  uint8_t flags = 0;
  uint64_t run_id = 0;
  int64_t lineage = 0;
  uint64_t producer = 0;  // who sends
  uint64_t sequence = 0;  // of a data frame, from 1 in each session
  uint64_t floor = 0;     // sequences below it are settled: the receiver may forget them
  uint64_t attach = 0;    // the sender's number for this session; rises at each re-opening
  uint64_t echo = 0;      // the receiver's number, as the sender knows it; 0: not known
};

enum class FrameError : uint8_t { kSize, kMagic, kSchema, kKind, kParts, kChecksum };
[[nodiscard]] const char* name(FrameError error);

// Body and blobs with their checksum, computed once however often the frame is resent.
struct Payload {
  std::string body;
  std::vector<Blob> blobs;
  uint64_t checksum = 0;  // payload_checksum(body, blobs)
  [[nodiscard]] size_t bytes() const;
};
[[nodiscard]] uint64_t payload_checksum(std::string_view body, std::span<const Blob> blobs);
[[nodiscard]] std::shared_ptr<const Payload> make_payload(std::string body,
                                                          std::vector<Blob> blobs = {});

// The checksum covers the header too.
[[nodiscard]] std::array<std::byte, kHeaderBytes> encode_header(const FrameHeader& header,
                                                                const Payload& payload);

struct Frame {
  FrameHeader header;
  std::string_view body;    // points into parts[1]
  std::vector<Blob> blobs;  // share ownership with the parts
};

// parts: header, body, blobs. The view into parts[1] lives as long as the part.
[[nodiscard]] std::variant<Frame, FrameError> decode_frame(std::span<const Blob> parts);

}  // namespace charter::transport
