#include "feedback/posts_xml.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "feedback/conversation.hpp"
#include "feedback/text_file.hpp"

namespace charter::feedback {
namespace {

constexpr std::string_view kSpace = " \t\r\n";

// Attributes of `tag`, the text between "<row" and "/>".
XmlRow parse_row(const std::filesystem::path& file, std::string_view tag, std::int64_t line) {
  XmlRow row{line, {}};
  if (find_invalid_utf8(tag) != std::string_view::npos) fail(file, line, "row is not UTF-8");
  for (std::size_t at = tag.find_first_not_of(kSpace); at != std::string_view::npos;
       at = tag.find_first_not_of(kSpace, at)) {
    const std::size_t equals = tag.find("=\"", at);
    const std::size_t end = equals == std::string_view::npos ? equals : tag.find('"', equals + 2);
    if (end == std::string_view::npos) {
      fail(
          file, line,
          "malformed attribute '" + std::string(tag.substr(at, 20)) + "', expected name=\"value\"");
    }
    row.attributes.emplace(tag.substr(at, equals - at),
                           decode_entities(tag.substr(equals + 2, end - equals - 2)));
    at = end + 1;
  }
  return row;
}

// One tag of the file after another: the text between '<' and '>' outside quotes.
class TagReader {
 public:
  explicit TagReader(const std::filesystem::path& file) : file_(file) {
    expect_file(file);
    errno = 0;
    in_.open(file, std::ios::binary);
    if (!in_) fail(file, 0, std::string("cannot read: ") + std::strerror(errno));
  }

  // False at the end of the file.
  bool next(std::string* tag, std::int64_t* line) {
    tag->clear();
    bool inside = false, quoted = false;
    for (char c; get(&c);) {
      if (c == '\n') ++line_;
      if (!inside) {
        inside = c == '<';
        if (inside) *line = line_;
        continue;
      }
      if (c == '"') quoted = !quoted;
      if (c == '>' && !quoted) return true;
      *tag += c;
    }
    if (inside) fail(file_, *line, "the file ends inside a tag");
    return false;
  }

 private:
  bool get(char* c) {
    if (at_ == filled_) {
      in_.read(buffer_.data(), static_cast<std::streamsize>(buffer_.size()));
      filled_ = static_cast<std::size_t>(in_.gcount());
      at_ = 0;
    }
    if (at_ == filled_) return false;
    *c = buffer_[at_++];
    return true;
  }

  const std::filesystem::path& file_;
  std::ifstream in_;
  std::vector<char> buffer_ = std::vector<char>(1 << 16);
  std::size_t at_ = 0;
  std::size_t filled_ = 0;
  std::int64_t line_ = 1;
};

void append_utf8(std::string* out, unsigned long code) {
  const auto put = [out](unsigned long byte) { out->push_back(static_cast<char>(byte)); };
  if (code < 0x80) return put(code);
  if (code < 0x800) return put(0xC0 | code >> 6), put(0x80 | (code & 0x3F));
  if (code < 0x10000) {
    return put(0xE0 | code >> 12), put(0x80 | (code >> 6 & 0x3F)), put(0x80 | (code & 0x3F));
  }
  put(0xF0 | code >> 18), put(0x80 | (code >> 12 & 0x3F));
  put(0x80 | (code >> 6 & 0x3F)), put(0x80 | (code & 0x3F));
}

// Appends what the entity's name ("lt", "#xA") stands for; false if unknown.
bool append_entity(std::string* out, std::string_view name) {
  static const std::map<std::string_view, std::string_view> kNamed = {
      {"lt", "<"},   {"gt", ">"},         {"amp", "&"},        {"quot", "\""},      {"apos", "'"},
      {"nbsp", " "}, {"mdash", "\u2014"}, {"ndash", "\u2013"}, {"hellip", "\u2026"}};
  if (const auto named = kNamed.find(name); named != kNamed.end()) {
    *out += named->second;
    return true;
  }
  if (name.size() < 2 || name[0] != '#') return false;
  const bool hex = name[1] == 'x' || name[1] == 'X';
  const std::string digits(name.substr(hex ? 2 : 1));
  char* end = nullptr;
  const unsigned long code = std::strtoul(digits.c_str(), &end, hex ? 16 : 10);
  const bool valid = !digits.empty() && *end == '\0' && code > 0 && code <= 0x10FFFF &&
                     (code < 0xD800 || code > 0xDFFF);
  if (valid) append_utf8(out, code);
  return valid;
}

// Whether the element of a tag ("p", "/li", "br/", "a href=...") ends or begins a block.
std::string element_name(std::string_view tag) {
  if (tag.starts_with('/')) tag.remove_prefix(1);
  std::string name(tag.substr(0, tag.find_first_of(" \t\r\n/")));
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return name;
}

class TextBuilder {
 public:
  void tag(std::string_view tag) {
    static constexpr std::string_view kBlocks[] = {"p",          "div", "ul", "ol",   "pre",
                                                   "blockquote", "h1",  "h2", "h3",   "h4",
                                                   "h5",         "h6",  "hr", "table"};
    const bool closing = tag.starts_with('/');
    const std::string name = element_name(tag);
    if (name == "pre") preformatted_ = !closing;
    if (name == "br" || name == "tr") newline(1);
    if (name == "li") {
      newline(1);
      if (!closing) out_ += "- ";
    }
    if (std::find(std::begin(kBlocks), std::end(kBlocks), name) != std::end(kBlocks)) newline(2);
  }

