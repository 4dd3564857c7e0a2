// Block values: tests/golden/gguf_blocks.json, written by tests/golden/gguf_blocks.py with the
// `gguf` package.
#include "model/gguf.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "model/gguf_model.hpp"
#include "model/input_error.hpp"
#include "model/mapped_file.hpp"
#include "tests/model/model_path.hpp"

namespace charter::model {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// Writes little GGUF files field by field.
struct Bytes {
  std::string data;
  template <typename T>
  Bytes& put(T value) {
    data.append(reinterpret_cast<const char*>(&value), sizeof(T));
    return *this;
  }
  Bytes& text(std::string_view s) {
    put<uint64_t>(s.size());
    data += s;
    return *this;
  }
};

Bytes header(uint64_t tensors, uint64_t keys) {
  Bytes b;
  b.put<uint32_t>(0x46554747).put<uint32_t>(3).put(tensors).put(keys);
  return b;
}

// One F32 tensor "w" of ggml shape [3, 2] (torch [2, 3]) holding 0..5.
std::string small_file() {
  Bytes b = header(1, 1);
  b.text("name").put<uint32_t>(8).text("tiny");
  b.text("w").put<uint32_t>(2).put<uint64_t>(3).put<uint64_t>(2).put<uint32_t>(0).put<uint64_t>(0);
  b.data.resize((b.data.size() + 31) / 32 * 32);
  for (int i = 0; i < 6; ++i) b.put<float>(static_cast<float>(i));
  return b.data;
}

class Gguf : public ::testing::Test {
 protected:
  fs::path write(const std::string& data) {
    std::ofstream(file_, std::ios::binary) << data;
    return file_;
  }
  std::string error_of(const std::string& data) {
    try {
      (void)GgufFile::open(write(data));
    } catch (const std::runtime_error& e) {
      EXPECT_EQ(std::string(e.what()).find('\n'), std::string::npos);
      return std::string(e.what()).substr(file_.string().size());
    }
    return "no error";
  }
  void TearDown() override { fs::remove(file_); }
  fs::path file_ = fs::temp_directory_path() / ("charter_gguf_test_" + std::to_string(::getpid()));
};

int64_t resident_peak_bytes() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss * 1024;
}

TEST(GgufBlocks, DequantizeAsTheReferenceDoes) {
  const json golden =
      json::parse(read_text_file(CHARTER_SOURCE_DIR "/tests/golden/gguf_blocks.json"));
  int checked = 0;
  for (uint32_t type = 0; type < 40; ++type) {
    const auto info = gguf_type_info(type);
    if (!info) continue;
    ++checked;
    const json& row = golden[std::string(info->name)];
    const std::string hex = row["bytes"];
    std::vector<std::byte> bytes;
    for (size_t i = 0; i < hex.size(); i += 2) {
      bytes.push_back(static_cast<std::byte>(std::stoi(hex.substr(i, 2), nullptr, 16)));
    }
    const auto expected = row["values"].get<std::vector<double>>();
    std::vector<float> out(expected.size());
    dequantize(static_cast<GgufType>(type), bytes.data(),
               static_cast<int64_t>(bytes.size()) / info->block_bytes, out.data());
    for (size_t i = 0; i < out.size(); ++i) {
      // Same formula in float32; a fused multiply-add may differ in the last place.
      EXPECT_NEAR(out[i], expected[i], 1e-5 * (1 + std::abs(expected[i])))
          << info->name << " " << i;
    }
  }
  EXPECT_EQ(checked, 15);
}

TEST_F(Gguf, ReadsMetadataAndTensorsInTorchOrder) {
  const GgufFile gguf = GgufFile::open(write(small_file()));
  EXPECT_EQ(gguf.get<std::string>("name"), "tiny");
  ASSERT_EQ(gguf.tensors().size(), 1u);
  EXPECT_TRUE(at::equal(gguf.read(gguf.tensors()[0]), at::arange(6, at::kFloat).reshape({2, 3})));
  EXPECT_THROW((void)gguf.get<int64_t>("name"), std::runtime_error);
  EXPECT_THROW((void)gguf.get<int64_t>("absent"), std::runtime_error);
}

TEST_F(Gguf, EveryTruncationIsAnErrorAndNeverACrash) {
  const std::string whole = small_file();
  for (size_t n = 0; n < whole.size(); ++n)
    EXPECT_NE(error_of(whole.substr(0, n)), "no error") << n;
}

TEST_F(Gguf, EveryFlippedByteIsReadOrRefused) {
  const std::string whole = small_file();
  for (size_t i = 0; i < whole.size(); ++i) {
    for (const char flip : {'\xFF', '\x80', '\x01'}) {
      std::string bad = whole;
      bad[i] = static_cast<char>(bad[i] ^ flip);
      (void)error_of(bad);
    }
  }
}

TEST_F(Gguf, ErrorsNameThePlace) {
  EXPECT_EQ(error_of("nonsense"), ": offset 0: expected the magic \"GGUF\"");
  EXPECT_EQ(error_of(header(0, uint64_t{1} << 60).data),
            ": offset 24: metadata count 1152921504606846976, expected at most 0 in the rest of "
            "the file");
  Bytes outside = header(1, 0);
  outside.text("w").put<uint32_t>(1).put<uint64_t>(8).put<uint32_t>(0).put<uint64_t>(4096);
  outside.data.resize(128);
  EXPECT_EQ(
      error_of(outside.data),
      ": tensor w: offset 4096 + 32 bytes, expected to end within the 64 bytes of tensor data");
  Bytes array = header(0, 1);
  array.text("a").put<uint32_t>(9).put<uint32_t>(8).put<uint64_t>(uint64_t{1} << 40);
  EXPECT_EQ(
      error_of(array.data),
      ": key a: offset 49: array length 1099511627776, expected at most 0 in the rest of the file");
}

