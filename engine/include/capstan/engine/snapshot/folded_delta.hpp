#pragma once
#include <capstan/engine/model/canonical.hpp>
#include <capstan/engine/snapshot/manifest.hpp>
#include <capstan/engine/snapshot/trail.hpp>
#include <capstan/schema/ids.hpp>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace capstan {

/// How a folded delta says what an object is at its end.
enum class FoldedHow : std::uint8_t {
    whole,  // object bytes
    patch,  // head and changed fields of an object that was there
};

/// What changed in an object.
struct FoldedObject {
    FoldedHow how = FoldedHow::whole;
    Bytes bytes;
    friend bool operator==(FoldedObject const&, FoldedObject const&) = default;
};

/// What changed in a stream's model between two seqs, however many events did it: a model at `from`
/// that takes it over is the model at `seq`, byte for byte, also in what later events are judged
/// by.
///
/// Every changed value comes with its stamp, even where it is equal to the one before: a device
/// that was not told would judge later events by the old one.
struct FoldedDelta {
    std::string stream;
    Generation generation;
    Seq from;
    Seq seq;
    std::uint32_t rules = kModelRules;
    std::uint64_t state_hash = 0;      // at seq
    std::uint64_t devices_before = 0;  // in the table at `from`
    std::vector<DeviceId> devices;     // that came
    /// By number: the last event of each device that made one.
    std::vector<std::pair<DeviceNumber, Counter>> counters;
    std::vector<std::string> gone;      // ids that were there at some time, and are not
    std::vector<FoldedObject> objects;  // by id
    Bytes window;                       // section at seq: of the objects that are changed or gone

    friend bool operator==(FoldedDelta const&, FoldedDelta const&) = default;
};

Bytes encode_delta(FoldedDelta const& delta);
/// Errors: `malformed`, `format_unknown`.
Result<FoldedDelta> decode_delta(ByteView bytes);

/// What of an object is to be told to someone who was at `from`. Errors: `malformed`.
Result<FoldedObject> fold_object(ByteView object, Trail const& trail, Seq from);

/// Of a window section the entries that are about these objects. Errors: `malformed`.
Result<Bytes> fold_window(ByteView window,
                          std::set<std::string, std::less<>> const& changed,
                          std::set<std::string, std::less<>> const& gone);

/// Ids of the objects that it tells of, those that are gone included. Errors: `malformed`.
Result<std::vector<std::string>> objects_of(FoldedDelta const& delta);

/// Takes it over. Errors: `malformed`: it is no delta of this model, which is as it was.
/// Precondition: nothing refers into the model.
Result<> apply_delta(Model& model, FoldedDelta const& delta);

}  // namespace capstan
