// How a device for tests reaches its server: one connection at a time, whose messages to the server
// wait until they are brought there, and may get lost with it.
#pragma once
#include <capstan/schema/bytes.hpp>
#include <cstdint>
#include <deque>
#include <optional>

#include "dice.hpp"
#include "test_server.hpp"

namespace capstan::test {

class DeviceLink {
  public:
    /// `letter` tells the device's connections from those of others.
    DeviceLink(TestServer& server, Dice& dice, char letter)
        : server_(server), dice_(dice), letter_(static_cast<unsigned char>(letter)) {}

    /// The device dials: what was under way on the connection before is gone.
    void dial(std::uint64_t connection);
    bool is_dialling() const { return connection_ != 0 && !open_; }
    /// The server takes the call.
    void open();
    bool is_open() const { return open_; }
    /// The client's number of it; 0: none.
    std::uint64_t connection() const { return connection_; }

    void send(Bytes message) { to_server_.push_back(std::move(message)); }
    /// Brings one message there. False: there is none.
    bool deliver_to_server();
    /// What the server says next.
    std::optional<Bytes> next();

    /// Once all that was sent is there.
    void close();
    /// Some of what was sent still gets there.
    void cut();
    /// The same, with the device.
    void die();

  private:
    void deliver_some();

    TestServer& server_;
    Dice& dice_;
    std::uint64_t letter_;
    std::uint64_t connection_ = 0;
    std::uint64_t server_connection_ = 0;
    std::uint64_t dialled_ = 0;
    bool open_ = false;
    std::deque<Bytes> to_server_;
};

}  // namespace capstan::test
