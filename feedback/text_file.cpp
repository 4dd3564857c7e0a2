#include "feedback/text_file.hpp"

#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <stdexcept>

#include "feedback/conversation.hpp"

namespace charter::feedback {
namespace {

using GzHandle = std::unique_ptr<gzFile_s, int (*)(gzFile)>;

std::string read_all(const std::filesystem::path& file, gzFile handle) {
  std::string text;
  std::vector<char> chunk(1 << 16);
  while (true) {
    const int got = gzread(handle, chunk.data(), static_cast<unsigned>(chunk.size()));
    int code = Z_OK;
    const char* reason = gzerror(handle, &code);
    // A truncated member shows as Z_BUF_ERROR with the bytes before the cut already delivered.
    if (got < 0 || (got == 0 && code != Z_OK && code != Z_STREAM_END)) {
      std::string_view why = reason;  // zlib's begins with the file's name
      if (const auto name = file.string() + ": "; why.starts_with(name))
        why.remove_prefix(name.size());
      fail(file, 0,
           "corrupt or truncated gzip after " + std::to_string(text.size()) + " bytes of text (" +
               std::string(why) + ")");
    }
    if (got == 0) return text;
    text.append(chunk.data(), static_cast<std::size_t>(got));
  }
}

const char* type_name(const nlohmann::json& value) { return value.type_name(); }

const nlohmann::json& member(const JsonRow& row, const char* key) {
  const auto at = row.value.find(key);
  if (at == row.value.end()) fail(*row.file, row.line, "key '" + std::string(key) + "' is missing");
  return *at;
}

[[noreturn]] void wrong_type(const JsonRow& row, const char* key, const nlohmann::json& value,
                             const char* expected) {
  fail(*row.file, row.line,
       "key '" + std::string(key) + "' is a " + type_name(value) + ", expected " + expected);
}

JsonRow parse_row(const std::filesystem::path& file, std::string_view text, std::int64_t line) {
  JsonRow row{&file, line, parse_json(file, text, line), line};
  if (!row.value.is_object()) {
    fail(file, line, std::string("row is a ") + type_name(row.value) + ", expected an object");
  }
  return row;
}

// End of the JSON value that begins at `begin` inside an array: the top-level comma or bracket.
std::size_t element_end(std::string_view text, std::size_t begin) {
  int depth = 0;
  bool quoted = false;
  for (std::size_t i = begin; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\') ++i;
      if (c == '"') quoted = false;
      continue;
    }
    if (c == '"') quoted = true;
    if (depth == 0 && (c == ',' || c == ']')) return i;
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') --depth;
  }
  return std::string_view::npos;
}

std::vector<JsonRow> array_rows(const std::filesystem::path& file, std::string_view text,
                                std::size_t open) {
  std::vector<JsonRow> rows;
  std::size_t begin = open + 1;
  std::int64_t line = line_of(text, begin);
  while (true) {
    const std::size_t first = text.find_first_not_of(" \t\r\n", begin);
    const std::size_t end = first == std::string_view::npos ? first : element_end(text, first);
    if (end == std::string_view::npos) {
      fail(file, line_of(text, text.size()), "file ends inside the JSON array");
    }
    line += std::count(text.begin() + static_cast<std::ptrdiff_t>(begin),
                       text.begin() + static_cast<std::ptrdiff_t>(first), '\n');
    if (text[first] == ']' && rows.empty()) return rows;
    rows.push_back(parse_row(file, text.substr(first, end - first), line));
    rows.back().number = static_cast<std::int64_t>(rows.size());
    if (text[end] == ']') return rows;
    line += std::count(text.begin() + static_cast<std::ptrdiff_t>(first),
                       text.begin() + static_cast<std::ptrdiff_t>(end), '\n');
    begin = end + 1;
  }
}

std::vector<JsonRow> line_rows(const std::filesystem::path& file, std::string_view text) {
  std::vector<JsonRow> rows;
  std::int64_t number = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = text.substr(begin, end - begin);
    ++number;
    if (!trim(line).empty()) rows.push_back(parse_row(file, line, number));
    begin = end + 1;
  }
  return rows;
}

}  // namespace

