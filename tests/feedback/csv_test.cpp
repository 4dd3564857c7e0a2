#include "feedback/csv.hpp"

#include <gtest/gtest.h>

#include "tests/feedback/temp_file.hpp"

namespace charter::feedback {
namespace {

const std::filesystem::path kFile = "t.csv";

TEST(Csv, QuotedFieldsHoldCommasNewlinesAndQuotes) {
  const CsvTable table = parse_csv(kFile, "a, b\n\"x, \"\"y\"\"\nz\",2\r\n3,\n");
  EXPECT_EQ(table.columns, (std::vector<std::string>{"a", "b"}));
  ASSERT_EQ(table.rows.size(), 2u);
  EXPECT_EQ(table.rows[0].fields, (std::vector<std::string>{"x, \"y\"\nz", "2"}));
  EXPECT_EQ(table.rows[1].fields, (std::vector<std::string>{"3", ""}));
  EXPECT_EQ(table.rows[1].line, 4);  // the quoted field spans lines 2 and 3
  EXPECT_EQ(table.column("b"), 1u);
  EXPECT_FALSE(table.column("c"));
}

TEST(Csv, CommentsBeforeTheHeaderAreSkipped) {
  const CsvTable table = parse_csv(kFile, "# version=1, x\na\n1\n");
  EXPECT_EQ(table.columns.at(0), "a");
  EXPECT_EQ(table.rows.at(0).line, 3);
}

TEST(Csv, ErrorsNameTheLine) {
  const auto error = [](std::string_view text) {
    return error_of([text] { (void)parse_csv(kFile, text); });
  };
  EXPECT_EQ(error("a,b\n1,2\n3\n"), "t.csv:3: row has 1 fields, expected 2");
  EXPECT_EQ(error("a,b\n1,\"2\n"),
            "t.csv:2: a quote is opened and not closed before the end of the file");
  EXPECT_EQ(error("a,b\n\"1\"x,2\n"),
            "t.csv:2: text after a closing quote, expected a comma or the end of the line");
  EXPECT_EQ(error("a,b\n"), "t.csv: holds no row");
  EXPECT_EQ(error("# only a comment"), "t.csv: holds no row");
}

}  // namespace
}  // namespace charter::feedback
