#include "admin_port.hpp"

namespace capstan {

Result<std::unique_ptr<AdminPort>> AdminPort::open(ListenerOptions const& options,
                                                   Metrics& metrics,
                                                   Clock& clock) {
    std::unique_ptr<AdminPort> port(new AdminPort(metrics, clock));
    CAPSTAN_TRY(port->listener_,
                Listener::open(port->context_, options, clock, port->pages_, nullptr));
    port->tick();
    port->thread_ = std::thread([raw = port.get()] { raw->context_.run(); });
    return port;
}

void AdminPort::tick() {
    listener_->on_tick(clock_.now());
    metrics_.set(Metric::connections, static_cast<double>(listener_->counters().open), "admin");
    tick_ = strand_.after(std::chrono::seconds(1), [this] { tick(); });
}

void AdminPort::close() {
    if (!thread_.joinable()) {
        return;
    }
    strand_.post([this] {
        tick_.reset();
        listener_->close();
        context_.stop();
    });
    thread_.join();
}

}  // namespace capstan
