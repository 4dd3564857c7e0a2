#include "model/safetensors.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
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

TEST_F(Safetensors, TensorsThatShareBytesAreRefused) {
  const auto header = [](int begin) {
    return R"({"a":{"dtype":"F16","shape":[2],"data_offsets":[0,4]},"b":{"dtype":"F16","shape":[2],)"
           R"("data_offsets":[)" +
           std::to_string(begin) + "," + std::to_string(begin + 4) + "]}}";
  };
  EXPECT_EQ(error_of(header(4), std::string(8, '\0')), "no error");
  const size_t data = 8 + header(2).size();
  EXPECT_EQ(error_of(header(2), std::string(8, '\0')),
            ": tensor b: offset " + std::to_string(data + 2) +
                ", expected outside the 4 bytes of tensor a at offset " + std::to_string(data));
}

TEST_F(Safetensors, AWrongShapeIsRefusedBeforeItsDataIsRead) {
  std::ofstream(dir_ / "config.json")
      << R"({"model_type":"llama","vocab_size":16777216,"hidden_size":64,"intermediate_size":64,)"
         R"("num_hidden_layers":1,"num_attention_heads":1,"max_position_embeddings":64})";
  // 2^24 rows of 32 half values: 1 GB of a file that takes no room, and 2 GB as float32.
  const uint64_t bytes = uint64_t{1} << 30;
  const std::string header =
      R"({"model.embed_tokens.weight":{"dtype":"F16","shape":[16777216,32],"data_offsets":[0,)" +
      std::to_string(bytes) + "]}}";
  write("model.safetensors", header, "");
  fs::resize_file(dir_ / "model.safetensors", 8 + header.size() + bytes);
  const auto peak = [] {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return int64_t{usage.ru_maxrss} * 1024;
  };
  const int64_t before = peak();
  try {
    (void)load_model(dir_);
    FAIL() << "no error";
  } catch (const std::runtime_error& e) {
    EXPECT_EQ(e.what(), dir_.string() +
                            ": tensor model.embed_tokens.weight: shape [16777216, 32], expected "
                            "[16777216, 64]");
  }
  EXPECT_LT(peak() - before, 64 << 20);
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
