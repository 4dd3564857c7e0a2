#include "model/jinja/template.hpp"

#include "model/jinja/evaluator.hpp"
#include "model/jinja/parser.hpp"

namespace charter::model::jinja {

Template::Template(std::string_view source) : body_(parse(source)) {}

Text Template::render(Run& run, std::vector<std::pair<std::string, Value>> variables) const {
  const auto globals = std::make_shared<Scope>(nullptr);
  for (auto& [name, value] : variables) globals->set(name, std::move(value));
  return Evaluator(run, globals).render(body_);
}

}  // namespace charter::model::jinja
