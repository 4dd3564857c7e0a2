#include "report/svg_chart.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

namespace charter::report {
namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::ptrdiff_t count(const std::string& text, char c) {
  return std::count(text.begin(), text.end(), c);
}

std::string path_of(const std::string& svg) {
  const std::size_t begin = svg.find(" d=\"") + 4;
  return svg.substr(begin, svg.find('"', begin) - begin);
}

// The plot spans x 52 .. 408 and y 172 (bottom) .. 12 (top) of the drawing.
TEST(LineChart, PlacesPointsOnItsTicks) {
  const Chart chart{"Reward", "logits", "version", "", {{"mean", {{0, 0}, {4, 1}, {8, 2}}}}};
  const std::string svg = svg_line_chart(chart);
  // y ticks of [0, 2] at four intervals: 0, 0.5, 1, 1.5, 2; so y = 1 lies half way, at 92.
  EXPECT_EQ(path_of(svg), "M52.0 172.0L230.0 92.0L408.0 12.0");
  for (const char* tick : {">0.5<", ">1.0<", ">1.5<", ">2.0<"})
    EXPECT_TRUE(contains(svg, tick)) << tick;
  EXPECT_TRUE(contains(svg, ">version<"));
  EXPECT_TRUE(contains(svg, "<b>Reward</b> <span class=\"unit\">logits</span>"));
}

TEST(LineChart, SaysNoDataWithoutAFinitePoint) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const auto& series : {std::vector<Series>{}, {{"a", {}}}, {{"a", {{0, nan}, {nan, 1}}}}}) {
    const std::string svg = svg_line_chart({"T", "", "x", "", series});
    EXPECT_TRUE(contains(svg, "no data"));
    EXPECT_FALSE(contains(svg, "<svg"));
  }
}

TEST(LineChart, DrawsASinglePointAsADotWithItsValue) {
  const std::string svg = svg_line_chart({"T", "", "x", "", {{"a", {{3, 0.25}}}}});
  // Interval around 0.25 +- 0.125: ticks 0.1, 0.2, 0.3, 0.4 -> 0.25 lies in the middle, y 92; x in
  // the middle of the plot, 230.
  EXPECT_TRUE(contains(svg, "<circle cx=\"230.0\" cy=\"92.0\" r=\"4\">")) << svg;
  EXPECT_TRUE(contains(svg, ">0.250</text>"));
}

TEST(LineChart, BreaksTheLineAtNan) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::string svg =
      svg_line_chart({"T", "", "x", "", {{"a", {{0, 0}, {1, 1}, {2, nan}, {3, 1}, {4, 0}}}}});
  EXPECT_EQ(count(path_of(svg), 'M'), 2);
  EXPECT_FALSE(contains(svg, "nan"));
}

TEST(LineChart, ThinsLongSeriesAndKeepsTheSpike) {
  Series series{"a", {}};
  for (int i = 0; i < 100000; ++i) series.points.push_back({i, i == 54321 ? 10.0 : 0.0});
  const std::string path = path_of(svg_line_chart({"T", "", "x", "", {series}}));
  EXPECT_LE(count(path, 'M') + count(path, 'L'), 600);
  EXPECT_TRUE(contains(path, " 12.0"));  // the top of the plot
}

TEST(LineChart, EscapesItsTexts) {
  const std::string svg =
      svg_line_chart({"<h1>", "<em>", "<u>", "<s>", {{"<a>", {{0, 0}}}, {"<p>", {{0, 1}}}}});
  for (const char* raw : {"<h1>", "<em>", "<u>", "<s>", "<a>", "<p>"})
    EXPECT_FALSE(contains(svg, raw)) << raw;
}

TEST(Interval, MarksZeroWhereItIsInside) {
  const std::string svg = svg_interval({50, 0, 100}, -100, 100);
  // 4 + share * 152: 0 -> 80, 50 -> 118, 100 -> 156
  EXPECT_TRUE(contains(svg, "class=\"zero\" x1=\"80.0\""));
  EXPECT_TRUE(contains(svg, "x1=\"80.0\" x2=\"156.0\""));
  EXPECT_TRUE(contains(svg, "cx=\"118.0\""));
  EXPECT_FALSE(contains(svg_interval({50, 20, 100}, 10, 100), "zero"));
}

TEST(Shares, AreProportional) {
  const std::string svg = svg_shares({{"a", 3}, {"b", 0}, {"c", 1}});
  EXPECT_TRUE(contains(svg, "class=\"a\" x=\"0.0\" width=\"119.0\""));  // 3/4 * 160 - 1
  EXPECT_TRUE(contains(svg, "class=\"c\" x=\"120.0\" width=\"39.0\""));
  EXPECT_FALSE(contains(svg, "class=\"b\""));
  EXPECT_EQ(svg_shares({{"a", 0}}), "");
}

}  // namespace
}  // namespace charter::report
