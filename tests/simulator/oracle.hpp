// What must be true, told by a model that is written for obviousness: a vector of events for each
// stream, a row for each write. It hears what every part of the system says and shows, and
// compares.
#pragma once
#include <capstan/engine/sync/delivery.hpp>
#include <capstan/engine/sync/store.hpp>
#include <capstan/sdk/client.hpp>
#include <capstan/sequencer/partition.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "trace.hpp"

namespace capstan::simulator {

/// What the simulator calls a write; it stands in the write's events.
using WriteNumber = std::uint64_t;

/// What an application was told of a write, over all lives of its device.
struct Write {
    std::uint64_t device = 0;
    std::string stream;
    std::vector<std::uint64_t> hashes;  // of its events
    std::uint64_t floor = 0;            // seqs that were acknowledged before it was made
    std::uint64_t era = 0;              // of the server's history at that time
    bool stored = false;
    bool confirmed = false;
    bool refused = false;       // for good
    std::uint64_t refusal = 0;  // its ordinal among all refusals; 0 for none
    bool was_lost = false;      // by a restore of the server
    bool may_vanish = false;    // died with a process or a store that had not sent it
    bool may_double = false;    // an old image sends once more what the store that went on has sent
    bool resolved() const { return confirmed || refused; }
};

/// `STREAM seq N`, for people.
std::string where(std::string const& stream, std::uint64_t seq);

/// One event of a stream as the model has it.
struct Entry {
    Dot dot;
    WriteNumber write = 0;
    std::uint32_t index = 0;
    std::uint64_t hash = 0;
    friend bool operator==(Entry const&, Entry const&) = default;
};

struct StreamModel {
    std::vector<std::optional<Entry>> entries;    // by seq - 1; nothing: not seen yet
    std::map<WriteNumber, std::uint64_t> places;  // seq of the first event
    std::uint64_t acked = 0;                      // greatest seq that an author was told
    std::multimap<std::uint64_t, Entry> lost;     // what stood there before a restore, by seq
};

/// What an application holds of a stream, as durable as its cursor.
struct Reading {
    std::optional<std::uint64_t> next;  // seq that must come next; nothing: one of these
    std::uint64_t lowest = 1;
    std::uint64_t highest = ~std::uint64_t{0};
    std::uint64_t first = 1;  // of `hashes`
    std::vector<std::uint64_t> hashes;
    std::uint64_t head = 0;  // the greatest that it was told
    bool failed = false;
};

/// What is in an image of a device's store, and what was open then.
struct ImageFacts {
    std::set<WriteNumber> stored;
    std::set<WriteNumber> open;
};

/// Threading: one thread. Violations are thrown.
class Oracle {
  public:
    explicit Oracle(Trace& trace) : trace_(trace) {}

    // Applications.

    /// A write is made: its number, and its events.
    WriteNumber invoke(std::uint64_t device,
                       std::string const& stream,
                       std::uint64_t events,
                       std::uint64_t event_bytes,
                       std::vector<Bytes>& out);
    void on_update(WriteNumber number, WriteUpdate const& update);
    /// Of a write of an earlier life, which the SDK doesn't name: its events do, or its place.
    void on_stored_update(std::string const& stream, WriteUpdate const& update);
    void on_device_id(std::uint64_t device, DeviceId const& id) { owners_[id] = device; }
    /// Only what was restored from an image has reason to (F23).
    void on_new_device(std::uint64_t device, DeviceId const& id);

    void on_subscribed(std::uint64_t device, std::string const& stream, Reading reading);
    void on_unsubscribed(std::uint64_t device, std::string const& stream) {
        readings_.erase({device, stream});
    }
    void on_delivery(std::uint64_t device, Delivery const& delivery);
    void on_history_lost(std::uint64_t device, std::string const& stream);
    void on_reader_failed(std::uint64_t device, std::string const& stream, Error const& why);
    void on_error(Error const& error) const;

    // Devices come to an end.

    /// I12: what the application was told is stored is in the store, or at the server.
    void on_device_crash(std::uint64_t device, sync::StoreImage const& image);
    ImageFacts image_facts(std::uint64_t device) const;
    void on_image_restored(std::uint64_t device, ImageFacts const& facts);

    // The server.

    void on_moved(StreamMoved const& moved);
    /// All of a stream, as a partition reads it. `last` is its head.
    void on_read_back(std::string const& stream, std::uint64_t head);
    void on_page(std::string const& stream, Page const& page);
    /// The server is a copy of an earlier time: this is where the stream ends there.
    void on_restored(std::string const& stream, std::uint64_t head);
    /// `refusals_then`: how many writes were refused when the copy was made.
    void begin_era(std::uint64_t refusals_then);
    std::uint64_t refusals() const { return refusals_; }

    // At rest.

    bool has_read_all(std::uint64_t device, std::string const& stream) const;
    void check_at_rest() const;

    std::uint64_t head(std::string const& stream) const;
    Reading const* reading(std::uint64_t device, std::string const& stream) const;
    std::uint64_t writes() const { return writes_.size(); }
    std::uint64_t events() const;
    std::map<std::string, StreamModel> const& streams() const { return streams_; }

  private:
    static void begin_at(Reading& reading, std::uint64_t seq);
    void observe(std::string const& stream, std::uint64_t seq, Dot const& dot, ByteView event);
    bool stood_there(std::string const& stream, std::uint64_t seq, ByteView event) const;
    void place(std::string const& stream, std::uint64_t seq, Entry const& entry);
    void observe_runs(std::string const& stream, std::uint64_t first, ByteView runs);
    void check_stream(std::string const& name, StreamModel const& stream) const;
    void check_writes() const;
    void check_readings() const;
    /// The server had it, and was restored from a copy without it.
    bool is_lost(WriteNumber number, Write const& entry) const;
    Write& write(WriteNumber number);

    Trace& trace_;
    std::map<WriteNumber, Write> writes_;
    std::map<std::string, StreamModel> streams_;
    std::map<std::pair<std::uint64_t, std::string>, Reading> readings_;
    std::map<DeviceId, std::uint64_t> owners_;
    std::set<std::uint64_t> rewound_;  // devices that were restored from an image
    std::uint64_t era_ = 0;            // counts restores of the server
    std::uint64_t refusals_ = 0;
};

}  // namespace capstan::simulator
