#pragma once
#include <capstan/engine/sync/delivery.hpp>
#include <capstan/engine/sync/effects.hpp>
#include <capstan/engine/sync/outbox.hpp>
#include <capstan/engine/sync/subscription.hpp>
#include <capstan/schema/error.hpp>
#include <capstan/schema/event.hpp>
#include <capstan/schema/ids.hpp>
#include <capstan/sdk/runtime.hpp>
#include <capstan/sdk/store.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <vector>

namespace capstan {

// The words of the engine that applications use.
using sync::DeliveredEvent;  // one of them
using sync::Delivery;        // whole runs of events, verified and in order
using sync::PublishOptions;  // what the author had seen; the guard
using sync::ReadFrom;        // where reading begins
using sync::Status;          // how a client stands to its server
using sync::WriteState;      // queued, stored, sent, confirmed, refused

class ModelStream;
class Shell;

struct ClientOptions {
    /// One address, or those of several nodes of a cluster, separated by commas: the client begins
    /// at any of them and goes on at the next where one fails. None answers with less than any
    /// other has.
    std::string url = "http://127.0.0.1:7411";
    std::string token;
    std::string ca_file;  // PEM: the authorities to believe, for https and wss; empty: the system's
    /// A folder for the device's id, cursors and outbox; empty: in memory, and the device is gone
    /// with the client.
    std::string store;
    std::string agent = "capstan-cpp";          // for the server's log
    std::size_t outbox_bytes_max = 64 << 20;    // then publishing is `overloaded`
    std::uint32_t credit_bytes = 4 << 20;       // of events that wait for the application
    bool snapshots = true;                      // models that are far behind begin with one
    std::shared_ptr<Runtime> runtime;           // none: one of its own
    std::unique_ptr<ClientStore> custom_store;  // instead of `store`
};

/// The first line of a file, as a token. Errors: `disk_io` (no such file).
Result<std::string> token_file(std::string const& path);

/// What has become of a write. `error` says why it was refused; a provisional refusal may still
/// become `confirmed`. A final refusal is told again at each opening of the store until a handler
/// has heard it and returned; what the handler publishes instead is stored together with that.
struct WriteUpdate {
    WriteState state = WriteState::queued;
    Seq first;  // confirmed: where its events stand; 0 where nobody tells
    Seq last;
    std::optional<Error> error;
    bool provisional = false;
    std::vector<Bytes> events;  // of a final refusal: for their author to look at again

    bool is_final() const {
        return state == WriteState::confirmed || (state == WriteState::refused && !provisional);
    }
};
using OnWrite = std::function<void(WriteUpdate const&)>;

/// Where the events of a write stand in their stream.
struct Published {
    Seq first;
    Seq last;
};

/// What a subscriber hears. All but `on_events` may be left out.
struct SubscriptionHandlers {
    /// The events count as consumed, and the cursor moves, when this returns; with
    /// `consumes_itself` when the application says so.
    std::function<void(Delivery&&)> on_events;
    bool consumes_itself = false;
    /// first..last (inclusive) is not sent; fb::HoleWhy tells why.
    std::function<void(Seq first, Seq last, std::uint8_t why)> on_hole;
    /// The history held so far is not the server's: forget it, events from 1 follow.
    std::function<void(Generation now)> on_history_lost;
    /// This stream is denied or cannot be trusted; nothing more comes.
    std::function<void(Error const&)> on_error;
};

/// What concerns the client as a whole. All may be left out.
struct ClientHandlers {
    std::function<void(Status, Error const& why)> on_status;  // why: an empty detail where none is
    /// A write of an earlier life, found in the store, has moved. Without this handler refused ones
    /// stay there.
    std::function<void(std::string const& stream, WriteUpdate const&)> on_stored_write;
    /// The store was an old copy: the client goes on as a new device.
    std::function<void(DeviceId const& before, DeviceId const& now)> on_new_device;
    std::function<void(Error const&)> on_trouble;
};

/// One stream, as its client sees it. A handle: copied freely; calls after the client has gone do
/// nothing but report `cancelled`.
/// Threading: any thread. Handlers run on the runtime's thread and do not block it for long.
class Stream {
  public:
    StreamName const& name() const { return name_; }

