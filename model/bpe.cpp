#include "model/bpe.hpp"

#include <algorithm>
#include <bit>
#include <limits>
#include <queue>
#include <stdexcept>

#include "model/input_error.hpp"
#include "model/utf8.hpp"

namespace charter::model {
namespace {

constexpr int32_t kNone = -1;
// Above this length a heap beats scanning for the lowest rank.
constexpr size_t kLongPiece = 48;

uint64_t key(int32_t left, int32_t right) {
  return uint64_t{static_cast<uint32_t>(left)} << 32 | static_cast<uint32_t>(right);
}

uint64_t mix(uint64_t x) {  // Fibonacci hashing: the multiplier is 2^64 / golden ratio
  x *= 0x9E3779B97F4A7C15ull;
  return x ^ x >> 32;
}

int32_t require_id(const TokenIds& ids, const std::string& token, size_t rank) {
  const auto it = ids.find(token);
  if (it != ids.end()) return it->second;
  throw InputError("merge " + std::to_string(rank) + ": \"" + token.substr(0, 40) +
                   "\" is not in the vocabulary");
}

std::vector<RankedMerge> ranked_merges(const TokenizerSpec& spec, const TokenIds& ids) {
  if (spec.metaspace && !spec.metaspace->scores.empty()) return merges_by_score(spec, ids);
  std::vector<RankedMerge> out;
  out.reserve(spec.merges.size());
  for (size_t rank = 0; rank < spec.merges.size(); ++rank) {
    const auto& [left, right] = spec.merges[rank];
    out.push_back({require_id(ids, left, rank), require_id(ids, right, rank),
                   require_id(ids, left + right, rank), static_cast<int32_t>(rank)});
  }
  return out;
}

}  // namespace

const std::array<std::string, 256>& byte_alphabet() {
  static const std::array<std::string, 256> kAlphabet = [] {
    std::array<std::string, 256> out;
    char32_t next = 256;
    for (int b = 0; b < 256; ++b) {
      const bool printable = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
      utf8_append(out[static_cast<size_t>(b)], printable ? static_cast<char32_t>(b) : next++);
    }
    return out;
  }();
  return kAlphabet;
}

std::string bytes_of_token(std::string_view token) {
  static const std::unordered_map<std::string_view, char> kBytes = [] {
    std::unordered_map<std::string_view, char> out;
    for (size_t b = 0; b < 256; ++b) out[byte_alphabet()[b]] = static_cast<char>(b);
    return out;
  }();
  std::string out;
  for (size_t i = 0; i < token.size();) {
    const Utf8Step step = utf8_step(token.substr(i));
    const auto it = kBytes.find(token.substr(i, step.bytes));
    if (it == kBytes.end()) return std::string(token);
    out += it->second;
    i += step.bytes;
  }
  return out;
}

Bpe::Bpe(const TokenizerSpec& spec, const TokenIds& ids) {
  for (size_t b = 0; b < 256; ++b) {
    const auto it = ids.find(byte_alphabet()[b]);
    byte_ids_[b] = it == ids.end() ? kNone : it->second;
  }
  if (spec.metaspace) characters_.emplace(spec, ids);
  const std::vector<RankedMerge> merges = ranked_merges(spec, ids);
  table_.resize(std::bit_ceil(2 * merges.size() + 16));
  mask_ = table_.size() - 1;
  for (const RankedMerge& merge : merges) insert(merge);
}

const Bpe::Merge* Bpe::find(int32_t left, int32_t right) const {
  const uint64_t pair = key(left, right);
  for (uint64_t i = mix(pair) & mask_;; i = (i + 1) & mask_) {
    if (table_[i].pair == pair) return &table_[i];
    if (table_[i].pair == ~uint64_t{0}) return nullptr;
  }
}

// A pair given twice keeps its last rank, as the reference's map does.
void Bpe::insert(const RankedMerge& merge) {
  const uint64_t pair = key(merge.left, merge.right);
  uint64_t i = mix(pair) & mask_;
  while (table_[i].pair != ~uint64_t{0} && table_[i].pair != pair) i = (i + 1) & mask_;
  table_[i] = {pair, merge.rank, merge.id};
}

void Bpe::encode(std::string_view piece, std::vector<int32_t>& out) const {
  static thread_local std::vector<int32_t> symbols;  // scratch, to save an allocation a piece
  const auto finish = [&] {
    merge(symbols);
    out.insert(out.end(), symbols.begin(), symbols.end());
  };
  if (characters_) {
    characters_->split(piece, [&](std::string_view word) {
      symbols.clear();
      characters_->append(word, symbols);
      finish();
    });
    return;
  }
  symbols.clear();
  for (const char c : piece) {
    const int32_t id = byte_ids_[static_cast<uint8_t>(c)];
    if (id != kNone) symbols.push_back(id);
  }
  finish();
}

void Bpe::merge(std::vector<int32_t>& symbols) const {
  if (symbols.size() <= kLongPiece) {
    merge_short(symbols);
  } else {
    merge_long(symbols);
  }
}

void Bpe::merge_short(std::vector<int32_t>& symbols) const {
  std::array<const Merge*, kLongPiece> merges;  // merges[i] joins symbols i and i + 1
  size_t n = symbols.size();
  for (size_t i = 0; i + 1 < n; ++i) merges[i] = find(symbols[i], symbols[i + 1]);
  while (n > 1) {
    size_t best = n;
    int32_t best_rank = std::numeric_limits<int32_t>::max();
    for (size_t i = 0; i + 1 < n; ++i) {
      if (merges[i] && merges[i]->rank < best_rank) {
        best = i;
        best_rank = merges[i]->rank;
      }
    }
    if (best == n) break;
    symbols[best] = merges[best]->id;
    std::copy(symbols.begin() + static_cast<ptrdiff_t>(best) + 2,
              symbols.begin() + static_cast<ptrdiff_t>(n),
              symbols.begin() + static_cast<ptrdiff_t>(best) + 1);
    for (size_t i = best + 1; i + 2 < n; ++i) merges[i] = merges[i + 1];
    --n;
    if (best + 1 < n) merges[best] = find(symbols[best], symbols[best + 1]);
    if (best > 0) merges[best - 1] = find(symbols[best - 1], symbols[best]);
  }
  symbols.resize(n);
}

// A linked list of symbols and a heap of candidate merges; a candidate whose symbols have changed
// since is dropped when it comes up.
void Bpe::merge_long(std::vector<int32_t>& symbols) const {
  struct Node {
    int32_t id, prev, next;
  };
  struct Candidate {
    int32_t rank, at, left, right;
    bool operator>(const Candidate& o) const { return rank != o.rank ? rank > o.rank : at > o.at; }
  };
  const auto n = static_cast<int32_t>(symbols.size());
  std::vector<Node> nodes(symbols.size());
  for (int32_t i = 0; i < n; ++i) {
    nodes[static_cast<size_t>(i)] = {symbols[static_cast<size_t>(i)], i - 1,
                                     i + 1 < n ? i + 1 : kNone};
  }
  const auto node = [&](int32_t i) -> Node& { return nodes[static_cast<size_t>(i)]; };
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> heap;
  const auto offer = [&](int32_t at) {
    if (at == kNone || node(at).next == kNone) return;
    const int32_t right = node(node(at).next).id;
    if (const Merge* m = find(node(at).id, right)) heap.push({m->rank, at, node(at).id, right});
  };
  for (int32_t i = 0; i < n; ++i) offer(i);
  while (!heap.empty()) {
    const Candidate c = heap.top();
    heap.pop();
    Node& left = node(c.at);
    if (left.id != c.left || left.next == kNone || node(left.next).id != c.right) continue;
    Node& right = node(left.next);
    left.id = find(c.left, c.right)->id;
    left.next = right.next;
    if (right.next != kNone) node(right.next).prev = c.at;
    right.id = kNone;  // its own candidates no longer match
    offer(left.prev);
    offer(c.at);
  }
  symbols.clear();
  for (int32_t i = 0; i != kNone; i = node(i).next) symbols.push_back(node(i).id);
}

}  // namespace charter::model
