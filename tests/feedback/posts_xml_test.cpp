#include "feedback/posts_xml.hpp"

#include <gtest/gtest.h>

#include "tests/feedback/temp_file.hpp"

namespace charter::feedback {
namespace {

std::string read_error(std::string_view xml) {
  const TempFile file("Posts.xml", xml);
  return error_of([&] { read_posts(file.path(), [](const XmlRow&) {}); });
}

TEST(PostsXml, GivesTheDecodedAttributesOfEachRow) {
  const TempFile file("Posts.xml",
                      "\xEF\xBB\xBF<?xml version=\"1.0\"?>\n<posts>\n"
                      "  <row Id=\"1\" Body=\"&lt;p&gt;a > b&lt;/p&gt;&#xA;\" />\n"
                      "  <row Id=\"2\" Score=\"-3\"/>\n</posts>\n");
  std::vector<XmlRow> rows;
  read_posts(file.path(), [&rows](const XmlRow& row) { rows.push_back(row); });
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].get("Body"), "<p>a > b</p>\n");
  EXPECT_EQ(rows[1].get("Score"), "-3");
  EXPECT_EQ(rows[1].get("Body"), "");
  EXPECT_EQ(rows[1].line, 4);
}

TEST(PostsXml, ErrorsNameTheLine) {
  EXPECT_EQ(read_error("<posts>\n<row Id=\"1\"/>\n"), "Posts.xml:2: the file ends before </posts>");
  EXPECT_EQ(read_error("<posts>\n<row Id=\"1\" Body=\"cut"),
            "Posts.xml:2: the file ends inside a tag");
  EXPECT_EQ(read_error("<users></users>"), "Posts.xml:1: root is <users>, expected <posts>");
  EXPECT_EQ(read_error("<posts><row Id/></posts>"),
            "Posts.xml:1: malformed attribute 'Id', expected name=\"value\"");
  EXPECT_EQ(read_error("plain text"), "Posts.xml:1: expected an XML file with <posts>");
  EXPECT_NE(error_of([] {
              read_posts("/nonexistent.xml", [](const XmlRow&) {});
            }).find("/nonexistent.xml: cannot read"),
            std::string::npos);
}

TEST(PostsXml, DecodesNamedAndNumericEntities) {
  EXPECT_EQ(decode_entities("&lt;&amp;&quot;&#65;&#x42;&#x20AC;&#x1F600;"),
            "<&\"AB\u20AC\U0001F600");
  EXPECT_EQ(decode_entities("a & b; &bogus; &#xD800; &"), "a & b; &bogus; &#xD800; &");
}

TEST(PostsXml, HtmlBecomesPlainText) {
  EXPECT_EQ(html_to_text("<p>One <em>two</em>\n three.</p>\n\n<p>Four<br/>five</p>"),
            "One two three.\n\nFour\nfive");
  EXPECT_EQ(html_to_text("<ul>\n<li>a</li>\n<li>b</li>\n</ul>"), "- a\n- b");
  EXPECT_EQ(html_to_text("<pre><code>x  =  1\n  y</code></pre>"), "x  =  1\n  y");
  EXPECT_EQ(html_to_text("1 &lt; 2 <a href=\"u\">link</a>"), "1 < 2 link");
  EXPECT_EQ(html_to_text(""), "");
}

}  // namespace
}  // namespace charter::feedback
