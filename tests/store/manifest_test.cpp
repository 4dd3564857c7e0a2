#include "store/manifest.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/store/temp_dir.hpp"

namespace charter::store {
namespace {

namespace fs = std::filesystem;

void put(const fs::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

class ManifestTest : public testing::Test {
 protected:
  ManifestTest() {
    fs::create_directory(dir / "sub");
    put(dir / "a.bin", "abc");
    put(dir / "sub" / "empty", "");
  }
  TempDir temp;
  fs::path dir = temp.path();
};

// XXH3-64 of the empty string, from the algorithm's own test vectors (seed 0).
TEST_F(ManifestTest, NamesEveryFileWithSizeAndChecksum) {
  const auto written = Manifest::write(dir, {{"made_by", "test"}});
  const auto read = Manifest::read(dir);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->files().size(), 2u);
  EXPECT_EQ(read->files().at("sub/empty"), (FileSum{0, "2d06800538d394c2"}));
  EXPECT_EQ(read->files().at("a.bin"), sum_of(std::string("abc")));
  EXPECT_EQ(read->facts(), (nlohmann::json{{"made_by", "test"}}));
  EXPECT_EQ(read->xxh3(), written.xxh3());
  EXPECT_EQ(read->check_all(), "");
}

TEST_F(ManifestTest, SaysWhatIsWrongWithAFile) {
  const auto manifest = Manifest::write(dir);
  const std::string good = sum_of(std::string("abc")).xxh3;
  put(dir / "a.bin", "abd");
  EXPECT_EQ(manifest.check("a.bin"),
            "a.bin: checksum " + sum_of(std::string("abd")).xxh3 + ", expected " + good);
  put(dir / "a.bin", "ab");
  EXPECT_EQ(manifest.check_all(), "a.bin: 2 bytes, expected 3");
  fs::remove(dir / "a.bin");
  EXPECT_EQ(manifest.check_all(), "a.bin: missing or not readable");
  EXPECT_EQ(manifest.check("b.bin", {}), "b.bin: is not among the files of manifest.json");
}

TEST_F(ManifestTest, ContentInMemoryIsTheFiles) {
  const auto manifest = Manifest::write(dir);
  std::string text = "abc";
  EXPECT_EQ(manifest.check("a.bin", std::as_bytes(std::span(text))), "");
  text[1] ^= 1;
  EXPECT_NE(manifest.check("a.bin", std::as_bytes(std::span(text))), "");
}

// One more byte than a block is read in two.
TEST_F(ManifestTest, ALongFileIsSummedAsItsBytesInMemoryAre) {
  const std::string text((1 << 20) + 1, 'x');
  put(dir / "long", text);
  EXPECT_EQ(sum_of_file(dir / "long"), sum_of(text));
  EXPECT_THROW((void)sum_of_file(dir / "none"), std::runtime_error);
}

TEST_F(ManifestTest, AnotherProgramsFileOfThatNameIsNone) {
  for (const char* text : {"", "[]", "{}", R"({"files": [], "format": 1})",
                           R"({"files": [], "format": 1, "xxh3": "0123456789abcdef"})"}) {
    put(dir / Manifest::kName, text);
    EXPECT_FALSE(Manifest::read(dir)) << text;
  }
}

TEST_F(ManifestTest, AFileIsReplacedAsAWholeOrStays) {
  put(dir / "a.bin", "old");
  replace_file(dir / "a.bin", "new");
  EXPECT_EQ(sum_of_file(dir / "a.bin"), sum_of(std::string("new")));
  EXPECT_THROW(replace_file(dir / "sub", "a directory is there"), std::exception);
  EXPECT_TRUE(fs::is_directory(dir / "sub"));
  EXPECT_FALSE(fs::exists(dir / "sub.partial"));
}

}  // namespace
}  // namespace charter::store
