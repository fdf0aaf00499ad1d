#pragma once
#include <memory>

namespace boost::asio {
class io_context;
}

namespace capstan {

/// Where clients live: one thread that runs their sockets, their timers and the application's
/// callbacks. Any number of clients share one.
/// Lifetime: clients hold it; the last one to go may not be destroyed inside a callback.
class Runtime {
  public:
    /// With a thread of its own.
    static std::shared_ptr<Runtime> start();
    /// On the application's io_context, which one thread runs and which outlives the runtime.
    static std::shared_ptr<Runtime> on(boost::asio::io_context& context);
    ~Runtime();
    Runtime(Runtime const&) = delete;
    Runtime& operator=(Runtime const&) = delete;

    struct Parts;
    Parts& parts() { return *parts_; }  // for the SDK itself

  private:
    explicit Runtime(std::unique_ptr<Parts> parts);
    std::unique_ptr<Parts> parts_;
};

}  // namespace capstan
