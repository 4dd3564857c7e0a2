// Running the binary in a test: a scratch directory, exit code, standard output and error.
#pragma once
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace charter::cli {

inline std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// A directory of one test; removed with everything in it.
class Scratch {
 public:
  Scratch() {
    std::string name = (std::filesystem::temp_directory_path() / "charter_cli_XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~Scratch() { std::filesystem::remove_all(path_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  [[nodiscard]] std::string at(const std::string& name) const { return (path_ / name).string(); }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(at(name), std::ios::binary) << text;
    return at(name);
  }
  [[nodiscard]] bool exists(const std::string& name) const {
    return std::filesystem::exists(at(name));
  }

 private:
  std::filesystem::path path_;
};

struct Outcome {
  int code = -1;
  std::string out, error;

  // Bad input: the given exit code and exactly one line, "charter: ...", on standard error.
  void expect_refused(int expected_code, const std::string& expected_part) const {
    EXPECT_EQ(code, expected_code) << error;
    EXPECT_TRUE(error.starts_with("charter: ")) << error;
    EXPECT_EQ(error.find('\n'), error.size() - 1) << error;
    EXPECT_NE(error.find(expected_part), std::string::npos) << error;
    EXPECT_EQ(out, "");
  }
};

inline std::string binary() {
  const char* named = std::getenv("CHARTER_BINARY");
  return named == nullptr ? CHARTER_SOURCE_DIR "/build/release/bin/charter" : named;
}

// arguments: as a shell reads them. environment: "NAME=value ...", set for this call alone.
inline Outcome run_charter(const Scratch& scratch, const std::string& arguments,
                           const std::string& environment = "") {
  const std::string command = "env " + environment + " '" + binary() + "' " + arguments + " >" +
                              scratch.at("stdout") + " 2>" + scratch.at("stderr") + " </dev/null";
  const int status = std::system(command.c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read_file(scratch.at("stdout")),
          read_file(scratch.at("stderr"))};
}

// The default model, "" when this machine has none.
inline std::string test_model() {
  if (const char* named = std::getenv("CHARTER_MODEL")) return named;
  const char* home = std::getenv("HOME");
  const std::string path = std::string(home == nullptr ? "" : home) +
                           "/.cache/charter/models/SmolLM2-135M-Instruct.Q4_1.gguf";
  return std::filesystem::exists(path) ? path : "";
}

}  // namespace charter::cli
