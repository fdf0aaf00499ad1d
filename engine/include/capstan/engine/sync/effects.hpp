#pragma once
#include <capstan/engine/runtime/clock.hpp>
#include <capstan/engine/sync/delivery.hpp>
#include <capstan/engine/sync/snapshot_intake.hpp>
#include <capstan/schema/bytes.hpp>
#include <capstan/schema/error.hpp>
#include <capstan/schema/ids.hpp>
#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

/// The device's side of the protocol, without I/O: inputs are calls, outputs are effects for a
/// shell to carry out. Source: docs/protocol.md.
namespace capstan::sync {

/// Names one publish call in its store, for ever. Later calls have greater ids.
struct MutationId {
    std::uint64_t value = 0;
    friend auto operator<=>(MutationId, MutationId) = default;
};

/// What has become of a write. `queued` is what publish returns with.
enum class WriteState : std::uint8_t { queued, stored, sent, confirmed, refused };

/// How the client stands to its server.
enum class Status : std::uint8_t {
    offline,      // not connected; waits to try again
    connecting,   // a connection is being made or greeted
    catching_up,  // connected; events that were missed are on their way
    live,         // connected; all that is subscribed has reached the head it had at `Welcome`
    needs_auth,   // the server refuses the token; waits for another one
    blocked,      // the server refuses this client; waits for a person
    stopped,      // asked to stop, or the store failed
};

/// A change of one record of the client's store: a new value, or none to erase it.
struct Write {
    Bytes key;
    std::optional<Bytes> value;
    friend bool operator==(Write const&, Write const&) = default;
};

/// Make a connection. What happens on it is told with its number; numbers are never used again.
struct Connect {
    std::uint64_t connection = 0;
};

/// Send one WebSocket message.
struct Send {
    std::uint64_t connection = 0;
    Bytes message;
};

/// Close the connection once what was sent before has left. Nothing on it is heard from here on.
struct Close {
    std::uint64_t connection = 0;
    Error why;
};

/// A write reached a state. A provisional refusal is not yet final: a copy of the write may have
/// gone another way, and `confirmed` may still follow. A final one stays in the store until the
/// application discards it; `events` are what was refused, so that their author can look again.
struct WriteMoved {
    std::string stream;
    MutationId mutation;
    WriteState state = WriteState::queued;
    /// Confirmed: where its events stand; 0 where nobody tells. Of coalesced writes: where that
    /// stands which they came to; 0 also where later ones took them back before anything was sent.
    Seq first;
    Seq last;
    /// Confirmed: the device's last event of the run that it went with; none where nothing was
    /// sent.
    Link link;
    std::uint16_t code = 0;  // refused: the catalogued reason
    std::string detail;      // refused: values behind the reason
    bool provisional = false;
    std::vector<Bytes> events;
};

/// The server declares that first..last (inclusive) is not sent; delivery goes on behind it.
struct HoleDeclared {
    std::string stream;
    Seq first;
    Seq last;
    std::uint8_t why = 0;       // fb::HoleWhy
    std::uint32_t history = 0;  // as in `Delivery`
};

/// The model of the stream at one seq, in place of the events up to there, or what changed in it
/// since the events that were delivered; delivery goes on behind it.
struct SnapshotArrived {
    std::string stream;
    Seq seq;
    std::shared_ptr<TakenSnapshot const> snapshot;  // one of the two
    std::shared_ptr<FoldedDelta const> delta;
    std::vector<ChunkId> stored;  // chunks that have records in the store: of no more use
    std::uint32_t history = 0;    // as in `Delivery`
};

/// The stream's history is not the one that this device holds: forget it; events from 1 follow.
/// Writes that the server does not have are kept and sent again.
struct HistoryLost {
    std::string stream;
    Generation generation;  // the new one
    Seq head;
};

/// The store was older than what the server knows of this device: it goes on as a new device.
/// Writes not yet frozen may have been sent by the store that went on; they are kept and sent.
struct Recovered {
    DeviceId before;
    DeviceId now;
};

struct StatusChanged {
    Status status = Status::offline;
    std::uint16_t code = 0;  // why: the catalogued reason, where there is one
    std::string detail;
};

/// Something went wrong that a person may want to know. With a stream: what it says about it.
struct Trouble {
    Error error;
    std::string stream;
};

using Effect = std::variant<Connect,
                            Send,
                            Close,
                            Delivery,
                            WriteMoved,
                            HoleDeclared,
                            SnapshotArrived,
                            HistoryLost,
                            Recovered,
                            StatusChanged,
                            Trouble>;

/// What the shell has to do after some inputs, in this order:
/// 1. apply `transaction` to the store as one, all or nothing, after all earlier ones;
/// 2. if `durable_first`, wait until it, and with it all earlier ones, is on the disk;
/// 3. carry out `then` in order;
/// 4. call `tick` at `wake_at`, which replaces every earlier one; none: no need.
/// A crash may lose transactions that were not waited for, latest first, and whatever is in `then`.
struct Effects {
    std::vector<Write> transaction;
    bool durable_first = false;
    std::vector<Effect> then;
    std::optional<Instant> wake_at;

    void put(Bytes key, Bytes value);
    void erase(Bytes key);
};

/// Leaves out events, holes and snapshots of a stream: its reader begins anew. That history was
/// lost stays.
void drop_readings(std::vector<Effect>& effects, std::string_view stream);

std::string_view to_string(WriteState state);
std::string_view to_string(Status status);

}  // namespace capstan::sync
