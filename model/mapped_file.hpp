// A file mapped into memory, shared with every process that maps it.
#pragma once
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>

namespace charter::model {

// Immutable after open; safe to read from several threads. The pages are private copy-on-write: an
// accidental write costs this process a page and never reaches the file.
class MappedFile {
 public:
  // Throws std::runtime_error naming the file when it cannot be opened or is empty.
  [[nodiscard]] static std::shared_ptr<const MappedFile> open(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  [[nodiscard]] std::span<const std::byte> bytes() const { return {data_, size_}; }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  MappedFile(std::string path, const std::byte* data, size_t size)
      : path_(std::move(path)), data_(data), size_(size) {}
  std::string path_;
  const std::byte* data_;
  size_t size_;
};

// Told of a file once it is mapped and before anything is read from it; refuses it by an exception.
using FileCheck = std::function<void(const MappedFile&)>;

// Writes `chunks` one after the other to `path`: beside it first, synced, then renamed over it, and
// the folder synced. Throws std::runtime_error naming the file.
void write_file_atomically(const std::filesystem::path& path,
                           std::span<const std::span<const std::byte>> chunks);
void write_file_atomically(const std::filesystem::path& path, std::string_view text);

// Syncs a folder, so that a rename in it survives a power cut.
void sync_directory(const std::filesystem::path& dir);

// The whole file. Throws std::runtime_error naming it when it cannot be read.
[[nodiscard]] std::string read_text_file(const std::filesystem::path& path);

}  // namespace charter::model
