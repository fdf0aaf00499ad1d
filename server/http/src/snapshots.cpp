#include <capstan/snapshotter/keeper.hpp>
#include <utility>

#include "api.hpp"

namespace capstan {
namespace {

/// What a chunk's id names never changes; a cache of the device's own may keep it.
constexpr std::string_view kFrozen = "private, max-age=31536000, immutable";

std::string snapshot_json(std::string_view stream, SnapshotOffer const& offer) {
    return "{\"stream\":" + json_string(stream) + ",\"generation\":\"" +
           to_string(offer.generation) + "\",\"seq\":" + std::to_string(offer.seq.value) +
           ",\"chain\":\"" + to_string(offer.chain) +
           "\",\"mark\":" + std::to_string(offer.mark.value) +
           ",\"objects\":" + std::to_string(offer.objects) + ",\"state_hash\":\"" +
           to_string(Generation{offer.state_hash}) + "\",\"manifest\":\"" +
           to_string(offer.manifest) +
           "\",\"manifest_bytes\":" + std::to_string(offer.manifest_bytes) +
           ",\"chunks\":" + std::to_string(offer.chunks) +
           ",\"chunk_bytes\":" + std::to_string(offer.chunk_bytes) +
           ",\"event_bytes\":" + std::to_string(offer.event_bytes) + "}";
}

}  // namespace

/// Fails the call if it may not go on.
bool Api::may_see_snapshots(HttpCall const& call) const {
    bool const readable = call.principal.may_read(call.stream);
    if (!readable) {
        call.fail({Errc::not_found, call.stream});  // as if it weren't there
    } else if (seams_.snapshots == nullptr) {
        call.fail({Errc::not_found, "this server makes no snapshots"});
    }
    return readable && seams_.snapshots != nullptr;
}

bool Api::may_change_snapshots(HttpCall const& call) const {
    if (!may_see_snapshots(call)) {
        return false;
    }
    bool const writable = call.principal.may_write(call.stream);
    if (!writable) {
        call.fail({Errc::denied, call.stream});
    }
    return writable;
}

HttpResponse Api::snapshot_problem(Error const& error) const {
    return problem_of(error, retry_after(error.code));
}

void Api::list_snapshots(HttpCall call) {
    if (!may_see_snapshots(call)) {
        return;
    }
    std::string body = "{\"snapshots\":[";
    for (auto const& offer : seams_.snapshots->list(call.stream)) {
        body += (body.back() == '[' ? "" : ",") + snapshot_json(call.stream, offer);
    }
    call.respond({.fields = {{"Cache-Control", "no-store"}}, .body = body + "]}\n"});
}

void Api::create_snapshot(HttpCall call) {
    if (may_change_snapshots(call)) {
        seams_.snapshots->create(call.stream, answer_with_snapshot(call, 201));
    }
}

void Api::check_snapshot(HttpCall call) {
    if (may_change_snapshots(call)) {
        seams_.snapshots->check(call.stream, answer_with_snapshot(call, 200));
    }
}

SnapshotKeeper::OnSnapshot Api::answer_with_snapshot(HttpCall const& call, unsigned status) const {
    return [this, respond = call.respond, stream = call.stream, status](
               Result<SnapshotOffer> const& offer) {
        respond(offer ? HttpResponse{.status = status,
                                     .fields = {{"Cache-Control", "no-store"}},
                                     .body = snapshot_json(stream, offer.value()) + "\n"}
                      : snapshot_problem(offer.error()));
    };
}

void Api::remove_snapshots(HttpCall call) {
    if (!may_change_snapshots(call)) {
        return;
    }
    seams_.snapshots->remove(call.stream, [this, respond = call.respond](Result<> const& removed) {
        respond(removed ? HttpResponse{.status = 204, .fields = {{"Cache-Control", "no-store"}}}
                        : snapshot_problem(removed.error()));
    });
}

void Api::show_chunk(HttpCall call) {
    if (!may_see_snapshots(call)) {
        return;
    }
    auto const id = parse_chunk_id(call.chunk);
    if (!id) {
        return call.fail({Errc::request_invalid, "a chunk is named by 64 lower-case hex digits"});
    }
    auto const tag = '"' + call.chunk + '"';
    auto const done =
        [this, respond = call.respond, tag](Result<SnapshotSource::SharedBytes> const& bytes) {
            if (!bytes) {
                return respond(snapshot_problem(bytes.error()));
            }
            respond({.fields = {{"ETag", tag}, {"Cache-Control", std::string(kFrozen)}},
                     .content_type = "application/octet-stream",
                     .body = std::string(as_text(*bytes.value()))});
        };
    seams_.snapshots->read(call.stream, *id, done);
}

}  // namespace capstan
