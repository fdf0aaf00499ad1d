#include <algorithm>
#include <capstan/engine/lmdb.hpp>
#include <capstan/sequencer/lmdb_checkpoint_store.hpp>
#include <string>

#include "checkpoint_rows.hpp"

namespace capstan {

using namespace checkpoint_rows;

namespace {

constexpr std::uint32_t kFormatVersion = 1;

/// Pointers to what is written, in key order: neighbours share pages.
template <class Write, class Key>
std::vector<Write const*> in_order(std::vector<Write> const& writes, Key key) {
    std::vector<Write const*> order;
    order.reserve(writes.size());
    for (auto const& write : writes) {
        order.push_back(&write);
    }
    std::ranges::sort(order, {}, [&](Write const* write) { return key(*write); });
    return order;
}

}  // namespace

struct LmdbCheckpointStore::Tables {
    std::unique_ptr<lmdb::Environment> environment;
    lmdb::Table names;
    lmdb::Table streams;
    lmdb::Table devices;
    lmdb::Table changes;
    lmdb::Table links;
    lmdb::Table runs;
    lmdb::Table state;

    Result<> check_format();
    Result<std::optional<State>> load_state(lmdb::ReadTransaction const& read) const;
    Result<std::optional<StoredStream>> stream(lmdb::ReadTransaction const& read,
                                               StreamNumber number) const;
    Result<> put(lmdb::WriteTransaction& write, CheckpointBatch const& batch) const;
    Result<> put_state(lmdb::WriteTransaction& write, CheckpointBatch const& batch) const;
    Result<> put_stream(lmdb::WriteTransaction& write, StreamWrite const& stream) const;
    Result<> drop_runs(lmdb::WriteTransaction& write, SegmentNumber retired) const;
    Result<> put_sealed(lmdb::WriteTransaction& write,
                        lmdb::Table table,
                        ByteView key,
                        ByteView value) const;
    Result<std::uint64_t> verify_streams(lmdb::ReadTransaction const& read) const;
    Result<> verify_checks(lmdb::ReadTransaction const& read, lmdb::Table table) const;
};

// ---- opening

LmdbCheckpointStore::LmdbCheckpointStore(std::unique_ptr<Tables> tables)
    : tables_(std::move(tables)) {}

LmdbCheckpointStore::~LmdbCheckpointStore() = default;

Result<std::unique_ptr<LmdbCheckpointStore>> LmdbCheckpointStore::open(
    LmdbCheckpointStoreOptions const& options) {
    lmdb::Options const settings{.directory = options.directory,
                                 .map_bytes = options.map_bytes,
                                 .map_bytes_max = options.map_bytes_max};
    CAPSTAN_TRY(auto environment, lmdb::Environment::open(settings));
    CAPSTAN_TRY(auto const names, environment->table("names"));
    CAPSTAN_TRY(auto const streams, environment->table("streams"));
    CAPSTAN_TRY(auto const devices, environment->table("devices"));
    CAPSTAN_TRY(auto const changes, environment->table("changes"));
    CAPSTAN_TRY(auto const links, environment->table("links"));
    CAPSTAN_TRY(auto const runs, environment->table("runs"));
    CAPSTAN_TRY(auto const state, environment->table("state"));
    std::unique_ptr<Tables> tables(
        new Tables{std::move(environment), names, streams, devices, changes, links, runs, state});
    CAPSTAN_TRY(tables->check_format());
    return std::unique_ptr<LmdbCheckpointStore>(new LmdbCheckpointStore(std::move(tables)));
}

Result<> LmdbCheckpointStore::Tables::check_format() {
    {
        CAPSTAN_TRY(auto const read, environment->read());
        CAPSTAN_TRY(auto const stored, read.get(state, format_key()));
        if (stored) {
            if (stored->size() != 4) {
                return damaged("the format's row");
            }
            if (auto const version = capstan::load<std::uint32_t>(stored->data());
                version != kFormatVersion) {
                return Error{Errc::format_unknown,
                             "checkpoint store of format " + std::to_string(version)};
            }
            return success();
        }
    }
    Bytes version;
    ByteWriter(version).put(kFormatVersion);
    return environment->write(
        [&](lmdb::WriteTransaction& write) { return write.put(state, format_key(), version); });
}

// ---- reading

Result<std::optional<State>> LmdbCheckpointStore::Tables::load_state(
    lmdb::ReadTransaction const& read) const {
    CAPSTAN_TRY(auto const value, read.get(state, state_key()));
    if (!value) {
        return std::optional<State>();
    }
    CAPSTAN_TRY(auto decoded, decode_state(*value));
    return std::optional(std::move(decoded));
}

Result<std::optional<StoredStream>> LmdbCheckpointStore::Tables::stream(
    lmdb::ReadTransaction const& read, StreamNumber number) const {
    CAPSTAN_TRY(auto const value, read.get(streams, key_of(number)));
    if (!value) {
        return std::optional<StoredStream>();
    }
    CAPSTAN_TRY(auto stored, decode_stream(*value, number));
    return std::optional(std::move(stored));
}

Result<std::optional<Checkpoint>> LmdbCheckpointStore::load() const {
    CAPSTAN_TRY(auto const read, tables_->environment->read());
    CAPSTAN_TRY(auto state, tables_->load_state(read));
    return state ? std::optional(std::move(state->checkpoint)) : std::nullopt;
}

Result<std::optional<StoredStream>> LmdbCheckpointStore::stream(std::string_view name) const {
    CAPSTAN_TRY(auto const read, tables_->environment->read());
    CAPSTAN_TRY(auto const value, read.get(tables_->names, as_bytes(name)));
    if (!value) {
        return std::optional<StoredStream>();
    }
    CAPSTAN_TRY(auto const number, number_of(*value));
    CAPSTAN_TRY(auto stored, tables_->stream(read, number));
    if (!stored) {
        return damaged("a name without its stream");
    }
    return stored;
}

Result<std::optional<StoredStream>> LmdbCheckpointStore::stream(StreamNumber number) const {
    CAPSTAN_TRY(auto const read, tables_->environment->read());
    return tables_->stream(read, number);
}

Result<std::optional<Bytes>> LmdbCheckpointStore::device(StreamNumber stream,
                                                         DeviceId const& device) const {
    CAPSTAN_TRY(auto const read, tables_->environment->read());
    auto const key = key_of(stream, device);
    CAPSTAN_TRY(auto const value, read.get(tables_->devices, key));
    if (!value) {
        return std::optional<Bytes>();
    }
    CAPSTAN_TRY(auto const row, open_value(*value, key));
    return std::optional<Bytes>(std::in_place, row.begin(), row.end());
}

Result<StreamPage> LmdbCheckpointStore::list(StreamPattern const& pattern,
                                             std::string_view after,
                                             std::size_t limit) const {
    auto const prefix = literal_prefix(pattern);
    CAPSTAN_TRY(auto const read, tables_->environment->read());
    CAPSTAN_TRY(auto cursor, read.cursor(tables_->names));
    StreamPage page;
    // No key is empty: LMDB would refuse to look for one.
    auto const start = std::max({after, prefix, std::string_view("\1")});
    CAPSTAN_TRY(auto row, cursor.seek(as_bytes(start)));
    std::string last;
    for (std::size_t scanned = 0; row; ++scanned) {
        auto const name = as_text(row->key);
        if (!name.starts_with(prefix)) {
            break;
        }
        if (page.streams.size() == limit || scanned == kListScanMax) {
            page.resume_after = std::move(last);
            break;
        }
        last = name;
        if (name > after && pattern.matches(name)) {
            CAPSTAN_TRY(auto const number, number_of(row->value));
            page.streams.push_back({last, number});
        }
        CAPSTAN_TRY(row, cursor.next());
    }
    return page;
}

Result<std::vector<StreamChange>> LmdbCheckpointStore::changed_after(Position position,
                                                                     std::size_t limit) const {
    CAPSTAN_TRY(auto const read, tables_->environment->read());
    CAPSTAN_TRY(auto cursor, read.cursor(tables_->changes));
    std::vector<StreamChange> changes;
    CAPSTAN_TRY(auto row, cursor.seek(key_of(position.next())));
    while (row && changes.size() < limit) {
        CAPSTAN_TRY(auto const at, position_of(row->key));
        CAPSTAN_TRY(auto const stream, number_of(row->value));
        changes.push_back({at, stream});
        CAPSTAN_TRY(row, cursor.next());
    }
    return changes;
}

Result<std::vector<StreamLinks>> LmdbCheckpointStore::links(
    std::span<StreamNumber const> streams) const {
    CAPSTAN_TRY(auto const read, tables_->environment->read());
    std::vector<StreamLinks> result;
    result.reserve(streams.size());
    for (auto const stream : streams) {
        auto const key = key_of(stream);
        CAPSTAN_TRY(auto const value, read.get(tables_->links, key));
        auto& links = result.emplace_back();
        if (value) {
            CAPSTAN_TRY(auto const inside, open_value(*value, key));
            CAPSTAN_TRY(links, StreamLinks::decode(inside));
        }
    }
    return result;
}

Result<StoredRuns> LmdbCheckpointStore::runs() const {
    CAPSTAN_TRY(auto const read, tables_->environment->read());
    CAPSTAN_TRY(auto const state, tables_->load_state(read));
    StoredRuns stored;
    if (state) {
        stored.retired = state->retired;
    }
    CAPSTAN_TRY(auto cursor, read.cursor(tables_->runs));
    CAPSTAN_TRY(auto row, cursor.first());
    while (row) {
        CAPSTAN_TRY(auto const key, runs_key_of(row->key));
        CAPSTAN_TRY(auto const inside, open_value(row->value, row->key));
        stored.chunks.push_back({key.first, key.second, Bytes(inside.begin(), inside.end())});
        CAPSTAN_TRY(row, cursor.next());
    }
    return stored;
}

// ---- committing

Result<> LmdbCheckpointStore::commit(CheckpointBatch const& batch) {
    return tables_->environment->write(
        [&](lmdb::WriteTransaction& write) { return tables_->put(write, batch); });
}

Result<> LmdbCheckpointStore::Tables::put(lmdb::WriteTransaction& write,
                                          CheckpointBatch const& batch) const {
    for (auto const* stream :
         in_order(batch.streams, [](auto const& each) { return each.number; })) {
        CAPSTAN_TRY(put_stream(write, *stream));
    }
    for (auto const* device : in_order(
             batch.devices, [](auto const& each) { return std::pair(each.stream, each.device); })) {
        CAPSTAN_TRY(
            put_sealed(write, devices, key_of(device->stream, device->device), device->row));
    }
    for (auto const& each : batch.index.links) {  // in order by stream, a segment at a time
        CAPSTAN_TRY(put_sealed(write, links, key_of(each.stream), each.links.encode()));
    }
    for (auto const& chunk : batch.index.runs) {
        CAPSTAN_TRY(put_sealed(write, runs, key_of(chunk.segment, chunk.first), chunk.bytes));
    }
    CAPSTAN_TRY(drop_runs(write, batch.index.retired));
    return put_state(write, batch);
}

Result<> LmdbCheckpointStore::Tables::put_state(lmdb::WriteTransaction& write,
                                                CheckpointBatch const& batch) const {
    State next{batch.checkpoint, batch.index.retired};
    CAPSTAN_TRY(auto const value, write.get(state, state_key()));
    if (value) {
        CAPSTAN_TRY(auto const before, decode_state(*value));
        CAPSTAN_INVARIANT(before.checkpoint.position <= next.checkpoint.position);
        next.retired = std::max(next.retired, before.retired);
    }
    return write.put(state, state_key(), encode_state(next));
}

Result<> LmdbCheckpointStore::Tables::put_stream(lmdb::WriteTransaction& write,
                                                 StreamWrite const& stream) const {
    auto const key = key_of(stream.number);
    CAPSTAN_TRY(auto const value, write.get(streams, key));
    Position before;
    if (value) {
        CAPSTAN_TRY(before, changed_of(*value, stream.number));
    } else {
        CAPSTAN_TRY(write.put(names, as_bytes(stream.name), key));
    }
    auto const changed = stream.changed == Position{} ? before : stream.changed;
    if (changed != before) {
        if (before != Position{}) {
            CAPSTAN_TRY(write.erase(changes, key_of(before)));
        }
        CAPSTAN_TRY(write.put(changes, key_of(changed), key));
    }
    return write.put(streams, key, encode_stream(stream, changed));
}

Result<> LmdbCheckpointStore::Tables::put_sealed(lmdb::WriteTransaction& write,
                                                 lmdb::Table table,
                                                 ByteView key,
                                                 ByteView value) const {
    Bytes sealed;
    sealed.reserve(value.size() + 4);
    ByteWriter(sealed).put(value);
    seal_value(sealed, key);
    return write.put(table, key, sealed);
}

Result<> LmdbCheckpointStore::Tables::drop_runs(lmdb::WriteTransaction& write,
                                                SegmentNumber retired) const {
    CAPSTAN_TRY(auto cursor, write.cursor(runs));
    CAPSTAN_TRY(auto row, cursor.first());
    while (row) {
        CAPSTAN_TRY(auto const key, runs_key_of(row->key));
        if (key.first > retired) {
            break;
        }
        CAPSTAN_TRY(cursor.erase());
        CAPSTAN_TRY(row, cursor.next());
    }
    return success();
}

// ---- verifying

Result<std::uint64_t> LmdbCheckpointStore::verify() const {
    CAPSTAN_TRY(auto const read, tables_->environment->read());
    CAPSTAN_TRY(auto const state, tables_->load_state(read));
    CAPSTAN_TRY(tables_->verify_checks(read, tables_->devices));
    CAPSTAN_TRY(tables_->verify_checks(read, tables_->links));
    CAPSTAN_TRY(tables_->verify_checks(read, tables_->runs));
    return tables_->verify_streams(read);
}

Result<> LmdbCheckpointStore::Tables::verify_checks(lmdb::ReadTransaction const& read,
                                                    lmdb::Table table) const {
    CAPSTAN_TRY(auto cursor, read.cursor(table));
    CAPSTAN_TRY(auto row, cursor.first());
    while (row) {
        CAPSTAN_TRY(open_value(row->value, row->key));
        CAPSTAN_TRY(row, cursor.next());
    }
    return success();
}

/// Every name leads to a row and every change to the row that tells it; no row is left over.
Result<std::uint64_t> LmdbCheckpointStore::Tables::verify_streams(
    lmdb::ReadTransaction const& read) const {
    CAPSTAN_TRY(auto const count, read.rows(streams));
    CAPSTAN_TRY(auto const named, read.rows(names));
    std::uint64_t walked = 0;
    {
        CAPSTAN_TRY(auto cursor, read.cursor(names));
        CAPSTAN_TRY(auto row, cursor.first());
        for (; row; ++walked) {
            CAPSTAN_TRY(auto const number, number_of(row->value));
            CAPSTAN_TRY(auto const found, stream(read, number));
            if (!found) {
                return damaged("a name without its stream");
            }
            CAPSTAN_TRY(row, cursor.next());
        }
    }
    if (walked != named || named != count) {
        return damaged(std::to_string(named) + " names, " + std::to_string(count) + " streams");
    }
    CAPSTAN_TRY(auto cursor, read.cursor(changes));
    CAPSTAN_TRY(auto row, cursor.first());
    while (row) {
        CAPSTAN_TRY(auto const position, position_of(row->key));
        CAPSTAN_TRY(auto const number, number_of(row->value));
        CAPSTAN_TRY(auto const found, stream(read, number));
        if (!found || found->changed != position) {
            return damaged("a change that its stream does not know");
        }
        CAPSTAN_TRY(row, cursor.next());
    }
    return count;
}

// ---- upkeep

Result<> LmdbCheckpointStore::maintain() {
    CAPSTAN_TRY(tables_->environment->reap_readers());
    return success();
}

std::uint64_t LmdbCheckpointStore::file_bytes() const {
    return tables_->environment->usage().file_bytes;
}

}  // namespace capstan
