#include <capstan/schema/error.hpp>

#include "runtime_parts.hpp"

namespace capstan {

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
