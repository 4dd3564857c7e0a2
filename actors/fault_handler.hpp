// An exception in a handler is a fault: the actor dies, and its requester and its supervisor see
// what it was handling, at which version, and what() of the exception.
#pragma once
#include <caf/all.hpp>
#include <exception>
#include <functional>
#include <string>

namespace charter::actors {

// "Batch" for a message whose CAF name is "charter::actors::From<charter::actors::Batch>".
[[nodiscard]] std::string short_type_name(std::string name);

// The text of an error made by the fault handler, as it is; of another, as CAF prints it.
[[nodiscard]] std::string fault_text(caf::actor_system& system, const caf::error& error);

// "handling Batch at version 7: what". message: its CAF name, "" before the first one.
// where: "version 7", or "".
[[nodiscard]] caf::error make_fault(const std::string& message, const std::string& where,
                                    const std::exception_ptr& exception);

// where: asked when the actor dies, also of one that is not wholly made.
template <class Self>
void install_fault_handler(Self* self, std::function<std::string()> where = {}) {
  self->set_exception_handler([self, where = std::move(where)](
                                  caf::scheduled_actor*, std::exception_ptr& fault) -> caf::error {
    std::string message;
    if (const auto* element = self->current_mailbox_element();
        element != nullptr && element->content().size() > 0)
      message = self->system().types().portable_name(element->content().type(0));
    return make_fault(message, where ? where() : std::string(), fault);
  });
}

}  // namespace charter::actors
