#pragma once
#include <capstan/importers.hpp>
#include <condition_variable>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "remote.hpp"

namespace capstan::cli {

/// The devices of an import: a client for each author, in memory, a few connected at a time.
///
/// A device starts with what the stream says of it (its newest event, its p), so an import needs no
/// state of its own: whoever reads the stream can go on. Its store outlives its connection.
class AuthorDevices {
  public:
    static constexpr std::size_t kConnectedMax = 32;

    AuthorDevices(Remote const& remote,
                  StreamName stream,
                  Generation generation,
                  std::map<DeviceId, importers::GitReplay::Author> const& known);

    /// A handle to publish as this device. Errors: as `Client::open`.
    Result<Stream> stream_of(DeviceId const& device);

  private:
    struct Device {
        std::shared_ptr<ClientStore> store;
        std::optional<Client> client;
        std::list<DeviceId>::iterator used;  // in `connected_`, where there is a client
    };
    std::shared_ptr<ClientStore> first_store(DeviceId const& device) const;

    Remote const& remote_;
    StreamName stream_;
    Generation generation_;
    std::map<DeviceId, importers::GitReplay::Author> const& known_;
    std::map<DeviceId, Device> devices_;
    std::list<DeviceId> connected_;  // the one used last in front
};

/// Publishes events in exactly the order of the calls, each with all before it as its past:
/// consecutive events of one device travel as runs, many of them under way; a change of device
/// waits until what came before is confirmed. Every run is guarded by the head that it follows, so
/// an event of anybody else in between is refused, not mixed in.
class OrderedPublisher {
  public:
    OrderedPublisher(AuthorDevices& devices, Seq head, Duration timeout)
        : devices_(devices), next_(head.next()), timeout_(timeout) {}

    /// Errors: why an earlier run was refused; `timed_out`.
    Result<> add(DeviceId const& device, Bytes event);
    /// All of it is confirmed.
    Result<> finish();
    void interrupt();

    std::uint64_t confirmed() const;
    std::uint64_t bytes() const { return bytes_; }

  private:
    struct Shared {
        std::mutex mutex;
        std::condition_variable changed;
        std::size_t runs_waiting = 0;
        std::uint64_t confirmed = 0;
        std::optional<Error> error;
    };
    Result<> flush();
    Result<> wait(std::size_t runs_waiting_max);

    AuthorDevices& devices_;
    Seq next_;  // where the next run's first event will stand
    Duration timeout_;
    DeviceId device_;
    std::vector<Bytes> run_;
    std::size_t run_bytes_ = 0;
    std::uint64_t bytes_ = 0;
    std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
};

}  // namespace capstan::cli
