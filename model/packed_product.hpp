// Rows times a packed matrix and its adapter. Part of cached_forward.
#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "model/packed_model_impl.hpp"
#include "model/team.hpp"

namespace charter::model {

class PackedProduct {
 public:
  // Makes room for `rows` rows of any of the model's products. Before the team starts.
  void fit(const PackedModel::Impl& model, int64_t rows);

  // y [n, out] (+)= x W^T + (x A^T) B^T. The thin product with A runs beside the one with W. Every
  // member of the team calls it with the same arguments.
  void run(Team& team, const PackedMatrix& w, const std::optional<PackedAdapter>& adapter,
           const float* x, int64_t n, float* y, bool accumulate);

 private:
  void panel_range(const PackedMatrix& w, const float* x, int64_t n, int64_t begin, int64_t end,
                   float* y, bool accumulate) const;
  // The rows of x in the weight's precision.
  void narrow(Team& team, const PackedMatrix& w, const float* x, int64_t n);
  void add_adapter(Team& team, const PackedAdapter& adapter, int64_t n, float* y,
                   int64_t ldy) const;

  std::vector<float> thin_;     // of the product under way, as the three below
  std::vector<uint8_t> codes_;  // 8-bit rows
  std::vector<float> row_scales_;
  std::vector<uint16_t> bf16_rows_;
};

}  // namespace charter::model