  void text(std::string_view raw) {
    for (const char c : decode_entities(raw)) {
      const bool space = kSpace.find(c) != std::string_view::npos;
      if (!space || preformatted_) {
        out_ += c;
      } else if (!out_.empty() && kSpace.find(out_.back()) == std::string_view::npos) {
        out_ += ' ';
      }
    }
  }

  std::string finish() const { return std::string(trim(out_)); }

 private:
  // At least `count` line ends at the end of the text, none at its beginning.
  void newline(std::size_t count) {
    while (!out_.empty() && (out_.back() == ' ' || out_.back() == '\t')) out_.pop_back();
    if (out_.empty()) return;
    const std::size_t last = out_.find_last_not_of('\n');
    const std::size_t have = out_.size() - (last == std::string::npos ? 0 : last + 1);
    if (have < count) out_.append(count - have, '\n');
  }

  std::string out_;
  bool preformatted_ = false;
};

}  // namespace

std::string_view XmlRow::get(std::string_view name) const {
  const auto at = attributes.find(name);
  return at == attributes.end() ? std::string_view() : std::string_view(at->second);
}

void read_posts(const std::filesystem::path& file,
                const std::function<void(const XmlRow&)>& on_row) {
  TagReader reader(file);
  std::string tag;
  std::int64_t line = 1;
  bool opened = false;
  while (reader.next(&tag, &line)) {
    if (tag.starts_with('?') || tag.starts_with('!')) continue;
    if (tag == "/posts") return;
    if (!opened && tag != "posts") {
      fail(file, line, "root is <" + tag.substr(0, 20) + ">, expected <posts>");
    }
    if (tag == "posts") {
      opened = true;
      continue;
    }
    if (!tag.starts_with("row") || !tag.ends_with('/')) {
      fail(file, line, "expected <row .../>, got <" + tag.substr(0, 20) + ">");
    }
    on_row(parse_row(file, std::string_view(tag).substr(3, tag.size() - 4), line));
  }
  fail(file, line, opened ? "the file ends before </posts>" : "expected an XML file with <posts>");
}

std::string decode_entities(std::string_view text) {
  std::string out;
  constexpr std::size_t kLongest = 12;  // "&#x10FFFF;" and the names above
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text[at] == '&' ? text.find(';', at) : std::string_view::npos;
    const bool entity = end != std::string_view::npos && end - at < kLongest &&
                        append_entity(&out, text.substr(at + 1, end - at - 1));
    if (!entity) out += text[at];
    at = entity ? end + 1 : at + 1;
  }
  return out;
}

std::string html_to_text(std::string_view html) {
  TextBuilder builder;
  for (std::size_t at = 0; at < html.size();) {
    const std::size_t open = std::min(html.find('<', at), html.size());
    builder.text(html.substr(at, open - at));
    const std::size_t close = html.find('>', open);
    if (open == html.size()) break;
    if (close == std::string_view::npos) {
      builder.text(html.substr(open));
      break;
    }
    builder.tag(html.substr(open + 1, close - open - 1));
    at = close + 1;
  }
  return builder.finish();
}

}  // namespace charter::feedback
