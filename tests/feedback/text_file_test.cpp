#include "feedback/text_file.hpp"

#include <gtest/gtest.h>
#include <zlib.h>

#include "tests/feedback/temp_file.hpp"

namespace charter::feedback {
namespace {

std::string gzip(std::string_view text) {
  const TempFile file("pack.gz", "");
  gzFile out = gzopen(file.path().c_str(), "wb");
  gzwrite(out, text.data(), static_cast<unsigned>(text.size()));
  gzclose(out);
  std::ifstream in(file.path(), std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string read_error(const std::string& name, std::string_view bytes) {
  const TempFile file(name, bytes);
  return error_of([&] { (void)read_text(file.path()); });
}

TEST(TextFile, ReadsPlainAndCompressedTextWithoutTheByteOrderMark) {
  const TempFile plain("a.txt", "\xEF\xBB\xBFone\n");
  EXPECT_EQ(read_text(plain.path()), "one\n");
  const TempFile packed("a.gz", gzip("one\n"));
  EXPECT_EQ(read_text(packed.path()), "one\n");
}

TEST(TextFile, RefusesWhatItCannotReadInFull) {
  EXPECT_EQ(read_error("a.txt", ""), "a.txt: is empty");
  EXPECT_EQ(read_error("a.txt", " \n"), "a.txt: is empty");
  EXPECT_EQ(read_error("a.gz", "plain"), "a.gz: is not gzip, though its name says so");
  const std::string whole = gzip(std::string(5000, 'x'));
  EXPECT_TRUE(read_error("a.gz", std::string_view(whole).substr(0, whole.size() - 6))
                  .starts_with("a.gz: corrupt or truncated gzip"));
  std::string corrupt = whole;
  corrupt[corrupt.size() - 6] ^= 1;  // the checksum
  EXPECT_TRUE(read_error("a.gz", corrupt).starts_with("a.gz: corrupt or truncated gzip"));
  EXPECT_EQ(error_of([] { (void)read_text("/nonexistent"); }),
            "/nonexistent: cannot read: No such file or directory");
  EXPECT_EQ(error_of([] { (void)read_text("/tmp"); }), "/tmp: is a directory, expected a file");
}

TEST(TextFile, RefusesBytesThatAreNotUtf8) {
  EXPECT_EQ(
      read_error("a.txt", "ok\nb\xFF"),
      "a.txt:2: byte 4 is not UTF-8; to convert a file of Windows: iconv -f WINDOWS-1252 -t UTF-8");
  constexpr std::size_t kNone = std::string_view::npos;
  EXPECT_EQ(find_invalid_utf8("a\u00e9\u20ac\U0001F600"), kNone);
  EXPECT_EQ(find_invalid_utf8("a\xC3"), 1u);             // cut
  EXPECT_EQ(find_invalid_utf8("\xC0\x80"), 0u);          // overlong
  EXPECT_EQ(find_invalid_utf8("\xE0\x80\x80"), 0u);      // overlong
  EXPECT_EQ(find_invalid_utf8("\xED\xA0\x80"), 0u);      // surrogate
  EXPECT_EQ(find_invalid_utf8("\xF4\x90\x80\x80"), 0u);  // past U+10FFFF
}

TEST(TextFile, NamesKindsThatHoldNoText) {
  for (const auto& [bytes, kind] : std::vector<std::pair<std::string, std::string>>{
           {std::string("PAR1\0\1", 6),
            "is a Parquet file, expected text; to convert it: python3 "},
           {"ARROW1", "is an Arrow file"},
           {std::string("\xFF\xFE{\0", 4), "is UTF-16, expected text; to convert it: iconv"},
           {"PK\x03\x04", "is a ZIP archive"},
           {"7z\xBC\xAF\x27\x1C", "is a 7z archive"},
           {"\x28\xB5\x2F\xFD", "is zstd"},
           {"version https://git-lfs.github.com/spec/v1\n", "is a pointer of Git LFS"}}) {
    EXPECT_TRUE(read_error("a.jsonl", bytes).starts_with("a.jsonl: " + kind)) << kind;
  }
}

TEST(TextFile, ReadsBytesFromElsewhereAsAFile) {
  EXPECT_EQ(text_of_bytes("standard input", "\xEF\xBB\xBFone\n"), "one\n");
  EXPECT_EQ(error_of([] { (void)text_of_bytes("standard input", gzip("one\n")); }),
            "standard input: is gzip, expected text; to convert it: gunzip");
  EXPECT_EQ(error_of([] { (void)text_of_bytes("standard input", "a\n\xFF"); }).substr(0, 40),
            "standard input:2: byte 2 is not UTF-8; t");
}

TEST(TextFile, AnExtensionIsWithoutCaseAndWithoutGzip) {
  EXPECT_EQ(extension_of("a/B.CSV"), ".csv");
  EXPECT_EQ(extension_of("a.csv.GZ"), ".csv");
  EXPECT_EQ(extension_of("a.gz"), "");
  EXPECT_EQ(extension_of("a"), "");
}

}  // namespace
}  // namespace charter::feedback
