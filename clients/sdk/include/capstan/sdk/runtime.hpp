#pragma once
#include <capstan/engine/runtime/clock.hpp>
#include <capstan/engine/runtime/executor.hpp>
#include <capstan/engine/runtime/random.hpp>
#include <capstan/engine/runtime/transport.hpp>
#include <capstan/schema/error.hpp>
#include <memory>
#include <string>

namespace boost::asio {
class io_context;
}

namespace capstan {

struct ServerUrl;

/// What clients live on: a loop, clocks, ways to a server. The SDK's own is a thread with sockets;
/// `capstan::testing` has another one, on virtual time.
class RuntimeWorld {
  public:
    virtual ~RuntimeWorld() = default;
    /// Runs everything of the clients, and the application's callbacks.
    virtual Executor& loop() = 0;
    /// The caller may use what belongs to the loop. Threading: any.
    virtual bool is_on_loop() const = 0;
    virtual Clock& clock() = 0;
    virtual Random& random() = 0;  // the loop's
    /// What reaches that server, believing these authorities (a PEM file; empty: the system's). It
    /// lives as long as this. Threading: any. Errors: `config_invalid`, `tls_failed`.
    virtual Result<Transport*> transport(ServerUrl const& server, std::string const& ca_file) = 0;
    /// Where a store is written that may wait for a disk. Destroying it runs what was posted, or
    /// forgets it where the world is one that ends.
    virtual std::unique_ptr<Executor> start_disk() = 0;
};

/// Where clients live: one thread that runs their sockets, their timers and the application's
/// callbacks. Any number of clients share one.
/// Lifetime: clients hold it; the last one to go may not be destroyed inside a callback.
class Runtime {
  public:
    /// With a thread of its own.
    static std::shared_ptr<Runtime> start();
    /// On the application's io_context, which one thread runs and which outlives the runtime.
    static std::shared_ptr<Runtime> on(boost::asio::io_context& context);
    /// In another world.
    static std::shared_ptr<Runtime> in(std::unique_ptr<RuntimeWorld> world);
    ~Runtime();
    Runtime(Runtime const&) = delete;
    Runtime& operator=(Runtime const&) = delete;

    RuntimeWorld& world() { return *world_; }  // for the SDK itself

  private:
    explicit Runtime(std::unique_ptr<RuntimeWorld> world);
    std::unique_ptr<RuntimeWorld> world_;
};

}  // namespace capstan
