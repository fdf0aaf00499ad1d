#pragma once
#include <capstan/engine/runtime/clock.hpp>
#include <capstan/engine/runtime/executor.hpp>
#include <capstan/schema/error.hpp>
#include <capstan/server/net/http_service.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace boost::asio {
class io_context;
}

namespace capstan {

struct NetOptions {
    std::size_t connections_max = 20'000;
    std::uint64_t accepts_per_second = 2'000;
    Duration write = std::chrono::seconds(10);  // without progress
    Duration tick = std::chrono::milliseconds(250);
};

/// One listening address and its connections, all on the thread that runs the io_context.
///
/// Accepting pauses at `connections_max`, above the rate, and when descriptors run out; who waits
/// is in the kernel's queue. What a connection writes is pulled when its socket takes it. An idle
/// connection has a read buffer of 1 KiB and nothing else; large reads share one buffer.
/// Lifetime: `services`, `clock` and the context outlive the server.
class NetServer {
  public:
    static std::unique_ptr<NetServer> make(boost::asio::io_context& context,
                                           Executor& strand,
                                           NetOptions const& options,
                                           NetServices& services);
    virtual ~NetServer() = default;

    /// Binds and accepts. `host` is an address or a name; port 0 picks one.
    /// Errors: `port_taken`, `config_invalid` (an address that is not ours).
    virtual Result<> listen(std::string const& host, std::uint16_t port) = 0;
    virtual std::uint16_t port() const = 0;

    /// No new connections; those that are open go on.
    virtual void stop_accepting() = 0;
    /// Closes all connections at once.
    virtual void close_all() = 0;

    struct Open {
        std::size_t http = 0;
        std::size_t web_socket = 0;
    };
    virtual Open open_connections() const = 0;
};

/// How many connections leave `reserved` descriptors free under the process's limit, at most
/// `wanted`. Raises the soft limit to the hard one first.
std::size_t connections_allowed(std::size_t wanted, std::size_t reserved);

}  // namespace capstan
