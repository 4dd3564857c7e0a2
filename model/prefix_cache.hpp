// Prompt prefixes whose keys and values are kept: a tree whose edges are runs of up to 64 tokens,
// each with its KV block. Complete blocks are shared by reference; of a block that only agrees in
// part, the agreeing tokens are copied. A prefix is entered when its computation starts, so that
// requests that arrive together wait for it and compute it once. Entries are of one weight version:
// the owner clears the tree when the weights change. Used by one thread.
#pragma once
#include <cstdint>
#include <list>
#include <memory>
#include <span>
#include <vector>

#include "model/kv_cache.hpp"

namespace charter::model {

class PrefixCache {
 public:
  struct Node;
  using NodePtr = std::shared_ptr<Node>;

  // A found prefix. Blocks carry a reference for the caller.
  struct Match {
    std::vector<int32_t> blocks;  // complete ones, shared
    NodePtr last;                 // tree position after them (the root when none)
    int32_t partial_block = -1;   // copy the first partial_tokens of it, then release it; -1: none
    int64_t partial_tokens = 0;
    bool pending = false;  // a running computation will offer more of this prompt: better wait
    [[nodiscard]] int64_t tokens() const {
      return static_cast<int64_t>(blocks.size()) * kKvBlockTokens + partial_tokens;
    }
  };

  // max_bytes bounds the blocks the tree refers to.
  PrefixCache(KvCache& kv, int64_t max_bytes);
  ~PrefixCache();
  PrefixCache(const PrefixCache&) = delete;
  PrefixCache& operator=(const PrefixCache&) = delete;

  // Longest known prefix of `tokens`. When `pending` is set nothing is referenced.
  [[nodiscard]] Match find(std::span<const int32_t> tokens);

  // Enters a block about to be computed under `parent` (from a Match, or the node before it):
  // `tokens` are its tokens, at most 64. Null when there is no room.
  [[nodiscard]] NodePtr enter(const NodePtr& parent, std::span<const int32_t> tokens,
                              int32_t block);
  // The first `tokens` tokens of the node are computed; `finished`: nobody will compute more.
  void set_ready(const NodePtr& node, int64_t tokens, bool finished);

  void clear();  // forgets everything; nodes still held by callers are dead
  [[nodiscard]] int64_t bytes() const;

 private:
  bool make_room();
  void drop(Node& node);

  KvCache& kv_;
  int64_t max_bytes_;
  int64_t nodes_ = 0;
  uint64_t clock_ = 0;
  NodePtr root_;
};

struct PrefixCache::Node {
  std::vector<int32_t> tokens;
  int32_t block = -1;
  int64_t ready = 0;      // tokens computed so far
  bool finished = false;  // its owner is done with it
  bool alive = true;      // still in the tree
  uint64_t used = 0;
  Node* parent = nullptr;
  std::vector<NodePtr> children;
};

}  // namespace charter::model
