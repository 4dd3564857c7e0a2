// An exception in a handler is a fault: the actor dies, and what() reaches its requester and its
// supervisor.
#pragma once
#include <caf/all.hpp>
#include <exception>
#include <string>

namespace charter::actors {

template <class Self>
void install_fault_handler(Self* self) {
  self->set_exception_handler([](caf::scheduled_actor*, std::exception_ptr& fault) -> caf::error {
    try {
      std::rethrow_exception(fault);
    } catch (const std::exception& e) {
      return caf::make_error(caf::sec::runtime_error, std::string(e.what()));
    }
  });
}

}  // namespace charter::actors
