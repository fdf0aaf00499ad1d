// Snapshots of a stream: what the server has, and what it can be asked to do about them.
#include <capstan/engine/os/posix_storage.hpp>
#include <capstan/engine/snapshot/manifest.hpp>
#include <capstan/engine/snapshot/packing.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "progress.hpp"
#include "remote.hpp"
#include "snapshot_answers.hpp"

namespace capstan::cli {
namespace {

constexpr std::string_view kManifestFile = "manifest";

std::vector<Column> columns() {
    return {{.key = "stream", .shrinks = true},
            {.key = "seq", .right = true},
            {.key = "objects", .right = true},
            {.key = "chunks", .right = true},
            {.key = "bytes", .right = true},
            {.key = "event_bytes", .right = true},
            {.key = "generation"},
            {.key = "state_hash"},
            {.key = "manifest", .shrinks = true}};
}

std::vector<Cell> cells_of(SnapshotSummary const& snapshot) {
    return {snapshot.stream,
            snapshot.seq,
            snapshot.objects,
            snapshot.chunks,
            snapshot.bytes,
            snapshot.event_bytes,
            snapshot.generation,
            snapshot.state_hash,
            to_string(snapshot.manifest)};
}

/// A manifest or a chunk as the server sends it.
Result<Bytes> fetch(Remote const& remote, std::string const& stream, ChunkId const& id) {
    CAPSTAN_TRY(auto const answer,
                remote.http("GET", "/v1/chunks/" + to_string(id) + "/" + in_path(stream)));
    auto const bytes = as_bytes(answer.body);
    return Bytes(bytes.begin(), bytes.end());
}

Result<> put(Storage& directory, std::string const& name, ByteView bytes) {
    constexpr std::string_view kNew = "new";
    if (auto const removed = directory.remove(kNew);
        !removed && removed.error().code != Errc::not_found) {
        return removed;
    }
    {
        CAPSTAN_TRY(auto const file, directory.open(kNew, OpenMode::create));
        CAPSTAN_TRY(file->pwrite(bytes, 0));
    }
    return directory.rename(kNew, name);
}

Result<Bytes> read(Storage& directory, std::string const& name) {
    CAPSTAN_TRY(auto const file, directory.open(name, OpenMode::read));
    CAPSTAN_TRY(auto const size, file->size());
    if (size > kChunkBytesMax) {
        return Error{Errc::too_large, name};
    }
    Bytes bytes(static_cast<std::size_t>(size));
    CAPSTAN_TRY(auto const got, file->pread(bytes, 0));
    bytes.resize(got);
    return bytes;
}

/// What is there from an earlier try and is right stays; each chunk is checked before it is kept.
Result<> fetch_chunk(Remote const& remote,
                     Storage& directory,
                     std::string const& stream,
                     ChunkRef const& ref) {
    auto const name = to_string(ref.id);
    if (auto const here = read(directory, name); here && unpack_chunk(here.value(), ref)) {
        return success();
    }
    CAPSTAN_TRY(auto const packed, fetch(remote, stream, ref.id));
    CAPSTAN_TRY(unpack_chunk(packed, ref));
    return put(directory, name, packed);
}

Result<> get_snapshot(Context& context, Remote const& remote, SnapshotCommand const& command) {
    CAPSTAN_TRY(auto const snapshots, list_snapshots(remote, command.stream));
    if (snapshots.empty()) {
        return Error{Errc::not_found, "no snapshot of " + command.stream};
    }
    auto const& newest = snapshots.front();
    CAPSTAN_TRY(auto const encoded, fetch(remote, command.stream, newest.manifest));
    if (chunk_id(encoded) != newest.manifest) {
        return Error{Errc::malformed, "the manifest's hash is another one"};
    }
    CAPSTAN_TRY(auto const manifest, decode_manifest(encoded));
    CAPSTAN_TRY(auto const directory, PosixStorage::open_or_create(command.directory));
    Progress progress(context, "chunks", manifest.chunks().size());
    std::uint64_t done = 0;
    for (auto const& ref : manifest.chunks()) {
        CAPSTAN_TRY(fetch_chunk(remote, *directory, command.stream, ref));
        progress.at(++done);
    }
    // Last: a directory with a manifest has all that it names.
    CAPSTAN_TRY(put(*directory, std::string(kManifestFile), encoded));
    show(context.output, columns(), cells_of(newest));
    return success();
}

Result<> remove_snapshots(Context& context, Remote const& remote, std::string const& stream) {
    CAPSTAN_TRY(remote.http("DELETE", "/v1/snapshots/" + in_path(stream)));
    Rows rows(context.output, columns());
    rows.end();
    return success();
}

Result<> show_answer(Context& context,
                     Remote const& remote,
                     std::string const& path,
                     std::string const& stream) {
    CAPSTAN_TRY(auto const answer, remote.http("POST", path + in_path(stream)));
    CAPSTAN_TRY(auto const snapshot, parse_snapshot(answer.body));
    show(context.output, columns(), cells_of(snapshot));
    return success();
}

}  // namespace

Result<> execute(Context& context, SnapshotCommand const& command) {
    CAPSTAN_TRY(auto const remote, Remote::open(context));
    switch (command.verb) {
        case SnapshotVerb::list: {
            CAPSTAN_TRY(auto const snapshots, list_snapshots(remote, command.stream));
            Rows rows(context.output, columns());
            for (auto const& snapshot : snapshots) {
                rows.add(cells_of(snapshot));
            }
            rows.end();
            return success();
        }
        case SnapshotVerb::create:
            return show_answer(context, remote, "/v1/snapshots/", command.stream);
        case SnapshotVerb::verify:
            return show_answer(context, remote, "/v1/snapshot-checks/", command.stream);
        case SnapshotVerb::get:
            return get_snapshot(context, remote, command);
        case SnapshotVerb::remove:
            return remove_snapshots(context, remote, command.stream);
    }
    return success();
}

}  // namespace capstan::cli