TEST_F(Gguf, TensorsThatShareBytesAreRefused) {
  // 32 bytes each: "b" begins at "a"'s last four bytes, "c" at the byte after "b".
  const auto file = [](uint64_t second) {
    Bytes b = header(3, 0);
    for (const auto& [name, offset] :
         {std::pair("b", second), std::pair("a", uint64_t{0}), std::pair("c", second + 32)}) {
      b.text(name).put<uint32_t>(1).put<uint64_t>(8).put<uint32_t>(0).put<uint64_t>(offset);
    }
    b.data.resize(128 + 3 * 32);  // three entries of 33 bytes after a header of 24: data at 128
    return b.data;
  };
  EXPECT_EQ(error_of(file(32)), "no error");
  EXPECT_EQ(error_of(file(28)),
            ": tensor b: offset 156, expected outside the 32 bytes of tensor a at offset 128");
  EXPECT_EQ(error_of(file(0)),
            ": tensor b: offset 128, expected outside the 32 bytes of tensor a at offset 128");
}

// The metadata of a model of one layer and hidden size 64, and a half-precision embedding of `rows`
// rows of 32 values; the rest of its tensors is absent.
std::string narrow_embedding(uint64_t rows) {
  Bytes b = header(1, 7);
  b.text("general.architecture").put<uint32_t>(8).text("llama");
  b.text("llama.attention.layer_norm_rms_epsilon").put<uint32_t>(6).put<float>(1e-5f);
  for (const auto& [key, value] : {std::pair("embedding_length", 64u),
                                   {"feed_forward_length", 64u},
                                   {"block_count", 1u},
                                   {"attention.head_count", 1u},
                                   {"context_length", 64u}}) {
    b.text("llama." + std::string(key)).put<uint32_t>(4).put<uint32_t>(value);
  }
  b.text("token_embd.weight").put<uint32_t>(2).put<uint64_t>(32).put(rows).put<uint32_t>(1);
  b.put<uint64_t>(0);
  b.data.resize((b.data.size() + 31) / 32 * 32);
  return b.data;
}

TEST_F(Gguf, AWrongShapeIsRefusedBeforeItsDataIsRead) {
  // 2^24 rows of 64 bytes are 1 GB of a file that takes no room, and 2 GB as float32.
  const uint64_t rows = 1 << 24;
  const std::string head = narrow_embedding(rows);
  fs::resize_file(write(head), head.size() + rows * 64);
  const int64_t before = resident_peak_bytes();
  try {
    (void)model_from_gguf(GgufFile::open(file_));
    FAIL() << "no error";
  } catch (const InputError& e) {
    EXPECT_EQ(e.what(), file_.string() +
                            ": tensor model.embed_tokens.weight: shape [16777216, 32], expected "
                            "[16777216, 64]");
  }
  EXPECT_LT(resident_peak_bytes() - before, 64 << 20);
}

TEST_F(Gguf, AnErrorIsOneLineWhateverTheFileHolds) {
  Bytes b = header(0, 1);
  b.text("a\n\x1b[2J").put<uint32_t>(99);
  const std::string what = error_of(b.data);
  EXPECT_NE(what.find(": key a\\x0a\\x1b[2J: "), std::string::npos) << what;
  EXPECT_LT(one_line(std::string(100'000, 'x')).size(), 700u);
}

TEST(GgufModel, NamesBecomeHuggingFaces) {
  EXPECT_EQ(hf_tensor_name("blk.12.attn_q.weight"), "model.layers.12.self_attn.q_proj.weight");
  EXPECT_EQ(hf_tensor_name("blk.0.attn_k.bias"), "model.layers.0.self_attn.k_proj.bias");
  EXPECT_EQ(hf_tensor_name("output_norm.weight"), "model.norm.weight");
  EXPECT_EQ(hf_tensor_name("blk.0.attn_sinks"), "");
}

TEST(GgufModel, ReadsTheDefaultModel) {
  SKIP_UNLESS_DEFAULT_MODEL();
  const ModelFiles files = load_model(testing_model_path());
  const ModelConfig expected{.family = ModelFamily::kLlama,
                             .vocab_size = 49152,
                             .hidden_size = 576,
                             .intermediate_size = 1536,
                             .num_layers = 30,
                             .num_heads = 9,
                             .num_kv_heads = 3,
                             .head_dim = 64,
                             .rms_norm_eps = 1e-5,
                             .rope_theta = 100000.0,
                             .rope_scaling = {},
                             .max_position = 8192,
                             .tie_embeddings = true,
                             .bos_id = 1,
                             .eos_ids = {2},
                             .pad_id = 2};
  EXPECT_TRUE(files.config == expected);
  EXPECT_EQ(files.tensors.size(), 272u);
  EXPECT_EQ(files.quantization, "Q4_1");
}

}  // namespace
}  // namespace charter::model
