#pragma once
#include <capstan/schema/bytes.hpp>
#include <capstan/schema/error.hpp>
#include <capstan/schema/hash.hpp>
#include <capstan/schema/ids.hpp>
#include <capstan/schema/submission.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// The state of the fold, as three kinds of rows: one per partition, per stream, per (stream,
/// device). Values: a caller loads them, lets the fold change them, and stores those that changed.
/// A default row means "never seen". Encodings are canonical: equal state gives equal bytes, so
/// state hashes are hashes of encodings. Source: docs/on-disk-format.md, "Rows".
namespace capstan {

/// The newest decision rules that this build knows. `PartitionRow::fold_version` says which are in
/// force.
inline constexpr std::uint32_t kFoldVersion = 1;

/// How many state marks a partition keeps, and at which multiples of a position it notes one.
inline constexpr std::size_t kStateMarksMax = 16;
inline constexpr std::uint64_t kStateMarkEvery = 1'000;

/// Per partition.
///   1. `lineages` is empty until the genesis record, distinct and non-zero after it; the last one
///   is current.
///   2. `marks` ascend by position, at most kStateMarksMax, none above `position`.
struct PartitionRow {
    std::uint32_t fold_version = kFoldVersion;
    std::uint32_t number = 0;       // of the partition, as the genesis record says
    Position position;              // of the last submission folded
    Hash128 chain;                  // submission chain at `position`
    StreamNumber last_stream;       // the stream number given last
    std::vector<Lineage> lineages;  // of genesis, then of each restore
    std::uint64_t state_hash = 0;   // sum over rows; kept by the caller, see fold_hash.hpp
    std::vector<Beacon> marks;      // what beacons that come later are compared with

    bool has_genesis() const { return !lineages.empty(); }
    Lineage lineage() const { return lineages.empty() ? Lineage{} : lineages.back(); }
};

/// A device that may still send needs-window runs from `preceding_seq` on.
struct Member {
    DeviceId device;
    Seq preceding_seq;  // the device's p
    Seq joined;         // head after its last accepted needs-window run or floor record
    friend bool operator==(Member const&, Member const&) = default;
};

/// Where a stream stands; what decides who is a member.
struct MarkContext {
    Seq head;
    Seq mark;
    FoldPolicy policy;
};
bool is_member(MarkContext const& at, Member const& device);

/// Members of a stream, by p. Devices that left may linger here until they get in the way; they are
/// no part of the state, and `current` leaves them out. Cost: O(log members) a run, amortised.
class Members {
  public:
    /// Puts a device where its p says, or leaves it out if it is no member. `before` is its p until
    /// now, if it may be here already.
    void put(Member const& member, std::optional<Seq> before, MarkContext const& at);
    /// Forgets who left. Needed before the policy changes, so that no one comes back by it.
    void prune(MarkContext const& at);
    /// Smallest p of the members; nothing if there are none. Forgets who left among those with the
    /// smallest p.
    std::optional<Seq> smallest(MarkContext const& at);
    /// In order of (p, device).
    std::vector<Member> current(MarkContext const& at) const;
    std::size_t size() const { return by_p_.size(); }  // with those that left

  private:
    struct Place {
        Seq preceding_seq;
        DeviceId device;
        friend auto operator<=>(Place const&, Place const&) = default;
    };
    std::map<Place, Seq> by_p_;  // -> joined
    std::size_t prune_at_ = 64;  // size at which a sweep pays
};

enum class Lifecycle : std::uint8_t {
    absent = 0,  // no event and no create record yet; devices may have left traces
    open = 1,
    sealed = 2,
};

/// A history that ended, at a restore.
struct EndedGeneration {
    Generation generation;
    Seq last;
    friend bool operator==(EndedGeneration const&, EndedGeneration const&) = default;
};

/// Per stream.
///   1. number is 0 only in a row never seen.
///   2. absent <=> edition, generation, head, chain and mark are zero and nothing ended.
///   3. mark <= head <= kSeqMax; the last seqs of ended generations ascend and are <= head.
///   4. head is 0 <=> chain is that of the name.
struct StreamRow {
    std::string name;
    StreamNumber number;  // in the order in which streams first left a trace
    Lifecycle lifecycle = Lifecycle::absent;
    Edition edition;
    Generation generation;
    std::uint32_t lineage_ordinal = 0;  // the partition's lineage that `generation` is of
    std::vector<EndedGeneration> ended;
    Seq head;
    Hash128 chain;  // at head
    Seq mark;       // merge mark: the next run is checked against it
    FoldPolicy policy;
    Members members;

    bool known() const { return number.value != 0; }
    bool exists() const { return lifecycle != Lifecycle::absent; }
    MarkContext mark_context() const { return {head, mark, policy}; }
    Cursor cursor() const { return {generation, head, chain}; }
};

/// Notes the restores that the partition has seen and the row has not: each ends a generation at
/// the row's head. The head cannot have moved in between, so it may be called at any later time, or
/// never: encodings and hashes do not depend on it. Whoever reads `generation` or `ended` of a
/// loaded row calls it first; the fold does.
void catch_up(PartitionRow const& partition, StreamRow& stream);

/// Per (stream, device).
///   1. attempt is 0 only in a row never seen; last.attempt <= attempt; last has both parts or
///   neither.
struct DeviceRow {
    Hash128 owner;  // hash of the principal that used the device first
    Attempt attempt;
    std::optional<Errc> halted;  // why the attempt was refused
    Link last;                   // newest accepted event
    Seq preceding_seq;           // p of the last accepted run or floor record; never falls
    std::optional<Seq> joined;   // head after the last accepted needs-window run or floor record

    bool known() const { return attempt.value != 0; }
    friend bool operator==(DeviceRow const&, DeviceRow const&) = default;
};

/// Append the canonical encoding. Precondition for the latter two: the row is known.
void encode(Bytes& out, PartitionRow const& row);
void encode(Bytes& out, StreamRow const& row);
void encode(Bytes& out, DeviceRow const& row);

/// Errors: `index_damaged` (not an encoding of a valid row), `format_unknown` (of a row or fold
/// version that this build does not know). What they accept encodes to the same bytes again.
Result<PartitionRow> decode_partition_row(ByteView bytes);
Result<StreamRow> decode_stream_row(ByteView bytes);
Result<DeviceRow> decode_device_row(ByteView bytes);

/// The number alone, without decoding the rest. Precondition: bytes that `encode` made of a stream
/// row.
StreamNumber stream_number_of(ByteView encoded);

/// Abort where a numbered invariant above does not hold.
void check_invariants(PartitionRow const& row);
void check_invariants(StreamRow const& row);
void check_invariants(DeviceRow const& row);
/// Those that span two rows: p <= head.
void check_invariants(StreamRow const& stream, DeviceRow const& device);

}  // namespace capstan
