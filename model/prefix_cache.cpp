#include "model/prefix_cache.hpp"

#include <algorithm>

namespace charter::model {
namespace {

// Tokens a waiting request must gain: below it, waiting a step costs more than computing them
// again.
constexpr int64_t kWorthWaiting = 16;

int64_t common(std::span<const int32_t> a, std::span<const int32_t> b) {
  const auto n = std::min(a.size(), b.size());
  return std::mismatch(a.begin(), a.begin() + static_cast<int64_t>(n), b.begin()).first - a.begin();
}

// The least recently used leaf nobody is computing, or null.
PrefixCache::Node* oldest_leaf(PrefixCache::Node& node) {
  PrefixCache::Node* best = nullptr;
  for (const auto& child : node.children) {
    PrefixCache::Node* candidate =
        child->children.empty() ? (child->finished ? child.get() : nullptr) : oldest_leaf(*child);
    if (candidate != nullptr && (best == nullptr || candidate->used < best->used)) best = candidate;
  }
  return best;
}

}  // namespace

PrefixCache::PrefixCache(KvCache& kv, int64_t max_bytes)
    : kv_(kv), max_bytes_(max_bytes), root_(std::make_shared<Node>()) {}

PrefixCache::~PrefixCache() { clear(); }

PrefixCache::Match PrefixCache::find(std::span<const int32_t> tokens) {
  Match match;
  match.last = root_;
  ++clock_;
  for (;;) {
    const auto rest = tokens.subspan(match.blocks.size() * kKvBlockTokens);
    NodePtr best;
    int64_t best_ready = 0, best_agreed = 0;
    for (const auto& child : match.last->children) {
      const int64_t agreed = common(rest, child->tokens), ready = std::min(agreed, child->ready);
      if (agreed > best_agreed) best_agreed = agreed;
      if (ready > best_ready) {
        best_ready = ready;
        best = child;
      }
    }
    const bool more_to_come =
        best_agreed - best_ready >= kWorthWaiting &&
        std::any_of(
            match.last->children.begin(), match.last->children.end(), [&](const NodePtr& child) {
              return !child->finished && common(rest, child->tokens) - best_ready >= kWorthWaiting;
            });
    if (more_to_come) {
      match.pending = true;
      break;
    }
    if (best != nullptr) best->used = clock_;
    if (best_ready == kKvBlockTokens) {
      match.blocks.push_back(best->block);
      match.last = best;
      continue;
    }
    if (best_ready > 0) {
      match.partial_block = best->block;
      match.partial_tokens = best_ready;
    }
    break;
  }
  if (match.pending) return Match{{}, root_, -1, 0, true};
  for (const int32_t block : match.blocks) kv_.retain(block);
  if (match.partial_block >= 0) kv_.retain(match.partial_block);
  return match;
}

PrefixCache::NodePtr PrefixCache::enter(const NodePtr& parent, std::span<const int32_t> tokens,
                                        int32_t block) {
  if (parent == nullptr || !parent->alive) return nullptr;
  parent->used = ++clock_;
  if (!make_room() || !parent->alive) return nullptr;
  auto node = std::make_shared<Node>();
  node->tokens.assign(tokens.begin(), tokens.end());
  node->block = block;
  node->used = clock_;
  node->parent = parent.get();
  kv_.retain(block);
  parent->children.push_back(node);
  ++nodes_;
  return node;
}

void PrefixCache::set_ready(const NodePtr& node, int64_t tokens, bool finished) {
  if (node == nullptr || !node->alive) return;
  node->ready = std::clamp<int64_t>(tokens, 0, static_cast<int64_t>(node->tokens.size()));
  node->finished = node->finished || finished;
  if (finished && node->ready == 0) drop(*node);
}

bool PrefixCache::make_room() {
  while ((nodes_ + 1) * kv_.block_bytes() > max_bytes_) {
    Node* oldest = oldest_leaf(*root_);
    if (oldest == nullptr) return false;
    drop(*oldest);
  }
  return true;
}

void PrefixCache::drop(Node& node) {
  for (const auto& child : std::vector<NodePtr>(node.children)) drop(*child);
  kv_.release(node.block);
  --nodes_;
  node.alive = false;
  auto& siblings = node.parent->children;
  siblings.erase(std::find_if(siblings.begin(), siblings.end(),
                              [&](const NodePtr& other) { return other.get() == &node; }));
}

void PrefixCache::clear() {
  for (const auto& child : std::vector<NodePtr>(root_->children)) drop(*child);
}

int64_t PrefixCache::bytes() const { return nodes_ * kv_.block_bytes(); }

}  // namespace charter::model
