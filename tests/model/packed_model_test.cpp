#include "model/packed_model.hpp"

#include <gtest/gtest.h>

#include "model/kernels.hpp"
#include "model/packed_model_impl.hpp"
#include "tests/model/engine_fixture.hpp"

namespace charter::model {
namespace {

TEST(Kernels, AreChosenByNameAmongTheCpusOwn) {
  const Kernels& before = kernels();
  EXPECT_EQ(runnable_kernels().front()->isa, std::string("avx2"));
  for (const Kernels* set : runnable_kernels()) {
    use_kernels(set->isa);
    EXPECT_EQ(&kernels(), set);
  }
  use_kernels(before.isa);
  EXPECT_THROW(use_kernels("avx1024"), std::invalid_argument);
}

TEST(PackedMatrix, ProductEqualsMatmulForAnyShape) {
  at::manual_seed(9);
  for (const Kernels* k : runnable_kernels()) {
    for (const auto& [rows, out, in] : {std::tuple<int64_t, int64_t, int64_t>{1, 48, 64},
                                        {5, 50, 7},
                                        {33, 576, 576},
                                        {130, 97, 48},
                                        {9, 3, 1}}) {
      const auto x = at::randn({rows, in}), w = at::randn({out, in});
      const int64_t panels = (out + k->panel - 1) / k->panel;
      at::Tensor packed = at::empty({panels, in, k->panel}), y = at::ones({rows, out});
      k->pack_panels(w.const_data_ptr<float>(), in, out, in, packed.mutable_data_ptr<float>());
      for (const bool accumulate : {false, true}) {
        const auto expected = at::matmul(x, w.t()) + (accumulate ? y : at::zeros_like(y));
        k->gemm_panels(x.const_data_ptr<float>(), in, rows, packed.const_data_ptr<float>(), out, in,
                       0, panels, y.mutable_data_ptr<float>(), out, accumulate);
        EXPECT_LT((y - expected).abs().max().item<double>(), 1e-3)
            << k->isa << rows << "x" << out << "x" << in;
      }
    }
  }
}

TEST(PackedMatrix, Int8ProductIsWithinTheStepsOfBothSides) {
  at::manual_seed(9);  // the error of 48 outputs that share one row of inputs varies by a third
  for (const Kernels* k : runnable_kernels()) {
    for (const auto& [rows, out, in] :
         {std::tuple<int64_t, int64_t, int64_t>{1, 48, 64}, {13, 100, 575}, {33, 24, 576}}) {
      const int64_t padded = int8_width(in), panels = (out + k->panel - 1) / k->panel;
      const int64_t groups = padded / kInt8Group;
      // An input a hundred times the others costs only the 64 that share its scale their steps:
      // their weights are 0, the others' products stay exact.
      const auto x = at::randn({rows, in}), w = at::randn({out, in}) * at::rand({out, 1});
      if (in > kInt8Group) {
        x.select(1, 5).mul_(100);
        w.narrow(1, 0, kInt8Group).zero_();
      }
      std::vector<int8_t> packed(static_cast<size_t>(panels * k->panel * padded));
      std::vector<float> scales(static_cast<size_t>(panels * k->panel)),
          row_scales(static_cast<size_t>(rows * groups));
      std::vector<int32_t> offsets(static_cast<size_t>(panels * groups * k->panel));
      std::vector<uint8_t> codes(static_cast<size_t>(rows * padded));
      k->pack_panels_int8(w.const_data_ptr<float>(), out, in, packed.data(), scales.data(),
                          offsets.data());
      for (int64_t r = 0; r < rows; ++r) {
        k->quantize_row(x.const_data_ptr<float>() + r * in, in, codes.data() + r * padded,
                        row_scales.data() + r * groups);
      }
      at::Tensor y = at::ones({rows, out});
      const auto expected = at::matmul(x, w.t()) + y;
      k->gemm_panels_int8(codes.data(), row_scales.data(), rows, packed.data(), scales.data(),
                          offsets.data(), out, in, 0, panels, y.mutable_data_ptr<float>(), out,
                          true);
      // 7-bit activations of normal rows have steps of about 3.3 / 63: a relative error of 0.015.
      const double error = (y - expected).pow(2).mean().sqrt().item<double>();
      EXPECT_LT(error, 0.02 * expected.std().item<double>()) << k->isa;
    }
  }
}

TEST(PackedMatrix, BfloatProductIsThatOfTheRoundedNumbers) {
  at::manual_seed(9);
  if (kernels().gemm_panels_bf16 == nullptr) GTEST_SKIP() << "this CPU has no AVX512_BF16";
  for (const auto& [rows, out, in] :
       {std::tuple<int64_t, int64_t, int64_t>{1, 48, 64}, {13, 100, 575}, {33, 24, 576}}) {
    const int64_t padded = (in + 1) / 2 * 2;
    const auto x = at::randn({rows, in}), w = at::randn({out, in});
    const PackedMatrix m = pack_matrix(w, Precision::kBfloat16);
    std::vector<uint16_t> narrow(static_cast<size_t>(rows * padded));
    for (int64_t r = 0; r < rows; ++r) {
      kernels().bf16_row(x.const_data_ptr<float>() + r * in, in, narrow.data() + r * padded);
    }
    at::Tensor y = at::ones({rows, out});
    const auto rounded = [](const at::Tensor& t) { return t.to(at::kBFloat16).to(at::kFloat); };
    const auto expected = at::matmul(rounded(x), rounded(w).t()) + y;
    kernels().gemm_panels_bf16(narrow.data(), rows,
                               static_cast<const uint16_t*>(m.data.const_data_ptr()), out, in, 0,
                               m.data.size(0), y.mutable_data_ptr<float>(), out, true);
    EXPECT_LT((y - expected).abs().max().item<double>(), 1e-3) << rows << "x" << out << "x" << in;
    // A row is the same alone.
    at::Tensor alone = at::ones({1, out});
    kernels().gemm_panels_bf16(narrow.data() + (rows - 1) * padded, 1,
                               static_cast<const uint16_t*>(m.data.const_data_ptr()), out, in, 0,
                               m.data.size(0), alone.mutable_data_ptr<float>(), out, true);
    EXPECT_TRUE(alone[0].equal(y[rows - 1]));
  }
}

TEST(PackedMatrix, ARowDoesNotDependOnTheRowsBesideIt) {
  at::manual_seed(9);
  const auto x = at::randn({37, 576}), w = at::randn({96, 576});
  const PackedMatrix m = pack_matrix(w);
  const auto product = [&](const at::Tensor& rows) {
    at::Tensor y = at::empty({rows.size(0), 96});
    kernels().gemm_panels(rows.const_data_ptr<float>(), 576, rows.size(0), m.panels(), 96, 576, 0,
                          m.data.size(0), y.mutable_data_ptr<float>(), 96, false);
    return y;
  };
  const auto all = product(x);
  for (const int64_t begin : {0, 5, 36}) {
    const auto part = x.narrow(0, begin, 1).contiguous();
    EXPECT_TRUE(at::equal(product(part), all.narrow(0, begin, 1))) << begin;
  }
}

TEST(PackedModel, AdaptersBesideEqualAdaptersMerged) {
  Transformer t = tiny_transformer({.tied = false});
  const auto base = PackedModel::make(t);
  add_random_adapters(t);
  const auto beside = base->with_adapters(t);
  EXPECT_EQ(&beside->impl().base->config, &base->impl().base->config);  // one packed base
  ModelFiles files;
  files.config = t.config;
  for (const auto& [name, tensor] : merged_tensors(t)) files.tensors[name] = tensor;
  const auto merged = PackedModel::make(make_transformer(files));
  auto request = request_of(0, tiny_tokens(70, 1), 1);
  request.continuation = tiny_tokens(60, 2);
  std::vector<std::vector<float>> results;
  for (const auto& model : {beside, merged, base}) {
    Engine engine(model, nullptr, {}, {.max_batch = 1, .max_context = 512});
    engine.submit(request);
    results.push_back(run_all(engine).at(0).logprobs);
  }
  EXPECT_LT(largest_difference(results[0], results[1]), 1e-4);
  EXPECT_GT(largest_difference(results[0], results[2]), 1e-2);  // the adapters do something
}

TEST(PackedModel, Int8StaysNearFloat) {
  const Transformer t = tiny_transformer();
  auto request = request_of(0, tiny_tokens(70, 1), 1);
  request.continuation = tiny_tokens(60, 2);
  std::vector<std::vector<float>> results;
  for (const Precision precision : {Precision::kFloat32, Precision::kInt8}) {
    const auto model = PackedModel::make(t, precision);
    Engine engine(model, nullptr, {}, {.max_batch = 1, .max_context = 512});
    engine.submit(request);
    results.push_back(run_all(engine).at(0).logprobs);
  }
  double mean = 0;
  for (size_t i = 0; i < 60; ++i) mean += std::abs(results[0][i] - results[1][i]) / 60;
  // Random weights of this size make logits of standard deviation 4, and three layers of attention
  // as sharp: an error of a hundredth in each product is multiplied.
  EXPECT_LT(mean, 1.0);
  EXPECT_GT(mean, 1e-5);  // it does compute in 8 bits
}

TEST(PackedModel, BfloatStaysNearFloatOrIsRefused) {
  const Transformer t = tiny_transformer();
  if (kernels().gemm_panels_bf16 == nullptr) {
    EXPECT_THROW((void)PackedModel::make(t, Precision::kBfloat16), std::runtime_error);
    return;
  }
  auto request = request_of(0, tiny_tokens(70, 1), 1);
  request.continuation = tiny_tokens(60, 2);
  std::vector<std::vector<float>> results;
  for (const Precision precision : {Precision::kFloat32, Precision::kBfloat16}) {
    Engine engine(PackedModel::make(t, precision), nullptr, {},
                  {.max_batch = 1, .max_context = 512});
    engine.submit(request);
    results.push_back(run_all(engine).at(0).logprobs);
  }
  // A rounding of 2^-9 in each factor, logits of standard deviation 4.
  EXPECT_LT(largest_difference(results[0], results[1]), 1.0);
  EXPECT_GT(largest_difference(results[0], results[1]), 1e-5);  // it does compute in 16 bits
}

TEST(Precision, HasNamesThatReadBack) {
  for (const Precision p : {Precision::kFloat32, Precision::kBfloat16, Precision::kInt8}) {
    EXPECT_EQ(precision_from_name(name(p)), p);
  }
  EXPECT_THROW((void)precision_from_name("fp8"), std::invalid_argument);
}

TEST(PackedModel, CountsPanelsEmbeddingAndAdapters) {
  // 3 layers: qkv [96 + 2 * 32, 48], o [48, 96], gate and up [160, 48], down [48, 80], head [97,
  // 48]; panels are filled up to `width` outputs. Tied, the head's panels are the embedding as
  // well.
  const int64_t width = kernels().panel;
  const auto panels = [&](int64_t out, int64_t in) {
    return (out + width - 1) / width * width * in;
  };
  const int64_t layer = panels(160, 48) + panels(48, 96) + panels(160, 48) + panels(48, 80);
  const int64_t tied = 4 * (3 * layer + panels(97, 48)), embedding = 4 * 97 * 48;
  Transformer t = tiny_transformer();
  const auto model = PackedModel::make(t);
  EXPECT_EQ(model->packed_bytes(), tied);
  EXPECT_EQ(PackedModel::make(tiny_transformer({.tied = false}))->packed_bytes(), tied + embedding);
  // A of the fused products has 9, 3, 6 and 3 outputs; B is [96], [32], [32]; [48]; [80], [80];
  // [48].
  add_random_adapters(t);
  const int64_t adapters = panels(9, 48) + panels(96, 3) + 2 * panels(32, 3) + panels(3, 96) +
                           panels(48, 3) + panels(6, 48) + 2 * panels(80, 3) + panels(3, 80) +
                           panels(48, 3);
  EXPECT_EQ(model->with_adapters(t)->packed_bytes(), tied + 4 * 3 * adapters);
}

TEST(PackedModel, IsACopyThatTrainingDoesNotTouch) {
  Transformer t = tiny_transformer();
  Engine engine = engine_of(t);
  engine.submit(request_of(0, tiny_tokens(20, 1), 10));
  const auto before = run_all(engine).at(0).logprobs;
  for_each_linear(t, [](const std::string&, Linear& l) { l.weight.zero_(); });
  t.final_norm.zero_();
  auto again = request_of(0, tiny_tokens(20, 1), 10);
  engine.submit(again);
  EXPECT_LT(largest_difference(run_all(engine).at(0).logprobs, before), 1e-5);
}

TEST(PackedModel, RefusesAdaptersOfAnotherModel) {
  const auto base = PackedModel::make(tiny_transformer());
  EXPECT_THROW((void)base->with_adapters(tiny_transformer({.vocab = 50})), std::invalid_argument);
}

}  // namespace
}  // namespace charter::model
