#include "feedback/json_rows.hpp"

#include <gtest/gtest.h>

#include "tests/feedback/temp_file.hpp"

namespace charter::feedback {
namespace {

TEST(JsonRows, RowsKnowTheirLine) {
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

TEST(JsonRows, MalformedRowsAreNamed) {
  const std::filesystem::path file = "r";
  const auto error = [&file](std::string_view text) {
    return error_of([&] { (void)json_rows(file, text); });
  };
  EXPECT_TRUE(error("{\"a\": 1}\n{\"a\": \n").starts_with("r:2: malformed JSON"));
  EXPECT_EQ(error("7\n"), "r:1: row is a number, expected an object");
  EXPECT_EQ(error("null\n"), "r:1: row is null, expected an object");
  EXPECT_EQ(error("{\n \"a\": 1\n}\n"),
            "r:1: a row ends after \"{\", expected an object a line or an array of objects");
  EXPECT_EQ(error("[\n{\"a\": 1},\n"), "r:3: file ends inside the JSON array");
  EXPECT_TRUE(error("[\n{\"a\": 1},\n{\"a\" 2}]").starts_with("r:3: malformed JSON"));
  EXPECT_EQ(error("[]"), "r: holds no row");
  EXPECT_TRUE(error("{\"a\": NaN}").starts_with("r:1: malformed JSON at byte 7"));
}

TEST(JsonRows, WhatWouldComeBackAsAnotherIsRefused) {
  const std::filesystem::path file = "r";
  const auto error = [&file](std::string_view text) {
    return error_of([&] { (void)json_rows(file, text); });
  };
  // 2^64 - 1 and -2^63 are the last that fit.
  EXPECT_EQ(json_rows(file, "{\"a\": 18446744073709551615}")[0].value["a"].dump(),
            "18446744073709551615");
  EXPECT_EQ(json_rows(file, "{\"a\": -9223372036854775808}")[0].value["a"].dump(),
            "-9223372036854775808");
  EXPECT_EQ(error("{\"a\": 1}\n{\"a\": 18446744073709551616}"),
            "r:2: number 18446744073709551616 has more than 64 bits; write it as a text");
  EXPECT_EQ(error("{\"a\": -9223372036854775809}"),
            "r:1: number -9223372036854775809 has more than 64 bits; write it as a text");
  EXPECT_EQ(error("{\"a\": 1e999}"), "r:1: a number of the row is out of the range of a double");
  EXPECT_EQ(error("{\"a\": \"18446744073709551616 [[\\\" \"}"), "");  // a text
}

TEST(JsonRows, NestingHasAnEnd) {
  const std::filesystem::path file = "r";
  const auto nested = [](int depth) {
    return "{\"a\": " + std::string(static_cast<size_t>(depth), '[') +
           std::string(static_cast<size_t>(depth), ']') + "}";
  };
  EXPECT_EQ(json_rows(file, nested(199)).size(), 1u);  // with the object 200
  EXPECT_EQ(error_of([&] { (void)json_rows(file, nested(200)); }),
            "r:1: JSON is nested more than 200 deep");
  EXPECT_EQ(error_of([&] { (void)json_rows(file, nested(1000000)); }),
            "r:1: JSON is nested more than 200 deep");
}

TEST(JsonRows, ANullIsAbsentAndAWholeNumberAnInteger) {
  const std::filesystem::path file = "r";
  const auto rows = json_rows(file,
                              "{\"n\": null, \"whole\": 3.0, \"half\": 3.5, \"big\": 1e300, \"u\": "
                              "18446744073709551615}");
  EXPECT_FALSE(rows[0].has("n"));
  EXPECT_EQ(rows[0].text_or("n", "else"), "else");
  EXPECT_EQ(rows[0].integer("whole"), 3);
  const auto error = [&rows](const char* key) {
    return error_of([&] { (void)rows[0].integer(key); });
  };
  EXPECT_EQ(error("half"), "r:1: key 'half' is a number, expected an integer");
  EXPECT_EQ(error("big"), "r:1: key 'big' is a number, expected an integer");
  EXPECT_EQ(error("u"), "r:1: key 'u' is 18446744073709551615, expected at most 2^63-1");
}

TEST(JsonRows, WrongTypesAreNamed) {
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
