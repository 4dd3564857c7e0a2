#include "report/text.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace charter::report {
namespace {

TEST(CleanUtf8, KeepsWellFormedText) {
  const std::string text = "a\n\tb \u00e9 \u65e5\u672c \U0001F600";
  EXPECT_EQ(clean_utf8(text), text);
}

TEST(CleanUtf8, ReplacesEachMalformedByte) {
  EXPECT_EQ(clean_utf8("a\xFF"
                       "b"),
            "a\uFFFDb");
  EXPECT_EQ(clean_utf8("\xE6\x97"), "\uFFFD\uFFFD");                 // cut inside a character
  EXPECT_EQ(clean_utf8("\xC0\xAF"), "\uFFFD\uFFFD");                 // overlong '/'
  EXPECT_EQ(clean_utf8("\xED\xA0\x80"), "\uFFFD\uFFFD\uFFFD");       // surrogate
  EXPECT_EQ(clean_utf8("\xF4\x90\x80\x80").substr(0, 3), "\uFFFD");  // above U+10FFFF
  EXPECT_EQ(clean_utf8(std::string("a\0b\x1b", 4)),
            "a\uFFFD"
            "b\uFFFD");
}

TEST(EscapeHtml, LeavesNoMarkup) {
  EXPECT_EQ(escape_html("<script>alert(\"x\" & 'y')</script>"),
            "&lt;script&gt;alert(&quot;x&quot; &amp; &#39;y&#39;)&lt;/script&gt;");
}

TEST(FormatNumber, RoundsAndWritesARealMinus) {
  EXPECT_EQ(format_number(1.25, 1), "1.2");  // ties to even, as printf does
  EXPECT_EQ(format_number(-3.14159, 2), "\u22123.14");
  EXPECT_EQ(format_number(-0.001, 1), "0.0");  // no minus zero
  EXPECT_EQ(format_number(std::numeric_limits<double>::quiet_NaN(), 2), "\u2013");
}

TEST(FormatCount, GroupsThousands) {
  EXPECT_EQ(format_count(0), "0");
  EXPECT_EQ(format_count(999), "999");
  EXPECT_EQ(format_count(1000), "1,000");
  EXPECT_EQ(format_count(1234567), "1,234,567");
  EXPECT_EQ(format_count(-123456), "-123,456");
}

TEST(FormatDuration, ChoosesTwoUnits) {
  EXPECT_EQ(format_duration(7.25), "7.2 s");
  EXPECT_EQ(format_duration(59.96), "1 min 0 s");
  EXPECT_EQ(format_duration(75), "1 min 15 s");
  EXPECT_EQ(format_duration(7260), "2 h 1 min");
  EXPECT_EQ(format_duration(-1), "\u2013");
}

TEST(FormatBytes, UsesBinaryUnits) {
  EXPECT_EQ(format_bytes(2048), "2 KiB");
  EXPECT_EQ(format_bytes(3 << 20), "3 MiB");
  EXPECT_EQ(format_bytes(int64_t{1610612736}), "1.50 GiB");  // 1.5 * 2^30
}

}  // namespace
}  // namespace charter::report
