#include "actors/fault_handler.hpp"

namespace charter::actors {

std::string short_type_name(std::string name) {
  constexpr std::string_view kOwn = "charter::";
  for (size_t at; (at = name.find(kOwn)) != std::string::npos;) {
    size_t end = at + kOwn.size();  // and the namespaces within it
    for (size_t next; (next = name.find("::", end)) != std::string::npos &&
                      name.find_first_of("<>", end) > next;)
      end = next + 2;
    name.erase(at, end - at);
  }
  constexpr std::string_view kFrom = "From<";
  if (name.starts_with(kFrom) && name.ends_with(">"))
    name = name.substr(kFrom.size(), name.size() - kFrom.size() - 1);
  return name;
}

std::string fault_text(caf::actor_system& system, const caf::error& error) {
  if (error == caf::sec::runtime_error && error.context().match_elements<std::string>())
    return error.context().get_as<std::string>(0);
  return system.render(error);
}

caf::error make_fault(const std::string& message, const std::string& where,
                      const std::exception_ptr& exception) {
  std::string text =
      message.empty() ? std::string("starting") : "handling " + short_type_name(message);
  if (!where.empty()) text += " at " + where;
  try {
    std::rethrow_exception(exception);
  } catch (const std::exception& e) {
    text += std::string(": ") + e.what();
  } catch (...) {
    text += ": an exception without a text";
  }
  return caf::make_error(caf::sec::runtime_error, std::move(text));
}

}  // namespace charter::actors
