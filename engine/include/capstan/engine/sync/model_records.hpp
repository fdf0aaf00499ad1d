#pragma once
#include <capstan/engine/model/model.hpp>
#include <capstan/engine/sync/effects.hpp>
#include <capstan/engine/sync/store.hpp>
#include <capstan/schema/ids.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// How a model stands in a client's store, beside the cursor and in the same transactions. Records
/// of objects are written when an event touches them, so what a delivery writes follows what it
/// changed. Grammar: store.hpp, kind B.
namespace capstan::sync {

/// What a model as a whole is.
struct ModelHeadRecord {
    StoredCursor cursor;           // the one beside it; another one there: the model is out of date
    Seq head;                      // of the model: its last event at or before the cursor
    Seq mark;                      // the greatest merge mark that came with an event
    Dot own;                       // the last event of this device that the model holds
    std::uint64_t devices = 0;     // in its table
    std::uint64_t state_hash = 0;  // what the records come to
    friend bool operator==(ModelHeadRecord const&, ModelHeadRecord const&) = default;
};

/// All keys of the stream's model begin with it.
Bytes model_prefix(std::string_view stream);
Bytes model_head_key(std::string_view stream);
/// The devices from `first` on, some of them.
Bytes model_devices_key(std::string_view stream, DeviceNumber first);
Bytes model_object_key(std::string_view stream, std::string_view object);

Write model_head_record(std::string_view stream, ModelHeadRecord const& head);
/// The devices that are not stored yet.
Write model_devices_record(std::string_view stream, Devices const& devices, DeviceNumber first);
/// The object with all that later events may be judged by; erased if the model knows nothing of it.
Write model_object_record(std::string_view stream, Model const& model, std::string_view object);

/// A chunk of a snapshot that is not here as a whole yet.
Write model_chunk_record(std::string_view stream, ChunkId const& id, ByteView packed);
Bytes model_chunk_key(std::string_view stream, ChunkId const& id);
/// The chunks among the records of the stream's prefix. Damaged ones are left out.
std::map<ChunkId, Bytes> load_chunks(std::string_view stream,
                                     std::span<StoredRecord const> records);

struct LoadedModel {
    ModelHeadRecord head;
    Model model;
};
/// What `records` (all of the stream's prefix, in any order) come to; nothing if there are none but
/// chunks.
/// Errors: `malformed`, `format_unknown`.
Result<std::optional<LoadedModel>> load_model(std::string_view stream,
                                              std::span<StoredRecord const> records);

}  // namespace capstan::sync
