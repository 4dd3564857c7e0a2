#include "model/safetensors.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "model/mapped_file.hpp"
#include "model/model_files.hpp"
#include "tests/model/model_path.hpp"

namespace charter::model {
namespace {

namespace fs = std::filesystem;

class Safetensors : public ::testing::Test {
 protected:
  void SetUp() override { fs::create_directories(dir_); }
  void TearDown() override { fs::remove_all(dir_); }

  void write(const std::string& name, const std::string& header, const std::string& data) {
    const uint64_t length = header.size();
    std::string all(reinterpret_cast<const char*>(&length), 8);
    std::ofstream(dir_ / name, std::ios::binary) << all + header + data;
  }
  std::string error_of(const std::string& header, const std::string& data) {
    write("bad", header, data);
    try {
      (void)read_safetensors(dir_ / "bad");
    } catch (const std::runtime_error& e) {
      return std::string(e.what()).substr((dir_ / "bad").string().size());
    }
    return "no error";
  }
  fs::path dir_ = fs::temp_directory_path() / ("charter_safetensors_" + std::to_string(::getpid()));
};

TEST_F(Safetensors, WritesAndReadsBackTheSameValues) {
  const std::map<std::string, at::Tensor> tensors = {
      {"a", at::arange(6, at::kFloat).reshape({2, 3})}, {"b.c", at::tensor({-1.5f})}};
  write_safetensors(dir_ / "m", tensors, {{"format", "pt"}});
  const SafetensorsContent back = read_safetensors(dir_ / "m");
  ASSERT_EQ(back.tensors.size(), 2u);
  for (const auto& [name, t] : tensors) EXPECT_TRUE(at::equal(back.tensors.at(name), t)) << name;
  EXPECT_EQ(back.metadata.at("format"), "pt");
  EXPECT_EQ(back.dtype, "F32");
}

TEST_F(Safetensors, AWriteIntoAMappedTensorStaysInThisProcess) {
  write_safetensors(dir_ / "m", {{"a", at::ones({4})}});
  read_safetensors(dir_ / "m").tensors.at("a").zero_();
  EXPECT_TRUE(at::equal(read_safetensors(dir_ / "m").tensors.at("a"), at::ones({4})));
}

TEST_F(Safetensors, ReadsHalfAndBfloat) {
  // 1.5 is 3E00 in half and 3FC0 in bfloat16.
  write("m",
        R"({"h":{"dtype":"F16","shape":[1],"data_offsets":[0,2]},)"
        R"("b":{"dtype":"BF16","shape":[1],"data_offsets":[2,4]}})",
        std::string("\x00\x3E\xC0\x3F", 4));
  const auto content = read_safetensors(dir_ / "m");
  EXPECT_EQ(content.tensors.at("h").item<float>(), 1.5f);
  EXPECT_EQ(content.tensors.at("b").item<float>(), 1.5f);
}

TEST_F(Safetensors, ReadsShardsOfAnIndex) {
  write_safetensors(dir_ / "m-1.safetensors", {{"a", at::ones({1})}});
  write_safetensors(dir_ / "m-2.safetensors", {{"b", at::zeros({1})}});
  const auto index = dir_ / "model.safetensors.index.json";
  std::ofstream(index) << R"({"weight_map":{"a":"m-1.safetensors","b":"m-2.safetensors"}})";
  EXPECT_EQ(read_safetensors_dir(dir_).tensors.size(), 2u);
  std::ofstream(index) << R"({"weight_map":{"a":"m-1.safetensors","c":"m-2.safetensors"}})";
  EXPECT_THROW((void)read_safetensors_dir(dir_), std::runtime_error);
  std::ofstream(index) << R"({"weight_map":{"a":"../m-1.safetensors"}})";
  EXPECT_THROW((void)read_safetensors_dir(dir_), std::runtime_error);
}

TEST_F(Safetensors, ErrorsNameTensorAndOffset) {
  const std::string four(4, '\0');
  EXPECT_EQ(error_of("{", four), ": offset 8: expected a JSON object as the header");
  EXPECT_EQ(error_of(R"({"a":{"dtype":"I8","shape":[4],"data_offsets":[0,4]}})", four),
            ": tensor a: dtype \"I8\", expected F32, F16 or BF16");
  EXPECT_EQ(error_of(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", four),
            ": tensor a: data_offsets [0,8], expected [begin, end] within the 4 bytes of data");
  EXPECT_EQ(error_of(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", four),
            ": tensor a: offset 62: 4 bytes, expected 8 for its shape");
  EXPECT_NE(
      error_of(R"({"a":{"dtype":"F32","shape":[4611686018427387905,4],"data_offsets":[0,4]}})",
               four),
      "no error");
  EXPECT_NE(error_of(R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", four),
            "no error");
  std::ofstream(dir_ / "bad", std::ios::binary) << std::string(8, '\xFF');
  EXPECT_THROW((void)read_safetensors(dir_ / "bad"), std::runtime_error);
}

TEST_F(Safetensors, TheDefaultModelSurvivesExportAndImport) {
  const auto path = testing_model_path();
  if (!fs::exists(path)) GTEST_SKIP() << "no model at " << path;
  const ModelFiles files = load_model(path);
  save_hf_directory(files, dir_ / "out");
  EXPECT_THROW(save_hf_directory(files, dir_ / "out"), std::runtime_error);
  const ModelFiles back = load_model(dir_ / "out");
  EXPECT_TRUE(back.config == files.config);
  EXPECT_TRUE(back.tokenizer == files.tokenizer);
  EXPECT_EQ(back.chat_template, files.chat_template);
  ASSERT_EQ(back.tensors.size(), files.tensors.size());
  for (const auto& [name, t] : files.tensors)
    EXPECT_TRUE(at::equal(back.tensors.at(name), t)) << name;
}

}  // namespace
}  // namespace charter::model