void fail(const std::filesystem::path& file, std::int64_t line, const std::string& message) {
  const std::string place = line > 0 ? ":" + std::to_string(line) : "";
  throw std::runtime_error(file.string() + place + ": " + message);
}

void expect_file(const std::filesystem::path& file) {
  if (std::filesystem::is_directory(file)) fail(file, 0, "is a directory, expected a file");
}

std::string read_text(const std::filesystem::path& file) {
  expect_file(file);
  GzHandle handle(gzopen(file.c_str(), "rb"), gzclose);
  if (!handle) fail(file, 0, std::string("cannot read: ") + std::strerror(errno));
  std::string text = read_all(file, handle.get());
  if (file.extension() == ".gz" && gzdirect(handle.get()) != 0) {
    fail(file, 0, "is not gzip, though its name says so");
  }
  if (text.starts_with("\xEF\xBB\xBF")) text.erase(0, 3);
  if (trim(text).empty()) fail(file, 0, "is empty");
  if (const std::size_t at = find_invalid_utf8(text); at != std::string::npos) {
    fail(file, line_of(text, at), "byte " + std::to_string(at) + " is not UTF-8");
  }
  return text;
}

std::size_t find_invalid_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const auto byte = [&text](std::size_t i) {
      return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
    };
    const unsigned lead = byte(at);
    const std::size_t length = lead < 0x80   ? 1
                               : lead < 0xC2 ? 0
                               : lead < 0xE0 ? 2
                               : lead < 0xF0 ? 3
                               : lead < 0xF5 ? 4
                                             : 0;
    if (length == 0) return at;
    for (std::size_t k = 1; k < length; ++k) {
      if ((byte(at + k) & 0xC0U) != 0x80U) return at;
    }
    // The second byte alone tells overlong forms, surrogates and code points past U+10FFFF.
    const unsigned second = byte(at + 1);
    if ((lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F) ||
        (lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second > 0x8F)) {
      return at;
    }
    at += length;
  }
  return std::string_view::npos;
}

std::int64_t line_of(std::string_view text, std::size_t offset) {
  const auto end = text.begin() + static_cast<std::ptrdiff_t>(std::min(offset, text.size()));
  return 1 + std::count(text.begin(), end, '\n');
}

std::string JsonRow::text(const char* key) const {
  const nlohmann::json& value = member(*this, key);
  if (!value.is_string()) wrong_type(*this, key, value, "a string");
  return value.get<std::string>();
}

std::string JsonRow::nonempty_text(const char* key) const {
  const std::string raw = text(key);
  const std::string_view trimmed = trim(raw);
  if (trimmed.empty()) fail(*file, line, "key '" + std::string(key) + "' is empty");
  return std::string(trimmed);
}

std::string JsonRow::text_or(const char* key, const char* fallback) const {
  return has(key) ? text(key) : fallback;
}

std::int64_t JsonRow::integer(const char* key) const {
  const nlohmann::json& value = member(*this, key);
  if (!value.is_number_integer()) wrong_type(*this, key, value, "an integer");
  return value.get<std::int64_t>();
}

bool JsonRow::boolean(const char* key) const {
  const nlohmann::json& value = member(*this, key);
  if (!value.is_boolean()) wrong_type(*this, key, value, "true or false");
  return value.get<bool>();
}

const nlohmann::json& JsonRow::array(const char* key) const {
  const nlohmann::json& value = member(*this, key);
  if (!value.is_array()) wrong_type(*this, key, value, "an array");
  return value;
}

std::vector<JsonRow> json_rows(const std::filesystem::path& file, std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  const bool array = first != std::string_view::npos && text[first] == '[';
  std::vector<JsonRow> rows = array ? array_rows(file, text, first) : line_rows(file, text);
  if (rows.empty()) fail(file, 0, "holds no row");
  return rows;
}

nlohmann::json parse_json(const std::filesystem::path& file, std::string_view text,
                          std::int64_t first_line) {
  try {
    return nlohmann::json::parse(text);
  } catch (const nlohmann::json::parse_error& error) {
    const std::size_t offset = error.byte > 0 ? error.byte - 1 : 0;
    fail(file, first_line + line_of(text, offset) - 1,
         "malformed JSON at byte " + std::to_string(error.byte) + " of the row");
  }
}

}  // namespace charter::feedback
