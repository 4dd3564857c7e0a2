// Attention of a step's tokens over cached keys and values (model/kv_cache.hpp).
// A tile is the query heads that share a key head, for a few tokens of one sequence: their scores
// are one matrix product with the keys. Decoding sequences that begin with the same blocks attend
// to those together, so that the blocks are read from memory once for all of them; the two parts of
// a row are joined by their maxima and sums (the online softmax of Milakov and Gimelshein 2018,
// arXiv:1805.02867).
#pragma once
#include <cstdint>
#include <vector>

#include "model/kv_cache.hpp"
#include "model/model_config.hpp"
#include "model/team.hpp"

namespace charter::model {

// Consecutive tokens of one sequence, the last ones it holds.
struct StepSequence {
  const std::vector<int32_t>* blocks = nullptr;  // enough for start + rows tokens
  int64_t first_row = 0;                         // in the step's rows
  int64_t rows = 0;                              // tokens in this step
  int64_t start = 0;                             // position of the first of them
};

class CachedAttention {
 public:
  CachedAttention(const ModelConfig& config, const KvCache& kv);

  // Lays out the tiles of a step, the same for each layer.
  void plan(const std::vector<StepSequence>& sequences);

  // q: [rows, heads * d] rotated, `ld` floats apart; out: [rows, heads * d]. The step's keys and
  // values are in the cache. Called by every member of the team.
  void run(Team& team, int64_t layer, const float* q, int64_t ld, float* out);

 private:
  // Tokens [row, row + tokens) of the step against blocks [block_begin, ...) of a sequence.
  struct Tile {
    const StepSequence* sequence;
    int64_t token = 0, tokens = 1;  // within the sequence's rows
    int64_t own_begin = 0;          // first block that no shared part covers
  };
  // Single tokens of several sequences against the blocks they share.
  struct SharedTile {
    std::vector<int64_t> rows;
    const int32_t* blocks;
    int64_t count;
  };

  void run_tile(const Tile& tile, int64_t layer, int64_t head, const float* q, int64_t ld,
                float* out);
  void run_shared(const SharedTile& tile, int64_t layer, int64_t head, const float* q, int64_t ld);
  float* part(int64_t row, int64_t query_head);  // accumulated values, then maximum, then sum

  ModelConfig config_;
  const KvCache& kv_;
  int64_t group_, tile_tokens_;
  std::vector<StepSequence> sequences_;
  std::vector<Tile> tiles_;
  std::vector<SharedTile> shared_;
  std::vector<float> parts_;  // [rows, heads, d + 2]
};

}  // namespace charter::model
