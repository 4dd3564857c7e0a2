#include "model/jinja/call.hpp"

#include <algorithm>

namespace charter::model::jinja {

Bound::Bound(Run& run, std::string what, const Args& args,
             std::initializer_list<std::string_view> names)
    : run_(&run), what_(std::move(what)), names_(names), values_(names.size(), nullptr) {
  if (args.positional.size() > names.size())
    fail(std::to_string(args.positional.size()) + " arguments, expected at most " +
         std::to_string(names.size()));
  for (size_t i = 0; i < args.positional.size(); ++i) values_[i] = &args.positional[i];
  for (const auto& [name, value] : args.named) {
    const auto at = std::find(names_.begin(), names_.end(), name);
    if (at == names_.end()) fail("unknown argument '" + name + "'");
    values_[static_cast<size_t>(at - names_.begin())] = &value;
  }
}

const Value& Bound::need(size_t i) const {
  if (values_[i] == nullptr) fail("argument '" + std::string(names_[i]) + "' is missing");
  return *values_[i];
}

bool Bound::flag(size_t i, bool fallback) const {
  return values_[i] == nullptr ? fallback : truthy(*values_[i]);
}

int64_t Bound::integer(size_t i, int64_t fallback) const {
  if (values_[i] == nullptr) return fallback;
  int64_t out = 0;
  if (!as_integer(*values_[i], out))
    run_->refuse(*values_[i],
                 what_ + ": argument '" + std::string(names_[i]) + "': expected an integer");
  return out;
}

const Text& Bound::text(size_t i) const {
  const Text* text = as_text(need(i));
  if (text == nullptr)
    run_->refuse(need(i), what_ + ": argument '" + std::string(names_[i]) + "': expected a string");
  return *text;
}

const Text* Bound::optional_text(size_t i) const {
  return values_[i] == nullptr || is_none(*values_[i]) ? nullptr : &text(i);
}

}  // namespace charter::model::jinja
