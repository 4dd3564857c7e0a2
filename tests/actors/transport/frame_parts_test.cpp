#include "actors/transport/frame_parts.hpp"

#include <gtest/gtest.h>

namespace charter::transport {
namespace {

Blob piece(size_t size, char letter = 'a') { return Blob::take(std::string(size, letter)); }

std::string text(const Blob& blob) {
  return {static_cast<const char*>(blob.data.get()), blob.size};
}

TEST(Pieces, AMultipleOfThePieceEndsWithAnEmptyOne) {
  EXPECT_EQ(pieces(0), 1u);
  EXPECT_EQ(pieces(kPieceBytes - 1), 1u);
  EXPECT_EQ(pieces(kPieceBytes), 2u);
  EXPECT_EQ(pieces(2 * kPieceBytes - 1), 2u);
  EXPECT_EQ(pieces(2 * kPieceBytes), 3u);
}

TEST(PartJoiner, JoinsUpToTheFirstShortPiece) {
  PartJoiner joiner(8, 1 << 20);
  joiner.add(piece(3, 'h'));
  joiner.add(piece(kPieceBytes, 'b'));
  joiner.add(piece(2, 'c'));
  joiner.add(piece(kPieceBytes, 'd'));
  joiner.add(piece(0));
  joiner.add(piece(0));
  const auto parts = joiner.take();
  ASSERT_EQ(parts.size(), 4u);
  EXPECT_EQ(text(parts[0]), "hhh");
  EXPECT_EQ(text(parts[1]), std::string(kPieceBytes, 'b') + "cc");
  EXPECT_EQ(text(parts[2]), std::string(kPieceBytes, 'd'));
  EXPECT_EQ(parts[3].size, 0u);
}

TEST(PartJoiner, ASinglePieceIsNotCopied) {
  PartJoiner joiner(1, 1 << 20);
  const Blob only = piece(5);
  joiner.add(only);
  const auto parts = joiner.take();
  ASSERT_EQ(parts.size(), 1u);
  EXPECT_EQ(parts[0].data.get(), only.data.get());
}

TEST(PartJoiner, AFrameThatBreaksABoundIsNothing) {
  PartJoiner too_many(2, 1 << 20);
  for (int i = 0; i < 3; ++i) too_many.add(piece(1));
  EXPECT_TRUE(too_many.take().empty());

  PartJoiner too_long(8, kPieceBytes + 1);
  too_long.add(piece(kPieceBytes));
  too_long.add(piece(2));
  too_long.add(piece(0));
  EXPECT_TRUE(too_long.take().empty());

  PartJoiner piece_too_long(8, 1 << 20);
  piece_too_long.add(piece(kPieceBytes + 1));
  EXPECT_TRUE(piece_too_long.take().empty());

  PartJoiner within(2, kPieceBytes + 1);
  within.add(piece(kPieceBytes));
  within.add(piece(1));
  EXPECT_EQ(within.take().size(), 1u);
}

TEST(PartJoiner, APartThatIsCutShortIsNothing) {
  PartJoiner joiner(8, 1 << 20);
  joiner.add(piece(1));
  joiner.add(piece(kPieceBytes));
  EXPECT_TRUE(joiner.take().empty());
}

}  // namespace
}  // namespace charter::transport
