// The files of a directory that must come back as they were written: DIR/manifest.json names each
// with its size and XXH3-64, and carries the checksum of itself.
//
//   {"format": 1, "files": [{"name": "a/b.bin", "bytes": 3, "xxh3": "..."}], ..., "xxh3": "..."}
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>

namespace charter::store {

// A file's content, as far as two of them are told apart.
struct FileSum {
  uint64_t bytes = 0;
  std::string xxh3;  // XXH3-64, 16 hexadecimal digits
  bool operator==(const FileSum&) const = default;
};

[[nodiscard]] FileSum sum_of(std::span<const std::byte> content);
[[nodiscard]] FileSum sum_of(const std::string& content);
// Read in blocks: a file can be larger than memory. Throws std::runtime_error naming the file when
// it cannot be read.
[[nodiscard]] FileSum sum_of_file(const std::filesystem::path& file);

// Empty where `got` is as expected; otherwise what differs: "1000 bytes, expected 3145728".
[[nodiscard]] std::string difference(const FileSum& got, const FileSum& expected);

// Syncs a file, or a directory so that a rename in it survives a power cut. Throws
// std::runtime_error naming it.
void sync_path(const std::filesystem::path& path);

// Puts `text` in the place of the file: written beside it, synced, renamed. Throws
// std::runtime_error naming it; the file is as it was then.
void replace_file(const std::filesystem::path& file, const std::string& text);

class Manifest {
 public:
  static constexpr const char* kName = "manifest.json";

  // Describes every file under `dir`, syncs all of it and writes DIR/manifest.json last. facts:
  // kept beside the files. Throws std::runtime_error with the path for disk errors.
  static Manifest write(const std::filesystem::path& dir,
                        const nlohmann::json& facts = nlohmann::json::object());
  // Nothing: there is none, it is damaged, or it is somebody else's file of that name.
  [[nodiscard]] static std::optional<Manifest> read(const std::filesystem::path& dir);

  [[nodiscard]] const std::map<std::string, FileSum>& files() const { return files_; }
  [[nodiscard]] const nlohmann::json& facts() const { return facts_; }
  // Its own checksum, and so that of all it describes.
  [[nodiscard]] const std::string& xxh3() const { return xxh3_; }

  // Empty: as described. Otherwise what is wrong, in one line that begins with the file's name. The
  // first reads the file, the second is for who has its content before him; a file that is not
  // described is wrong.
  [[nodiscard]] std::string check(const std::string& name) const;
  [[nodiscard]] std::string check(const std::string& name,
                                  std::span<const std::byte> content) const;
  [[nodiscard]] std::string check_all() const;

 private:
  [[nodiscard]] std::string compare(const std::string& name, const FileSum& got) const;

  std::filesystem::path dir_;
  std::map<std::string, FileSum> files_;
  nlohmann::json facts_;
  std::string xxh3_;
};

}  // namespace charter::store
