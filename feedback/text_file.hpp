// Reading data files with errors that name file and line. Used by the loaders of this folder.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace charter::feedback {

// Throws std::runtime_error "FILE:LINE: message"; without the line if it is 0.
[[noreturn]] void fail(const std::filesystem::path& file, std::int64_t line,
                       const std::string& message);

// Throws if it is a directory.
void expect_file(const std::filesystem::path& file);

// The whole file, decompressed if it is gzip; a leading UTF-8 byte order mark is removed.
// Throws std::runtime_error: missing, unreadable, empty, not gzip though its name ends in .gz,
// truncated or corrupt gzip, not UTF-8, a kind of file that holds no text (Parquet, Arrow,
// archives: named, with what makes text of it).
[[nodiscard]] std::string read_text(const std::filesystem::path& file);

// The same of bytes that came from elsewhere: without the mark, and checked. `file` names them.
[[nodiscard]] std::string text_of_bytes(const std::filesystem::path& file, std::string bytes);

// The file's name's last extension in lower case, without a ".gz" after it: ".jsonl", ".csv", "".
[[nodiscard]] std::string extension_of(const std::filesystem::path& file);

// Offset of the first byte that is not UTF-8 (overlong forms and surrogates are not), or npos.
[[nodiscard]] std::size_t find_invalid_utf8(std::string_view text);

// Line (from 1) of a byte offset.
[[nodiscard]] std::int64_t line_of(std::string_view text, std::size_t offset);

}  // namespace charter::feedback
