#include "actors/transport/frame.hpp"

#include <cstring>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace charter::transport {

namespace {

template <class T>
void store(std::array<std::byte, kHeaderBytes>& out, size_t offset, T value) {
  std::memcpy(out.data() + offset, &value, sizeof(T));
}

template <class T>
T load(std::span<const std::byte> in, size_t offset) {
  T value{};
  std::memcpy(&value, in.data() + offset, sizeof(T));
  return value;
}

constexpr size_t kChecksumOffset = kHeaderBytes - sizeof(uint64_t);

// The payload's checksum seeds the header's, so a resend with a changed header rehashes 80 bytes
// only.
uint64_t frame_checksum(std::span<const std::byte> header, uint64_t payload) {
  return XXH3_64bits_withSeed(header.data(), kChecksumOffset, payload);
}

}  // namespace

const char* name(FrameError error) {
  switch (error) {
    case FrameError::kSize:
      return "size";
    case FrameError::kMagic:
      return "magic";
    case FrameError::kSchema:
      return "schema version";
    case FrameError::kKind:
      return "kind";
    case FrameError::kParts:
      return "number of parts";
    case FrameError::kChecksum:
      return "checksum";
  }
  return "unknown";
}

size_t Payload::bytes() const {
  size_t total = body.size();
  for (const Blob& blob : blobs) total += blob.size;
  return total;
}

uint64_t payload_checksum(std::string_view body, std::span<const Blob> blobs) {
  uint64_t sum = XXH3_64bits(body.data(), body.size());
  for (const Blob& blob : blobs) sum = XXH3_64bits_withSeed(blob.data.get(), blob.size, sum);
  return sum;
}

std::shared_ptr<const Payload> make_payload(std::string body, std::vector<Blob> blobs) {
  auto payload = std::make_shared<Payload>();
  payload->body = std::move(body);
  payload->blobs = std::move(blobs);
  payload->checksum = payload_checksum(payload->body, payload->blobs);
  return payload;
}

std::array<std::byte, kHeaderBytes> encode_header(const FrameHeader& header,
                                                  const Payload& payload) {
  std::array<std::byte, kHeaderBytes> out{};
  store(out, 0, kFrameMagic);
  store(out, 4, kFrameSchema);
  store(out, 6, header.type);
  store(out, 8, static_cast<uint8_t>(header.kind));
  store(out, 9, header.flags);
  store(out, 10, static_cast<uint16_t>(payload.blobs.size()));
  store(out, 16, header.run_id);
  store(out, 24, header.lineage);
  store(out, 32, header.producer);
  store(out, 40, header.sequence);
  store(out, 48, header.floor);
  store(out, 56, header.attach);
  store(out, 64, header.echo);
  store(out, 72, static_cast<uint64_t>(payload.body.size()));
  store(out, kChecksumOffset, frame_checksum(out, payload.checksum));
  return out;
}

std::variant<Frame, FrameError> decode_frame(std::span<const Blob> parts) {
  if (parts.empty() || parts[0].size != kHeaderBytes) return FrameError::kSize;
  const auto in = parts[0].bytes();
  if (load<uint32_t>(in, 0) != kFrameMagic) return FrameError::kMagic;
  if (load<uint16_t>(in, 4) != kFrameSchema) return FrameError::kSchema;
  if (load<uint8_t>(in, 8) > static_cast<uint8_t>(FrameKind::kBye)) return FrameError::kKind;
  const size_t blobs = load<uint16_t>(in, 10);
  if (blobs > kMaxBlobs || parts.size() != 2 + blobs) return FrameError::kParts;
  if (load<uint64_t>(in, 72) != parts[1].size) return FrameError::kSize;

  Frame frame;
  frame.header = {.type = load<uint16_t>(in, 6),
                  .kind = static_cast<FrameKind>(load<uint8_t>(in, 8)),
                  .flags = load<uint8_t>(in, 9),
                  .run_id = load<uint64_t>(in, 16),
                  .lineage = load<int64_t>(in, 24),
                  .producer = load<uint64_t>(in, 32),
                  .sequence = load<uint64_t>(in, 40),
                  .floor = load<uint64_t>(in, 48),
                  .attach = load<uint64_t>(in, 56),
                  .echo = load<uint64_t>(in, 64)};
  frame.body = {reinterpret_cast<const char*>(parts[1].data.get()), parts[1].size};
  frame.blobs.assign(parts.begin() + 2, parts.end());
  const uint64_t payload = payload_checksum(frame.body, frame.blobs);
  if (load<uint64_t>(in, kChecksumOffset) != frame_checksum(in, payload)) {
    return FrameError::kChecksum;
  }
  return frame;
}

}  // namespace charter::transport
