#pragma once
#include <capstan/schema/error.hpp>
#include <capstan/schema/ids.hpp>
#include <capstan/schema/wire.hpp>
#include <capstan/sequencer/fold_rows.hpp>
#include <capstan/snapshotter/source.hpp>
#include <cstdint>
#include <optional>
#include <span>

namespace capstan {

/// What a stream's history looks like to someone who wants to catch up with it.
struct StreamHistory {
    Generation generation;
    std::span<EndedGeneration const> ended;  // earlier generations of the same history
    Seq head;
    Hash128 chain;                            // at head
    Seq tape_first{1};                        // first seq that the tape still holds
    std::uint64_t event_bytes;                // mean size of an event, to estimate with
    SnapshotOffer const* snapshot = nullptr;  // the newest one, if there is any
};

/// What a device says it holds. Without a chain hash (behind a hole, or to read from some seq on)
/// its history is taken on trust.
struct HeldCursor {
    Generation generation;  // 0: nothing known, nothing held
    Seq seq;
    std::optional<Hash128> chain;
    bool snapshots = false;  // may begin with one
    bool folds = false;      // holds the model at seq, and takes in folded deltas
};

/// How a device catches up.
struct CatchUp {
    fb::Verdict verdict = fb::Verdict::up_to_date;
    std::optional<Errc> why;   // denied: the reason
    Seq after;                 // events that are sent begin behind this seq
    std::uint64_t events = 0;  // to come
    std::uint64_t bytes = 0;   // to come, estimated: the snapshot's, too
};

/// The seq whose chain hash the choice needs; nothing where it depends on no hash of the tape.
std::optional<Seq> chain_needed(StreamHistory const& stream, HeldCursor const& held);

/// Chooses how a cursor catches up. Pure.
///
///   nothing held (generation 0)                                  delta from the first event
///   lost history: above the head, a generation that the stream
///     never had, above the end of an earlier one, another chain  reset: all events, when asked
///   at the head                                                  up_to_date
///   the device takes snapshots, there is one of this generation
///     above the cursor, and with the events behind it it is less
///     to send than the events alone, or the tape has not all     snapshot
///   the device takes folded deltas, and one to that snapshot is
///     less to send than either                                   folded_delta
///   below what the tape holds                                    denied, `trimmed`
///   else                                                         delta
///
/// A cursor of an earlier generation whose chain hash matches goes on undisturbed: a restore ended
/// the generation at a head that the device has not passed. `chain_there` is the hash at
/// `chain_needed`; nothing when the tape no longer tells it.
CatchUp choose_catch_up(StreamHistory const& stream,
                        HeldCursor const& held,
                        std::optional<Hash128> const& chain_there);

}  // namespace capstan
