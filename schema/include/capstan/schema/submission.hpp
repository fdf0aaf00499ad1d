#pragma once
#include <capstan/schema/bytes.hpp>
#include <capstan/schema/error.hpp>
#include <capstan/schema/ids.hpp>
#include <capstan/schema/run.hpp>
#include <cstdint>
#include <optional>
#include <string_view>

namespace capstan {

/// What a journal record is. Numbers are for ever; a valid record of an unknown kind stops the
/// fold.
enum class SubmissionKind : std::uint8_t {
    append = 1,            // a run of events of one device
    floor = 2,             // a run of no events: raises the device's attempt and p
    create = 3,            // a stream before its first event
    seal = 4,              // a stream takes no more events
    remove = 5,            // reserved
    trim = 6,              // reserved
    heartbeat = 7,         // keeps a Kafka producer warm; no effect
    fold_policy = 8,       // G, W and H of a stream
    rewrite = 9,           // reserved
    restored_event = 10,   // reserved
    recovery_window = 11,  // reserved
    revoke = 12,           // reserved
    genesis = 13,          // the partition's first record: its lineage
    restore = 14,          // a backup was restored: a new lineage
    beacon = 15,           // the fold's position and state hash, to compare
    fold_version = 16,     // decisions from here on follow this version
};

/// Tags of the extension block, ascending. The top bit says that the fold must know the tag.
enum class ExtensionTag : std::uint16_t {
    expect_head = 0x8001,    // u64: refuse unless the stream's head is this seq
    deps = 0x8002,           // reserved: causal context of events exchanged before sequencing
    expect_key = 0x8003,     // reserved
    key_epoch = 0x8004,      // reserved: end-to-end encryption
    signature = 0x0005,      // reserved
    trace_context = 0x0006,  // reserved: W3C traceparent
};
inline constexpr std::uint16_t kExtensionMustKnow = 0x8000;

/// Fold policy of a stream, in events. Source: DESIGN section "Merge mark" in docs/ARCHITECTURE.md.
struct FoldPolicy {
    std::uint32_t grace = 256;       // G: the mark stays this far behind the head
    std::uint32_t window = 4'096;    // W: a member has published within this many events
    std::uint32_t horizon = 65'536;  // H: a member's p is no further back than this
    friend bool operator==(FoldPolicy const&, FoldPolicy const&) = default;
};

/// The fold's claim about itself at a position, to find nodes that disagree.
struct Beacon {
    Position position;
    Hash128 submission_chain;
    std::uint64_t state_hash = 0;
};

/// One journal record, decoded and checked. A view: it lives as long as its bytes.
///
///   submission := u32 magic "CSUB", u32 length, u64 checksum, u8 version = 1, u8 kind, u16 zero,
///   u8 stream length,
///                 u8 principal length, u16 extension length, u64 generation, stream, principal,
///                 extension, body
///   checksum   := XXH3-64 of the bytes from `version` to the end
///   extension  := (u16 tag ascending, u32 length, bytes)*
///   body       := append, floor: delivered run (u32 length, device, gateway time, run)
///                 create: empty                   seal, heartbeat: empty
///                 fold_policy: u32 G, u32 W, u32 H      fold_version: u32
///                 genesis, restore: u64 lineage, u32 partition
///                 beacon: u64 position, hash128 submission chain, u64 state hash
///
/// Which kinds name a stream: append, floor, create, seal, fold_policy. Source:
/// docs/on-disk-format.md, "Submission".
struct SubmissionView {
    static constexpr std::size_t kHeaderBytes = 32;
    static constexpr std::uint8_t kVersion = 1;

    /// Decodes one whole record. Errors: `malformed` (magic, checksum, lengths, fields: the record
    /// takes a position and nothing else), `format_unknown` (valid, but of a kind, version or
    /// must-know tag that this build does not know: the fold stops).
    static Result<SubmissionView> decode(ByteView bytes);

    SubmissionKind kind = SubmissionKind::heartbeat;
    std::string_view stream;
    std::string_view principal;
    Generation generation;
    std::optional<Seq> expect_head;

    DeviceId device;                  // append, floor
    WallTime gateway_time;            // append, floor
    RunView run;                      // append, floor
    std::size_t delivered_at = 0;     // append: where the delivered run stands in the record
    std::size_t delivered_bytes = 0;  // append

    FoldPolicy policy;               // fold_policy
    Lineage lineage;                 // genesis, restore
    std::uint32_t partition = 0;     // genesis, restore
    Beacon beacon;                   // beacon
    std::uint32_t fold_version = 0;  // fold_version
};

/// What an append or a floor record says beside its run.
struct RunEnvelope {
    std::string_view stream;
    std::string_view principal;
    Generation generation;
    std::optional<Seq> expect_head;
    DeviceId device;
    WallTime gateway_time;
};
/// Kind append, or floor for a run of no events.
Bytes encode_submission(RunEnvelope const& envelope, RunView const& run);

Bytes encode_create(std::string_view stream, std::string_view principal);
Bytes encode_seal(std::string_view stream, std::string_view principal);
Bytes encode_fold_policy(std::string_view stream,
                         std::string_view principal,
                         FoldPolicy const& policy);
Bytes encode_genesis(Lineage lineage, std::uint32_t partition);
Bytes encode_restore(Lineage lineage, std::uint32_t partition);
Bytes encode_heartbeat();
Bytes encode_beacon(Beacon const& beacon);
Bytes encode_fold_version(std::uint32_t version);

/// What a tape keeps in place of a record of a shared log that is none of ours: it takes a position
/// and nothing else, and tells records apart.
///
///   stand-in := u32 magic "CSUB", u32 length = 56, u64 checksum with all bits inverted,
///               16 B zero, u64 length of the record, hash128 of the record
Bytes encode_stand_in(ByteView record);

/// Length of the record that starts here, from its header alone. Errors: `malformed`.
Result<std::size_t> submission_length(ByteView bytes);

}  // namespace capstan
