#include "actors/child_process.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/store/temp_dir.hpp"

namespace charter::actors {
namespace {

class LastLine : public testing::Test {
 protected:
  std::string of(const std::string& text, std::uintmax_t from = 0) {
    std::ofstream(log, std::ios::binary) << text;
    return last_line(log, from);
  }
  store::TempDir directory;
  std::filesystem::path log = directory.path() / "engine.log";
};

TEST_F(LastLine, IsTheLastThatSaysSomething) {
  EXPECT_EQ(of("one\ntwo\n\n"), "two");
  EXPECT_EQ(of("one\ntwo"), "two");
  EXPECT_EQ(of("\n\n"), "");
  EXPECT_EQ(of(""), "");
  EXPECT_EQ(last_line(directory.path() / "none", 0), "");
}

TEST_F(LastLine, IsOfThisProcess) {
  EXPECT_EQ(of("of an earlier one\n", 18), "");
  EXPECT_EQ(of("of an earlier one\nof this\n", 18), "of this");
  EXPECT_EQ(of("cut back\n", 18), "");
}

TEST_F(LastLine, IsOneLineOfBoundedLength) {
  EXPECT_EQ(of("a\x1b[31mred\r\tb\n"), "a[31mredb");
  EXPECT_EQ(of(std::string(1000, 'x') + "\n"), std::string(300, 'x'));
  EXPECT_EQ(of(std::string(100'000, 'y') + "\nlast\n"), "last");
}

}  // namespace
}  // namespace charter::actors
