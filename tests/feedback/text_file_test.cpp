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
  EXPECT_EQ(read_error("a.txt", "ok\nb\xFF"), "a.txt:2: byte 4 is not UTF-8");
  constexpr std::size_t kNone = std::string_view::npos;
  EXPECT_EQ(find_invalid_utf8("a\u00e9\u20ac\U0001F600"), kNone);
  EXPECT_EQ(find_invalid_utf8("a\xC3"), 1u);             // cut
  EXPECT_EQ(find_invalid_utf8("\xC0\x80"), 0u);          // overlong
  EXPECT_EQ(find_invalid_utf8("\xE0\x80\x80"), 0u);      // overlong
  EXPECT_EQ(find_invalid_utf8("\xED\xA0\x80"), 0u);      // surrogate
  EXPECT_EQ(find_invalid_utf8("\xF4\x90\x80\x80"), 0u);  // past U+10FFFF
}

TEST(TextFile, RowsKnowTheirLine) {
  const std::filesystem::path file = "r";
  const auto lines = json_rows(file, "{\"a\": 1}\n\n{\"a\": 2}\n");
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[1].line, 3);
  const auto array = json_rows(file, "[\n {\"a\": [1, \"]\"]},\n\n {\"a\": 2}\n]\n");
  ASSERT_EQ(array.size(), 2u);
  EXPECT_EQ(array[0].line, 2);
  EXPECT_EQ(array[1].line, 4);
  EXPECT_EQ(array[1].integer("a"), 2);
}

TEST(TextFile, MalformedRowsAreNamed) {
  const std::filesystem::path file = "r";
  const auto error = [&file](std::string_view text) {
    return error_of([&] { (void)json_rows(file, text); });
  };
  EXPECT_TRUE(error("{\"a\": 1}\n{\"a\": \n").starts_with("r:2: malformed JSON"));
  EXPECT_EQ(error("7\n"), "r:1: row is a number, expected an object");
  EXPECT_EQ(error("[\n{\"a\": 1},\n"), "r:3: file ends inside the JSON array");
  EXPECT_TRUE(error("[\n{\"a\": 1},\n{\"a\" 2}]").starts_with("r:3: malformed JSON"));
  EXPECT_EQ(error("[]"), "r: holds no row");
}

TEST(TextFile, WrongTypesAreNamed) {
  const std::filesystem::path file = "r";
  const auto rows = json_rows(file, "{\"a\": 1, \"b\": \" \", \"c\": \"x\"}");
  const auto error = [&rows](auto call) { return error_of([&] { call(rows[0]); }); };
  EXPECT_EQ(error([](const JsonRow& r) { (void)r.text("a"); }),
            "r:1: key 'a' is a number, expected a string");
  EXPECT_EQ(error([](const JsonRow& r) { (void)r.nonempty_text("b"); }), "r:1: key 'b' is empty");
  EXPECT_EQ(error([](const JsonRow& r) { (void)r.integer("c"); }),
            "r:1: key 'c' is a string, expected an integer");
  EXPECT_EQ(error([](const JsonRow& r) { (void)r.boolean("a"); }),
            "r:1: key 'a' is a number, expected true or false");
  EXPECT_EQ(error([](const JsonRow& r) { (void)r.array("z"); }), "r:1: key 'z' is missing");
}

}  // namespace
}  // namespace charter::feedback
