// Stack Exchange's Posts.xml: one <row .../> per post, all data in attributes, bodies as escaped
// HTML. Only what these files use is read: no general XML.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace charter::feedback {

struct XmlRow {
  std::int64_t line = 0;
  std::map<std::string, std::string, std::less<>> attributes;  // entities decoded

  // Empty if there is no such attribute.
  [[nodiscard]] std::string_view get(std::string_view name) const;
};

// Calls on_row for each <row>, reading the file in pieces: memory holds one row at a time.
// Throws std::runtime_error "FILE:LINE: ..." on a missing file, a root other than <posts>, a
// malformed attribute or a file that ends before </posts>.
void read_posts(const std::filesystem::path& file,
                const std::function<void(const XmlRow&)>& on_row);

// "&lt;", "&#10;", "&#xA;" and so on to UTF-8; unknown entities stay as they are.
[[nodiscard]] std::string decode_entities(std::string_view text);

// HTML to plain text: block elements and <br> end lines, "- " marks list items, tags go, entities
// are decoded, white space is collapsed outside <pre>, at most one blank line in a row.
[[nodiscard]] std::string html_to_text(std::string_view html);

}  // namespace charter::feedback
