#pragma once
#include <capstan/engine/runtime/clock.hpp>
#include <capstan/schema/bytes.hpp>
#include <capstan/sdk/client.hpp>
#include <capstan/sdk/model_stream.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <string>

namespace capstan::testing {

/// What a store holds: to look into, or to put back later.
using StoreImage = std::map<Bytes, Bytes>;

/// A machine with a store, and an application's client on it. Made by `World::add_device`.
/// Threading: the world's thread; not inside a callback of its own client.
class Device {
  public:
    ~Device();
    Device(Device const&) = delete;
    Device& operator=(Device const&) = delete;

    std::string const& name() const;

    // The application's process.

    /// Starts it: a client on what the store holds. Handlers are the application's.
    Client& open(ClientHandlers handlers = {}, ClientOptions options = {});
    /// Precondition: `is_open`.
    Client& client();
    bool is_open() const;
    /// The process dies here and now; what is stored stays. Handles of its client say `cancelled`.
    void kill();
    /// The machine dies: no connection is ended, and the server waits for a sign of life.
    void lose_power();

    // Its network. What is sent while it is cut off comes late, or ends with its connection.

    /// Nothing passes until it is healed.
    void partition();
    /// The server hears it, and it hears nothing; or the other way round.
    void partition_down();
    void partition_up();
    void heal();
    /// Nothing passes for so long, hours or weeks; then the network is there again by itself. Time
    /// passes by the world's calls.
    void offline(Duration lasting);
    /// Each message takes so much longer for a while.
    void slow_down(Duration more, Duration lasting);
    /// Its connections break, and both ends learn it.
    void reset_connections();

    // Its store and its clock.

    StoreImage image() const;
    /// The store is set back to an image, as from a backup. Precondition: not open.
    void restore(StoreImage image);
    /// The wall clock jumps. Nothing that Capstan decides depends on it.
    void jump_clock(std::chrono::seconds by);

    /// What of its writes the server has not confirmed or refused yet, and whether it has read all
    /// that it follows. Empty if nothing is left.
    std::string what_is_left() const;

    struct Parts;
    explicit Device(std::unique_ptr<Parts> parts);  // for World

  private:
    std::unique_ptr<Parts> parts_;
};

}  // namespace capstan::testing
