// Jinja templates as chat templates are written: jinja2's language in the environment of
// transformers' apply_chat_template (trim_blocks, lstrip_blocks, loop controls, an immutable
// sandbox, tojson without HTML's escapes, {% generation %}). What it does not know it refuses by
// name and line. Pure: no files, no clock; steps, depth and memory are bounded.
#pragma once
#include <ctime>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/jinja/ast.hpp"
#include "model/jinja/run.hpp"

namespace charter::model::jinja {

class Template {
 public:
  // Throws InputError "chat template line N: ..." for what does not parse.
  explicit Template(std::string_view source);

  // variables: made by `make`, which is given the rendering's Run. now: what strftime_now tells;
  // null: it is undefined. Throws InputError "chat template line N: ..." for an error in Jinja's
  // sense, one that the template raises, and a bound that it exceeds. Const: several threads may
  // render at once.
  template <class Make>
  [[nodiscard]] Text render(const Make& make, const std::tm* now,
                            const Limits& limits = Limits{}) const {
    Run run(limits, now);
    return render(run, make(run));
  }

 private:
  [[nodiscard]] Text render(Run& run, std::vector<std::pair<std::string, Value>> variables) const;
  Body body_;
};

}  // namespace charter::model::jinja
