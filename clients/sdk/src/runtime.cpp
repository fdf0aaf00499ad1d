#include <capstan/schema/error.hpp>

#include "runtime_parts.hpp"

namespace capstan {

Result<Transport*> Runtime::Parts::transport(ServerUrl const& url, std::string const& ca_file) {
    if (!url.secure) {
        return &plain_;
    }
    std::lock_guard const lock(mutex_);
    auto found = secure_.find(ca_file);
    if (found == secure_.end()) {
        CAPSTAN_TRY(auto tls, TlsContext::client(ca_file));
        found = secure_.try_emplace(ca_file, context, std::move(tls)).first;
    }
    return &found->second;
}

Runtime::Runtime(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

std::shared_ptr<Runtime> Runtime::start() {
    auto parts = std::make_unique<Parts>(std::make_unique<boost::asio::io_context>(1));
    parts->work.emplace(parts->context.get_executor());
    parts->thread = std::thread([&context = parts->context] { context.run(); });
    return std::shared_ptr<Runtime>(new Runtime(std::move(parts)));
}

std::shared_ptr<Runtime> Runtime::on(boost::asio::io_context& context) {
    return std::shared_ptr<Runtime>(new Runtime(std::make_unique<Parts>(context)));
}

Runtime::~Runtime() {
    if (parts_->thread.joinable()) {
        CAPSTAN_INVARIANT(parts_->thread.get_id() != std::this_thread::get_id(),
                          "the last client was destroyed inside a callback");
        parts_->work.reset();
        parts_->context.stop();
        parts_->thread.join();
    }
}

}  // namespace capstan
