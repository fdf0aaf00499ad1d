#include <algorithm>
#include <capstan/engine/model/canonical.hpp>
#include <capstan/engine/sync/model_records.hpp>
#include <utility>

#include "sync/sealed.hpp"

namespace capstan::sync {
namespace {

constexpr char kKind = 'B';

/// What a record is of; in this order they are read back.
enum class Part : char { chunk = 'c', devices = 'd', head = 'h', object = 'o' };

Bytes key_of(std::string_view stream, Part part) {
    auto key = model_prefix(stream);
    key.push_back(static_cast<std::byte>(part));
    return key;
}

Part part_of(std::string_view stream, StoredRecord const& record) {
    auto const at = model_prefix(stream).size();
    return record.key.size() > at ? static_cast<Part>(record.key[at]) : Part{};
}

void put_cursor(ByteWriter& out, StoredCursor const& cursor) {
    out.put(cursor.generation.value).put(cursor.seq.value);
    out.put(std::uint8_t{cursor.chain.has_value()}).put(cursor.chain.value_or(Hash128{}));
}

StoredCursor get_cursor(ByteReader& in) {
    StoredCursor cursor;
    cursor.generation.value = in.get<std::uint64_t>();
    cursor.seq.value = in.get<std::uint64_t>();
    bool const known = in.get<std::uint8_t>() != 0;
    auto const chain = in.get_hash();
    cursor.chain = known ? std::optional(chain) : std::nullopt;
    return cursor;
}

Result<ModelHeadRecord> read_head(StoredRecord const& record) {
    CAPSTAN_TRY(auto const body, opened(record.key, record.value));
    ByteReader in(body);
    ModelHeadRecord head;
    head.cursor = get_cursor(in);
    head.head.value = in.get<std::uint64_t>();
    head.mark.value = in.get<std::uint64_t>();
    head.own.device = in.get_device();
    head.own.counter.value = in.get<std::uint64_t>();
    head.devices = in.get<std::uint64_t>();
    head.state_hash = in.get<std::uint64_t>();
    return in.done() ? Result<ModelHeadRecord>(head) : bad_record(record.key, "a wrong field");
}

Result<> read_object(StoredRecord const& record, ModelRestore& restore) {
    CAPSTAN_TRY(auto const body, opened(record.key, record.value));
    ByteReader in(body);
    auto const object = in.take(in.get<std::uint32_t>());
    auto const window = in.take(in.rest().size());
    if (!in.ok()) {
        return bad_record(record.key, "too short");
    }
    if (!object.empty()) {
        CAPSTAN_TRY(restore.object(object));
    }
    return window.empty() ? success() : restore.window_entry(window, Seq{});
}

Result<std::optional<LoadedModel>> finish(ModelRestore&& restore, ModelHeadRecord const& head) {
    CAPSTAN_TRY(auto model, std::move(restore).finish(head.head, head.mark));
    if (model.state_hash() != head.state_hash || model.tables().devices.size() != head.devices) {
        return Error{Errc::malformed, "the records of a model are not those of one moment"};
    }
    return std::optional(LoadedModel{head, std::move(model)});
}

}  // namespace

Bytes model_prefix(std::string_view stream) {
    Bytes key;
    ByteWriter(key).put(static_cast<std::uint8_t>(kKind)).put(hash128(as_bytes(stream)));
    return key;
}

Bytes model_head_key(std::string_view stream) {
    return key_of(stream, Part::head);
}

Bytes model_devices_key(std::string_view stream, DeviceNumber first) {
    auto key = key_of(stream, Part::devices);
    for (int shift = 24; shift >= 0; shift -= 8) {
        key.push_back(static_cast<std::byte>(first >> shift));
    }
    return key;
}

Bytes model_object_key(std::string_view stream, std::string_view object) {
    auto key = key_of(stream, Part::object);
    ByteWriter(key).put(object);
    return key;
}

Write model_head_record(std::string_view stream, ModelHeadRecord const& head) {
    auto key = model_head_key(stream);
    auto value = sealed(key, [&](ByteWriter& out) {
        put_cursor(out, head.cursor);
        out.put(head.head.value).put(head.mark.value).put(head.own.device);
        out.put(head.own.counter.value).put(head.devices).put(head.state_hash);
    });
    return {std::move(key), std::move(value)};
}

Write model_devices_record(std::string_view stream, Devices const& devices, DeviceNumber first) {
    auto key = model_devices_key(stream, first);
    auto value =
        sealed(key, [&](ByteWriter& out) { out.put(ByteView(encode_devices(devices, first))); });
    return {std::move(key), std::move(value)};
}

Write model_object_record(std::string_view stream, Model const& model, std::string_view object) {
    auto key = model_object_key(stream, object);
    auto const slot = model.objects().find(object);
    if (slot == ObjectTable::kNone) {
        return {std::move(key), std::nullopt};
    }
    Object const& found = model.objects().at(slot);
    Bytes content;
    if (found.alive()) {
        append_object(content, found, model.tables());
    }
    Bytes window;
    append_window_entry(window, found, model.tables(), Seq{});
    auto value = sealed(key, [&](ByteWriter& out) {
        out.put(static_cast<std::uint32_t>(content.size()));
        out.put(ByteView(content)).put(ByteView(window));
    });
    return {std::move(key), std::move(value)};
}

Bytes model_chunk_key(std::string_view stream, ChunkId const& id) {
    auto key = key_of(stream, Part::chunk);
    ByteWriter(key).put(ByteView(id.bytes));
    return key;
}

Write model_chunk_record(std::string_view stream, ChunkId const& id, ByteView packed) {
    auto key = model_chunk_key(stream, id);
    auto value = sealed(key, [packed](ByteWriter& out) { out.put(packed); });
    return {std::move(key), std::move(value)};
}

std::map<ChunkId, Bytes> load_chunks(std::string_view stream,
                                     std::span<StoredRecord const> records) {
    std::map<ChunkId, Bytes> chunks;
    for (StoredRecord const& record : records) {
        ChunkId id;
        auto const prefix = model_chunk_key(stream, id).size() - id.bytes.size();
        bool const is_chunk =
            part_of(stream, record) == Part::chunk && record.key.size() == prefix + id.bytes.size();
        auto const packed = is_chunk ? opened(record.key, record.value)
                                     : Result<ByteView>(bad_record(record.key, "no chunk"));
        if (packed) {
            std::ranges::copy(record.key.subspan(prefix), id.bytes.begin());
            chunks.emplace(id, Bytes(packed.value().begin(), packed.value().end()));
        }
    }
    return chunks;
}

Result<std::optional<LoadedModel>> load_model(std::string_view stream,
                                              std::span<StoredRecord const> records) {
    std::vector<StoredRecord> sorted(records.begin(), records.end());
    std::erase_if(sorted, [stream](StoredRecord const& record) {
        return part_of(stream, record) == Part::chunk;
    });
    if (sorted.empty()) {
        return std::optional<LoadedModel>();
    }
    std::ranges::sort(sorted, [](StoredRecord const& x, StoredRecord const& y) {
        return as_text(x.key) < as_text(y.key);
    });
    ModelRestore restore;
    std::optional<ModelHeadRecord> head;
    for (StoredRecord const& record : sorted) {
        auto const part = part_of(stream, record);
        if (part == Part::devices) {
            CAPSTAN_TRY(auto const body, opened(record.key, record.value));
            CAPSTAN_TRY(restore.devices(body));
        } else if (part == Part::head) {
            CAPSTAN_TRY(head, read_head(record));
        } else if (part == Part::object) {
            CAPSTAN_TRY(read_object(record, restore));
        } else {
            return bad_record(record.key, "unknown key");
        }
    }
    if (!head) {
        return Error{Errc::malformed, "a model without a head record"};
    }
    return finish(std::move(restore), *head);
}

}  // namespace capstan::sync
