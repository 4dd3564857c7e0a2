// A model of known opinions in place of an engine: scores requests so that the label must come out
// as sigmoid(utility(first) - utility(second)), with a position bias on top that must cancel.
#pragma once

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "feedback/judge.hpp"

namespace charter::feedback {

struct Scores {
  std::vector<double> sums;
  std::vector<std::int64_t> tokens;
};

struct ScriptedModel {
  std::map<std::string, double> utility;  // of a response
  double position_bias = 0;               // logits in favour of (A)

  // The text of option (letter) in the last question of a context.
  [[nodiscard]] static std::string option(const std::string& context, char letter) {
    const std::string mark = std::string(" (") + letter + ") [[[";
    const std::size_t begin = context.rfind(mark) + mark.size();
    return context.substr(begin, context.find("]]]", begin) - begin);
  }

  [[nodiscard]] Scores choose(const std::vector<ScoreRequest>& requests) const {
    Scores out;
    for (const ScoreRequest& request : requests) {
      const double gap = utility.at(option(request.context, 'A')) -
                         utility.at(option(request.context, 'B')) + position_bias;
      out.sums.push_back(std::log(sigmoid(request.continuation == " (A)" ? gap : -gap)));
      out.tokens.push_back(3);
    }
    return out;
  }

  // One token a byte; each token is likelier by utility nats under a good description.
  [[nodiscard]] Scores contrast(const std::vector<ScoreRequest>& requests) const {
    Scores out;
    for (const ScoreRequest& request : requests) {
      const bool good = request.context.find("harmless") != std::string::npos;
      const auto tokens = static_cast<std::int64_t>(request.continuation.size());
      const double mean = -20 + (good ? utility.at(request.continuation.substr(1)) : 0);
      out.sums.push_back(mean * static_cast<double>(tokens));
      out.tokens.push_back(tokens);
    }
    return out;
  }
};

}  // namespace charter::feedback
