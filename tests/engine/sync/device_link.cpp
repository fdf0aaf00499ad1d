#include "device_link.hpp"

#include <utility>

namespace capstan::test {

void DeviceLink::dial(std::uint64_t connection) {
    connection_ = connection;
    to_server_.clear();
    open_ = false;
}

void DeviceLink::open() {
    server_connection_ = (++dialled_ << 8) | letter_;
    server_.open(server_connection_);
    open_ = true;
}

bool DeviceLink::deliver_to_server() {
    if (!open_ || to_server_.empty()) {
        return false;
    }
    auto const message = std::move(to_server_.front());
    to_server_.pop_front();
    server_.receive(server_connection_, message);
    return true;
}

std::optional<Bytes> DeviceLink::next() {
    return open_ ? server_.next(server_connection_) : std::nullopt;
}

void DeviceLink::close() {
    while (deliver_to_server()) {
    }
    server_.close(server_connection_);
    open_ = false;
}

void DeviceLink::deliver_some() {
    for (auto rest = dice_.below(to_server_.size() + 1); rest > 0; --rest) {
        deliver_to_server();
    }
}

void DeviceLink::cut() {
    deliver_some();
    server_.close(server_connection_);
    open_ = false;
}

void DeviceLink::die() {
    deliver_some();
    if (open_) {
        server_.close(server_connection_);
    }
    dial(0);
}

}  // namespace capstan::test
