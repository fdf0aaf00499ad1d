#pragma once
#include <capstan/engine/sync/effects.hpp>
#include <capstan/schema/bytes.hpp>
#include <capstan/schema/error.hpp>
#include <capstan/schema/ids.hpp>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// What the client keeps on its device: records of a key and a value, for LMDB, IndexedDB or any
/// other ordered store.
///
///   key      := 'D'                                     the device
///             | 'C' stream                              its cursor
///             | 'O' stream                              its outbox
///             | 'M' stream 0 u64 mutation               one mutation not yet frozen, or coalesced
///                                                       into a run that is there
///             | 'R' stream 0 u64 first mutation         one frozen run
///             | 'X' stream 0 u64 mutation               one refused mutation
///             | 'B' hash128(stream) part                its model, of which a part is
///                 'c' chunk id, 'd' u32 first device, 'h', or 'o' object id
///               numbers in keys are big-endian, so that keys sort as mutations do
///   value    := u8 version = 1, body, u64 checksum
///   checksum := XXH3-64 of the key, xor XXH3-64 of version and body
///   D body   := device, u32 attempt ordinal, u64 mutation ids given out
///   C body   := u64 generation, u64 seq, u8 chain known, hash128 chain
///   O body   := u64 generation, u64 confirmed counter, u64 confirmed attempt, u64 confirmed seq,
///               u64 preceding seq, u64 attempt
///   M body   := u64 generation, u64 preceding seq, u16 flags, u64 expected head or 2^64 - 1,
///               u8 how (1 alone, 2 coalesces), u32 count, (u32 length, event)*
///   R body   := u8 doubt (+ 128: its mutations coalesce), u16 code, u64 generation, u64 expected
///   head or 2^64 - 1, u32 count,
///               (u64 mutation, u32 events)*, run
///   X body   := u16 code, M body
///   B body   := d: device*, from that number on, by their first event
///             | h: C body of the cursor beside it, u64 head, u64 mark, own dot (device, u64
///             counter),
///                  u64 devices, u64 state hash
///             | o: u32 length, object bytes, window entry (canonical.hpp); no object bytes: a
///                  tombstone
///             | c: the chunk as it was sent, of a snapshot that is not whole yet
///               all little-endian; device 16 bytes, chain low then high
///
/// Source: docs/protocol.md, "What a device keeps".
namespace capstan::sync {

struct DeviceRecord {
    DeviceId device;
    std::uint32_t attempt_ordinal = 0;  // the greatest one given out
    std::uint64_t mutations = 0;        // ids up to here may be given out
    friend bool operator==(DeviceRecord const&, DeviceRecord const&) = default;
};

/// A cursor whose chain hash is not known behind a hole.
struct StoredCursor {
    Generation generation;
    Seq seq;
    std::optional<Hash128> chain;
    friend bool operator==(StoredCursor const&, StoredCursor const&) = default;
};

struct OutboxRecord {
    Generation generation;  // the stream's, as the server last told; 0 while unknown
    Link confirmed;         // the device's last event that is known to be accepted
    Seq confirmed_seq;      // its seq; 0 while unknown
    Seq preceding_seq;      // p of the last accepted run: no later one may be lower
    Attempt attempt;        // the greatest one used in this stream
    Attempt lost_before;    // the first one since the server lost history; 0 if it never did
    friend bool operator==(OutboxRecord const&, OutboxRecord const&) = default;
};

/// What one publish call said, before it is frozen.
struct Mutation {
    MutationId id;
    Generation generation;  // the history that preceding_seq counts in
    Seq preceding_seq;
    std::uint16_t flags = 0;
    std::optional<Seq> expect_head;
    bool alone = false;      // goes as a run of its own, to find out which of several was refused
    bool coalesces = false;  // its events may be merged with those of its neighbours
    std::vector<Bytes> events;
    friend bool operator==(Mutation const&, Mutation const&) = default;
};

/// Why it is open whether a frozen run was accepted.
enum class Doubt : std::uint8_t {
    none,     // it is under way
    refused,  // a gateway refused it, or one before it; a copy may have gone another way
    lost,     // the server lost history: the run may have gone with it
};

/// A frozen run. What it says never changes; it is sent again in this form until it has a verdict.
///
/// Where the parts have more events than the run, they were coalesced: then their mutations'
/// records stay as long as the run's, so that each can be told its end, given back or sent in
/// another way.
struct RunRecord {
    struct Part {
        MutationId mutation;
        std::uint32_t events = 0;  // that it had, before coalescing
        friend bool operator==(Part const&, Part const&) = default;
    };
    Bytes run;
    Generation generation;
    std::optional<Seq> expect_head;
    std::vector<Part> parts;  // in order; their events are the run's, unless coalesced
    bool coalesces = false;   // as its mutations say, all of them or none
    Doubt doubt = Doubt::none;
    std::uint16_t code = 0;  // doubt refused: the gateway's reason; 0 for a run behind that one
    friend bool operator==(RunRecord const&, RunRecord const&) = default;
};

/// What was refused for good, until the application has dealt with it.
struct RefusedWrite {
    std::uint16_t code = 0;
    Mutation mutation;
    friend bool operator==(RefusedWrite const&, RefusedWrite const&) = default;
};

/// Whether the run's events are not those of its parts one by one.
bool is_coalesced(RunRecord const& record);

Bytes device_key();
Bytes cursor_key(std::string_view stream);
Bytes outbox_key(std::string_view stream);
Bytes mutation_key(std::string_view stream, MutationId mutation);
Bytes run_key(std::string_view stream, MutationId first);
Bytes refused_key(std::string_view stream, MutationId mutation);

Bytes encode(ByteView key, DeviceRecord const& record);
Bytes encode(ByteView key, StoredCursor const& record);
Bytes encode(ByteView key, OutboxRecord const& record);
Bytes encode(ByteView key, Mutation const& record);
Bytes encode(ByteView key, RunRecord const& record);
Bytes encode(ByteView key, RefusedWrite const& record);

/// Everything in a store, by stream.
struct StoreImage {
    struct Stream {
        std::optional<StoredCursor> cursor;
        OutboxRecord outbox;
        std::vector<Mutation> mutations;  // ascending; those of coalesced runs too
        std::vector<RunRecord> runs;      // ascending
        std::vector<RefusedWrite> refused;
    };
    std::optional<DeviceRecord> device;
    std::vector<std::pair<std::string, Stream>> streams;  // ascending by name
};

/// What the keys begin with of all records but those of models, which are read when a model is
/// opened.
inline constexpr std::string_view kRecordKinds = "DCOMRX";

struct StoredRecord {
    ByteView key;
    ByteView value;
};
/// Reads all records of `kRecordKinds`, in any order; those of models may be among them. Errors:
/// `malformed` (a checksum, a length or a field is wrong; the detail names the key; a coalesced run
/// lacks a mutation), `format_unknown` (a later build wrote the record).
Result<StoreImage> load(std::span<StoredRecord const> records);

}  // namespace capstan::sync
