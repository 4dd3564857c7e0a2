// Finds added tokens in a text before BPE sees it.
#pragma once
#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/tokenizer_spec.hpp"

namespace charter::model {

// The added tokens of one kind, found leftmost and then longest.
class AddedMatcher {
 public:
  // `text`: what is matched, not empty: the token's own, normalized perhaps.
  void add(const AddedToken& token, std::string text) {
    auto& bucket = by_first_[static_cast<uint8_t>(text[0])];
    bucket.push_back({token.id, std::move(text), token.special});
  }
  void finish() {
    for (auto& bucket : by_first_) {
      std::stable_sort(bucket.begin(), bucket.end(), [](const Entry& a, const Entry& b) {
        return a.text.size() > b.text.size();
      });
    }
  }
  // Calls `text` and `token` on the stretches between tokens and on the tokens, in order.
  void split(std::string_view all, bool parse_special,
             const std::function<void(std::string_view)>& text,
             const std::function<void(int32_t)>& token) const {
    size_t done = 0;
    for (size_t i = 0; i < all.size();) {
      const Entry* found = match(all.substr(i), parse_special);
      if (!found) {
        ++i;
        continue;
      }
      if (i > done) text(all.substr(done, i - done));
      token(found->id);
      i += found->text.size();
      done = i;
    }
    if (done < all.size()) text(all.substr(done));
  }

 private:
  struct Entry {
    int32_t id;
    std::string text;
    bool special;
  };
  [[nodiscard]] const Entry* match(std::string_view text, bool parse_special) const {
    for (const auto& t : by_first_[static_cast<uint8_t>(text[0])]) {
      if ((parse_special || !t.special) && text.starts_with(t.text)) return &t;
    }
    return nullptr;
  }
  std::array<std::vector<Entry>, 256> by_first_;
};

}  // namespace charter::model
