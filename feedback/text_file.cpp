#include "feedback/text_file.hpp"

#include <zlib.h>

#include <algorithm>
#include <cctype>
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

struct Kind {
  std::string_view beginning;  // of the file
  const char* name;
  const char* remedy;
};
constexpr const char* kParquetToJson =
    "python3 -c 'import pandas; pandas.read_parquet(\"F\").to_json(\"F.jsonl\", "
    "orient=\"records\", lines=True)'";
constexpr const char* kArrowToJson =
    "python3 -c 'import pandas; pandas.read_feather(\"F\").to_json(\"F.jsonl\", "
    "orient=\"records\", lines=True)'";
constexpr Kind kOtherKinds[] = {
    {"PAR1", "a Parquet file", kParquetToJson},
    {"ARROW1", "an Arrow file", kArrowToJson},
    {"\xFF\xFE", "UTF-16", "iconv -f UTF-16 -t UTF-8"},
    {"\xFE\xFF", "UTF-16", "iconv -f UTF-16 -t UTF-8"},
    {"PK\x03\x04", "a ZIP archive", "unzip, or of a spreadsheet \"save as CSV\""},
    {"7z\xBC\xAF\x27\x1C", "a 7z archive", "7z x"},
    {"\xFD\x37zXZ", "xz", "unxz"},
    {"\x1F\x8B", "gzip", "gunzip"},  // from a pipe: a file is unpacked before
    {"BZh", "bzip2", "bunzip2"},
    {"\x28\xB5\x2F\xFD", "zstd", "unzstd"},
    {"SQLite format 3", "an SQLite database", "sqlite3 -json"},
    {"%PDF-", "a PDF", "pdftotext"},
    {"version https://git-lfs", "a pointer of Git LFS and not the file itself", "git lfs pull"},
};

// What holds no text is named before its bytes are called malformed.
void refuse_other_kinds(const std::filesystem::path& file, std::string_view bytes) {
  for (const Kind& kind : kOtherKinds) {
    if (bytes.starts_with(kind.beginning))
      fail(file, 0,
           std::string("is ") + kind.name + ", expected text; to convert it: " + kind.remedy);
  }
}

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
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
  errno = 0;
  GzHandle handle(gzopen(file.c_str(), "rb"), gzclose);
  if (!handle) fail(file, 0, std::string("cannot read: ") + std::strerror(errno));
  std::string text = read_all(file, handle.get());
  if (lower(file.extension().string()) == ".gz" && gzdirect(handle.get()) != 0) {
    fail(file, 0, "is not gzip, though its name says so");
  }
  return text_of_bytes(file, std::move(text));
}

std::string text_of_bytes(const std::filesystem::path& file, std::string bytes) {
  refuse_other_kinds(file, bytes);
  if (bytes.starts_with("\xEF\xBB\xBF")) bytes.erase(0, 3);
  if (trim(bytes).empty()) fail(file, 0, "is empty");
  if (const std::size_t at = find_invalid_utf8(bytes); at != std::string::npos) {
    fail(file, line_of(bytes, at),
         "byte " + std::to_string(at) +
             " is not UTF-8; to convert a file of Windows: iconv -f "
             "WINDOWS-1252 -t UTF-8");
  }
  return bytes;
}

std::string extension_of(const std::filesystem::path& file) {
  const std::string name = lower(file.filename().string());
  const std::filesystem::path plain =
      name.ends_with(".gz") ? name.substr(0, name.size() - 3) : name;
  return plain.extension().string();
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

}  // namespace charter::feedback
