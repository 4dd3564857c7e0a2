// charter worker: one process of a run, started by its supervisor.
#include <CLI/CLI.hpp>
#include <caf/all.hpp>
#include <cstdlib>
#include <iostream>
#include <thread>
#include <zmq.hpp>

#include "actors/actor_host.hpp"
#include "actors/fault_handler.hpp"
#include "actors/link_meter.hpp"
#include "actors/node.hpp"
#include "actors/transport/zmq_link.hpp"
#include "actors/wire.hpp"
#include "cli/commands.hpp"
#include "cli/descriptor_limit.hpp"
#include "metrics/exposer.hpp"
#include "model/allocation.hpp"
#include "model/device.hpp"

namespace charter::cli {
namespace {

namespace fs = std::filesystem;

struct WorkerArguments {
  std::string run, node, phase, run_id, ipc, shared_memory, spill, data;
  int64_t lineage = 0;
  bool trains = false;
};

actors::NodeContext context_of(const WorkerArguments& a, const config::RunConfig& config,
                               std::shared_ptr<transport::Transport> transport) {
  actors::NodeContext context;
  context.paths = {a.run};
  context.config = config;
  context.data = a.data;
  context.snapshots = {a.shared_memory, a.spill};
  context.wiring.meter = std::make_shared<actors::LinkMeter>(transport, context.config.run.name);
  context.wiring.transport = std::move(transport);
  context.wiring.addresses = {.transport = context.config.machine.transport,
                              .run_id = a.run_id,
                              .ipc_directory = a.ipc,
                              .tcp_base_port = context.config.machine.tcp_base_port};
  context.wiring.counts = actors::role_counts(context.config);
  context.wiring.hello.run_id = std::stoull(a.run_id, nullptr, 16);
  context.wiring.hello.lineage = a.lineage;
  context.wiring.hello.schema_hash = actors::WireTypes::schema_hash();
  context.registry = std::make_shared<prometheus::Registry>();
  return context;
}

// The supervisor writes it there: arguments can be read by every user of the machine.
transport::RunKey read_key() {
  std::string secret;
  std::getline(std::cin, secret);
  return transport::run_key(secret);
}

// Other actors of this process may be in the middle of a computation; their work is re-issued.
[[noreturn]] void end_by(const std::string& node, const std::string& fault) {
  std::cerr << node << ": " << fault << std::endl;
  // The supervisor hears of it before the socket closes.
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  std::_Exit(1);
}

void work(const WorkerArguments& arguments) {
  if (arguments.trains) model::keep_freed_memory();
  zmq::context_t zmq_context;
  const auto config = config::load_config(fs::path(arguments.run) / "config.toml", {}, "");
  zmq_context.set(zmq::ctxopt::max_sockets, static_cast<int>(descriptors_needed(config)));
  auto transport = std::make_shared<transport::ZmqTransport>(zmq_context, read_key());
  auto context = context_of(arguments, config, transport);
  (void)model::require_device(context.config.machine.device);
  metrics::Exposer exposer(context.config.metrics.address, context.registry,
                           {{"run", context.config.run.name}, {"process", arguments.node}},
                           metrics::kWorkerPorts);
  exposer.add(context.wiring.meter);
  std::string fault;
  {
    actors::ActorHost host(context.wiring.roster, transport);
    auto& system = host.system();
    caf::scoped_actor self{system};
    auto node = system.spawn(actors::node, std::move(context), arguments.node, exposer.address());
    self->monitor(node);
    self->receive([&](const caf::down_msg& down) {
      if (down.reason) fault = actors::fault_text(system, down.reason);
    });
    if (!fault.empty()) end_by(arguments.node, fault);
  }
  transport.reset();
  // The links are closed and nothing is left to write. What remains, the metrics' server and
  // LibTorch, takes more than a second to take itself down.
  std::cout.flush();
  std::_Exit(0);
}

}  // namespace

void add_worker(CLI::App& app) {
  auto arguments = std::make_shared<WorkerArguments>();
  auto* command = app.add_subcommand("worker", "One process of a run; started by `charter run`");
  command->add_option("--run", arguments->run, "run directory")->required();
  command->add_option("--node", arguments->node, "name of this process")->required();
  command->add_option("--phase", arguments->phase, "phase it works in, for the process list")
      ->required();
  command->add_option("--lineage", arguments->lineage, "of the run")->required();
  command->add_option("--run-id", arguments->run_id, "of the run")->required();
  command->add_option("--ipc", arguments->ipc, "directory of the sockets")->required();
  command
      ->add_option("--shared-memory", arguments->shared_memory, "directory of published snapshots")
      ->required();
  command->add_option("--spill", arguments->spill, "directory of those it has no room for")
      ->required();
  command->add_option("--data", arguments->data, "directory of the authored data")->required();
  command->add_flag("--trains", arguments->trains, "a trainer is among its roles");
  command->callback([arguments] { work(*arguments); });
}

}  // namespace charter::cli