    /// Publishes events that stay together and reach the stream once, in the order of calls, or are
    /// refused as a whole. `on_write` hears of each state. From `stored` on they survive a crash of
    /// this process, if the client has a store on disk: its next life sends them.
    /// Shape: 1..kRunEventsMax encoded events. Refused: as the catalogue's 12xx, `too_large`,
    /// `overloaded` (outbox full), `storage_failed`, `cancelled`.
    void publish(std::vector<Bytes> events, PublishOptions options, OnWrite on_write) const;
    std::future<Result<Published>> publish(std::vector<Event> const& events,
                                           PublishOptions options = {}) const;

    /// Every event from a place on: each once, in order, gaps filled and hashes checked. What comes
    /// after the head at that time follows as it happens. One subscription a stream: a second one
    /// takes the first one's place.
    void subscribe(ReadFrom from, SubscriptionHandlers handlers) const;
    void unsubscribe() const;
    /// With `consumes_itself`: 1..seq is where the application wants it. The server sends more in
    /// exchange, and a client with a store goes on behind it next time.
    void consumed(Seq seq) const;

  private:
    friend class Client;
    Stream(StreamName name, std::weak_ptr<Shell> shell, std::shared_ptr<Runtime> runtime)
        : name_(std::move(name)), shell_(std::move(shell)), runtime_(std::move(runtime)) {}
    StreamName name_;
    std::weak_ptr<Shell> shell_;
    std::shared_ptr<Runtime> runtime_;
};

/// A device: its connection, its outbox, its cursors. It connects, comes back after failures and
/// sends what is in its outbox, by itself.
///
///     auto client = Client::open({.url = "http://127.0.0.1:7411", .store = "app.capstan"});
///     auto room = client.value().stream("acme/room/42").value();
///     auto done = room.publish({to_event(Body{.content = "hi"})});
///     if (auto const result = done.get()) { … result.value().last … }
///
/// Threading: any thread, but not inside its own handlers where a call waits. Movable.
class Client {
  public:
    /// Opens the store and starts to connect; a server that cannot be reached is no error here.
    /// Errors: `request_invalid` (the URL), `config_invalid` (the CA file), those of
    /// `open_disk_store`, `malformed` (the store).
    static Result<Client> open(ClientOptions options, ClientHandlers handlers = {});
    Client(Client&&) noexcept;
    Client& operator=(Client&&) noexcept;
    /// Stops and waits for the store. What is in the outbox stays there.
    ~Client();
    /// The same without waiting, for those who have many to stop: done when the future is ready.
    /// Lifetime: the runtime outlives that.
    std::future<void> stop() &&;

    /// Errors: `stream_name_invalid`.
    Result<Stream> stream(std::string_view name) const;
    Stream stream(StreamName name) const;

    /// A stream as a model: read from the store, and followed from now on (model_stream.hpp).
    /// Errors: `stream_name_invalid`, those of the store, `cancelled`.
    Result<ModelStream> model(std::string_view name) const;

    /// Who this is to others; changes only when `on_new_device` says so.
    DeviceId device() const;
    Status status() const;
    /// A new token, used from the next connection on.
    void set_token(std::string token);
    /// Connects at once, where it would wait: there is a network again, or a user without patience.
    void retry();
    /// What the client has been doing, a line a transition.
    std::string transitions() const;
    std::shared_ptr<Runtime> const& runtime() const;

  private:
    struct Parts;
    explicit Client(std::unique_ptr<Parts> parts);
    std::unique_ptr<Parts> parts_;
};

}  // namespace capstan
