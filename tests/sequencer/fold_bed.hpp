// A partition's fold for tests: rows in maps, accepted events on a tape, no journal, no index.
#pragma once
#include <capstan/sequencer/fold.hpp>
#include <capstan/sequencer/fold_hash.hpp>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fold_decision.hpp"

namespace capstan::test {

/// A run as tests write it down.
struct RunSpec {
    std::string stream = "acme/room";
    DeviceId device;
    RunHeader header;
    std::vector<std::string> events;  // none: a floor record
    Generation generation;
    std::optional<Seq> expect_head;
    std::string principal = "acme/anna";
};
Bytes record_of(RunSpec const& run);

/// A device id from a short name.
DeviceId device_named(std::string_view name);

/// An accepted event, with what models read of it.
struct TapedEvent {
    Dot dot;
    Attempt attempt;
    Seq preceding_seq;
    std::uint16_t flags = 0;
    Hash128 chain;
    Seq mark_before;  // of its run
    std::string bytes;
};

/// Checks after each record that the verdict tells the truth: rows that it calls unchanged are so,
/// invariants hold, a refusal leaves no trace but the halt. A value: a copy is a backup.
class FoldBed {
  public:
    struct Device {
        DeviceRow row;
        HashShare share;
    };
    struct Stream {
        StreamRow row;
        HashShare share;
        std::map<DeviceId, Device> devices;
        std::vector<TapedEvent> tape;  // seq - 1
    };
    using Decide = fold_internal::Decide;

    explicit FoldBed(Decide decide = &fold_internal::decide<fold_internal::AllRules>)
        : decide_(decide) {}
    /// With the genesis record folded.
    static FoldBed started(Decide decide = &fold_internal::decide<fold_internal::AllRules>);

    Verdict fold(ByteView record);
    /// Puts every row through its encoding, as if it had left memory and come back.
    void evict();
    /// Settles all shares first.
    std::uint64_t state_hash();
    /// The state hash from nothing but the rows.
    std::uint64_t state_hash_recounted() const;

    Stream const& stream(std::string_view name) const;  // a default one if never seen
    DeviceRow device(std::string_view name, DeviceId const& device) const;
    /// The current generation, restores included; 0 for a stream that does not exist.
    Generation generation(std::string_view name) const;
    /// First seq of the run of this device, attempt and first counter, if the tape has it.
    std::optional<Seq> find_run(std::string_view name,
                                DeviceId const& device,
                                Attempt attempt,
                                Counter first) const;

    PartitionRow partition;
    std::map<std::string, Stream, std::less<>> streams;

  private:
    void keep(SubmissionView const& view, Verdict const& verdict, StreamRow row, DeviceRow device);

    Decide decide_;
};

}  // namespace capstan::test
