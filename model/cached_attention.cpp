#include "model/cached_attention.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "model/grow.hpp"
#include "model/kernels.hpp"

namespace charter::model {
namespace {

constexpr int64_t kTileRows = 24;

struct Scratch {
  std::vector<float> q, scores, out, max, sum;
};

// Each thread's own, kept from tile to tile.
Scratch& scratch(int64_t rows, int64_t d, int64_t keys) {
  thread_local Scratch s;
  grow(s.q, rows * d);
  grow(s.scores, rows * keys);
  grow(s.out, rows * d);
  grow(s.max, rows);
  grow(s.sum, rows);
  return s;
}

int64_t padded(int64_t keys) {
  return (keys + kKvBlockTokens - 1) / kKvBlockTokens * kKvBlockTokens;
}

// scores [rows, lds] = q K^T over `keys` keys beginning at the first of `blocks`.
void score_blocks(const KvCache& kv, const int32_t* blocks, int64_t layer, int64_t head,
                  int64_t keys, const float* q, int64_t rows, float* scores, int64_t lds) {
  const int64_t d = kv.head_dim();
  for (int64_t begin = 0, b = 0; begin < keys; begin += kKvBlockTokens, ++b) {
    const int64_t columns = std::min(kKvBlockTokens, (keys - begin + 15) / 16 * 16);
    kernels().small_gemm(q, d, rows, kv.keys(blocks[b], layer, head), kKvBlockTokens, d, columns,
                         scores + begin, lds, false);
  }
}

// out [rows, d] = scores V.
void mix_blocks(const KvCache& kv, const int32_t* blocks, int64_t layer, int64_t head, int64_t keys,
                const float* scores, int64_t lds, int64_t rows, float* out) {
  const int64_t d = kv.head_dim();
  for (int64_t begin = 0, b = 0; begin < keys; begin += kKvBlockTokens, ++b) {
    kernels().small_gemm(scores + begin, lds, rows, kv.values(blocks[b], layer, head), d,
                         std::min(kKvBlockTokens, keys - begin), d, out, d, begin > 0);
  }
}

}  // namespace

CachedAttention::CachedAttention(const ModelConfig& config, const KvCache& kv)
    : config_(config),
      kv_(kv),
      group_(config.num_heads / config.num_kv_heads),
      tile_tokens_(std::max<int64_t>(1, kTileRows / group_)) {}

float* CachedAttention::part(int64_t row, int64_t query_head) {
  return parts_.data() + (row * config_.num_heads + query_head) * (config_.head_dim + 2);
}

void CachedAttention::plan(const std::vector<StepSequence>& sequences) {
  sequences_ = sequences;
  tiles_.clear();
  shared_.clear();
  int64_t rows = 0;
  std::map<int32_t, std::vector<const StepSequence*>> by_first_block;
  for (const StepSequence& s : sequences_) {
    rows += s.rows;
    if (s.rows == 1 && s.start >= kKvBlockTokens) by_first_block[s.blocks->front()].push_back(&s);
  }
  std::map<const StepSequence*, int64_t> covered;
  for (const auto& [first, members] : by_first_block) {
    if (members.size() < 2) continue;
    int64_t common = members[0]->start / kKvBlockTokens;
    for (const StepSequence* s : members) {
      common = std::min(common, s->start / kKvBlockTokens);
      const auto& a = *members[0]->blocks;
      common = std::mismatch(a.begin(), a.begin() + common, s->blocks->begin()).first - a.begin();
    }
    for (size_t i = 0; i < members.size(); ++i) {
      if (i % static_cast<size_t>(tile_tokens_) == 0) {
        shared_.push_back({{}, members[0]->blocks->data(), common});
      }
      shared_.back().rows.push_back(members[i]->first_row);
      covered[members[i]] = common;
    }
  }
  for (const StepSequence& s : sequences_) {
    const auto found = covered.find(&s);
    for (int64_t t = 0; t < s.rows; t += tile_tokens_) {
      tiles_.push_back(
          {&s, t, std::min(tile_tokens_, s.rows - t), found == covered.end() ? 0 : found->second});
    }
  }
  // The longest tiles first: what is left for the end is short, so members finish together.
  std::stable_sort(tiles_.begin(), tiles_.end(), [](const Tile& a, const Tile& b) {
    return (a.sequence->start + a.token) * a.tokens > (b.sequence->start + b.token) * b.tokens;
  });
  if (!shared_.empty()) {
    parts_.resize(static_cast<size_t>(rows * config_.num_heads * (config_.head_dim + 2)));
  }
}

void CachedAttention::run(Team& team, int64_t layer, const float* q, int64_t ld, float* out) {
  const int64_t heads = config_.num_kv_heads;
  if (!shared_.empty()) {
    // Head after head: the tiles of one prefix find its keys and values in the cache.
    const auto tiles = static_cast<int64_t>(shared_.size());
    team.for_range(tiles * heads, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        run_shared(shared_[static_cast<size_t>(i % tiles)], layer, i / tiles, q, ld);
      }
    });
  }
  team.for_range(static_cast<int64_t>(tiles_.size()) * heads, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      run_tile(tiles_[static_cast<size_t>(i / heads)], layer, i % heads, q, ld, out);
    }
  });
}

