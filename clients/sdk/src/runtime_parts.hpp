#pragma once
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <capstan/engine/asio/asio_executor.hpp>
#include <capstan/engine/os/system_clock.hpp>
#include <capstan/engine/os/system_random.hpp>
#include <capstan/sdk/runtime.hpp>
#include <capstan/sdk/server_url.hpp>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "websocket_transport.hpp"

namespace capstan {

struct Runtime::Parts {
    using Work = boost::asio::executor_work_guard<boost::asio::io_context::executor_type>;

    std::unique_ptr<boost::asio::io_context> own;  // none: the application's
    boost::asio::io_context& context;
    AsioExecutor loop;
    SystemClock clock;
    SystemRandom random;  // the loop's thread only
    std::optional<Work> work;
    std::thread thread;

    /// What reaches that server, believing these authorities. It lives as long as this; the files
    /// are read once. Threading: any. Errors: those of `TlsContext::client`.
    Result<Transport*> transport(ServerUrl const& url, std::string const& ca_file);

    explicit Parts(std::unique_ptr<boost::asio::io_context> made)
        : own(std::move(made)), context(*own), loop(context) {}
    explicit Parts(boost::asio::io_context& given) : context(given), loop(context) {}

  private:
    WebSocketTransport plain_{context, nullptr};
    std::mutex mutex_;
    std::map<std::string, WebSocketTransport> secure_;  // by CA file
};

}  // namespace capstan
