#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <capstan/engine/asio/asio_executor.hpp>
#include <capstan/engine/os/system_clock.hpp>
#include <capstan/engine/os/system_random.hpp>
#include <capstan/schema/error.hpp>
#include <capstan/sdk/runtime.hpp>
#include <capstan/sdk/server_url.hpp>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "websocket_transport.hpp"

namespace capstan {
namespace {

/// Sockets of an io_context: the application's, or one with a thread of its own.
class AsioWorld final : public RuntimeWorld {
  public:
    explicit AsioWorld(boost::asio::io_context& given) : context_(given), loop_(context_) {}
    explicit AsioWorld(std::unique_ptr<boost::asio::io_context> made)
        : own_(std::move(made)), context_(*own_), loop_(context_) {
        work_.emplace(context_.get_executor());
        thread_ = std::thread([this] { context_.run(); });
    }
    ~AsioWorld() override {
        if (thread_.joinable()) {
            CAPSTAN_INVARIANT(thread_.get_id() != std::this_thread::get_id(),
                              "the last client was destroyed inside a callback");
            work_.reset();
            context_.stop();
            thread_.join();
        }
    }

    Executor& loop() override { return loop_; }
    bool is_on_loop() const override { return context_.get_executor().running_in_this_thread(); }
    Clock& clock() override { return clock_; }
    Random& random() override { return random_; }
    /// The files of authorities are read once.
    Result<Transport*> transport(ServerUrl const& server, std::string const& ca_file) override {
        if (!server.secure) {
            return &plain_;
        }
        std::lock_guard const lock(mutex_);
        auto found = secure_.find(ca_file);
        if (found == secure_.end()) {
            CAPSTAN_TRY(auto tls, TlsContext::client(ca_file));
            found = secure_.try_emplace(ca_file, context_, std::move(tls)).first;
        }
        return &found->second;
    }
    std::unique_ptr<Executor> start_disk() override {
        return std::make_unique<AsioThread>("capstan-store");
    }

  private:
    using Work = boost::asio::executor_work_guard<boost::asio::io_context::executor_type>;

    std::unique_ptr<boost::asio::io_context> own_;  // none: the application's
    boost::asio::io_context& context_;
    AsioExecutor loop_;
    SystemClock clock_;
    SystemRandom random_;
    WebSocketTransport plain_{context_, nullptr};
    std::mutex mutex_;
    std::map<std::string, WebSocketTransport> secure_;  // by CA file
    std::optional<Work> work_;
    std::thread thread_;
};

}  // namespace

Runtime::Runtime(std::unique_ptr<RuntimeWorld> world) : world_(std::move(world)) {}

std::shared_ptr<Runtime> Runtime::start() {
    return in(std::make_unique<AsioWorld>(std::make_unique<boost::asio::io_context>(1)));
}

std::shared_ptr<Runtime> Runtime::on(boost::asio::io_context& context) {
    return in(std::make_unique<AsioWorld>(context));
}

std::shared_ptr<Runtime> Runtime::in(std::unique_ptr<RuntimeWorld> world) {
    return std::shared_ptr<Runtime>(new Runtime(std::move(world)));
}

Runtime::~Runtime() = default;

}  // namespace capstan