void CachedAttention::run_shared(const SharedTile& tile, int64_t layer, int64_t head,
                                 const float* q, int64_t ld) {
  const int64_t d = config_.head_dim, keys = tile.count * kKvBlockTokens;
  const int64_t rows = static_cast<int64_t>(tile.rows.size()) * group_;
  Scratch& s = scratch(rows, d, keys);
  for (int64_t r = 0; r < rows; ++r) {
    const float* from = q + tile.rows[static_cast<size_t>(r / group_)] * ld;
    std::copy_n(from + (head * group_ + r % group_) * d, d, s.q.data() + r * d);
  }
  kernels().scale(s.q.data(), rows * d,
                  static_cast<float>(1.0 / std::sqrt(static_cast<double>(d))));
  score_blocks(kv_, tile.blocks, layer, head, keys, s.q.data(), rows, s.scores.data(), keys);
  for (int64_t r = 0; r < rows; ++r) {
    s.sum[r] = kernels().softmax_row(s.scores.data() + r * keys, keys, &s.max[r]);
  }
  mix_blocks(kv_, tile.blocks, layer, head, keys, s.scores.data(), keys, rows, s.out.data());
  for (int64_t r = 0; r < rows; ++r) {
    float* to = part(tile.rows[static_cast<size_t>(r / group_)], head * group_ + r % group_);
    std::copy_n(s.out.data() + r * d, d, to);
    to[d] = s.max[r];
    to[d + 1] = s.sum[r];
  }
}

void CachedAttention::run_tile(const Tile& tile, int64_t layer, int64_t head, const float* q,
                               int64_t ld, float* out) {
  const StepSequence& sequence = *tile.sequence;
  const int64_t d = config_.head_dim, rows = tile.tokens * group_;
  const int64_t row = sequence.first_row + tile.token;
  const int64_t skipped = tile.own_begin * kKvBlockTokens;
  const int64_t first_keys =
      sequence.start + tile.token + 1 - skipped;  // of the tile's first token
  const int64_t keys = first_keys + tile.tokens - 1, lds = padded(keys);
  const int32_t* blocks = sequence.blocks->data() + tile.own_begin;
  Scratch& s = scratch(rows, d, lds);
  for (int64_t t = 0; t < tile.tokens; ++t) {
    std::copy_n(q + (row + t) * ld + head * group_ * d, group_ * d, s.q.data() + t * group_ * d);
  }
  kernels().scale(s.q.data(), rows * d,
                  static_cast<float>(1.0 / std::sqrt(static_cast<double>(d))));
  score_blocks(kv_, blocks, layer, head, keys, s.q.data(), rows, s.scores.data(), lds);
  for (int64_t r = 0; r < rows; ++r) {
    float* line = s.scores.data() + r * lds;
    const int64_t visible = first_keys + r / group_;
    s.sum[r] = kernels().softmax_row(line, visible, &s.max[r]);
    std::fill(line + visible, line + keys, 0.0f);
  }
  mix_blocks(kv_, blocks, layer, head, keys, s.scores.data(), lds, rows, s.out.data());
  for (int64_t r = 0; r < rows; ++r) {
    const int64_t query_head = head * group_ + r % group_, target = row + r / group_;
    float* values = s.out.data() + r * d;
    float* to = out + (target * config_.num_heads + query_head) * d;
    if (tile.own_begin == 0) {
      kernels().scale(values, d, 1.0f / s.sum[r]);
      std::copy_n(values, d, to);
      continue;
    }
    const float* shared = part(target, query_head);
    const float top = std::max(s.max[r], shared[d]);
    const float own = std::exp(s.max[r] - top), other = std::exp(shared[d] - top);
    const float norm = 1.0f / (own * s.sum[r] + other * shared[d + 1]);
    for (int64_t i = 0; i < d; ++i) to[i] = (own * values[i] + other * shared[i]) * norm;
  }
}

}  // namespace charter::model
