// A chunk before compression, little-endian:
//
//   chunk    = version:u8 kind:u8 body
//   objects  = (length:u32 object){…}          kind 0; canonical object bytes, ids ascend
//   devices  = id:16{1..1,024}                 kind 1
//   window   = section                         kind 2
//   counters = u64{1..1,024}                   kind 3
//
// Kinds 4 to 7: snapshotter/src/past.cpp.
#include <capstan/engine/model/canonical.hpp>
#include <capstan/engine/snapshot/chunk.hpp>
#include <utility>

namespace capstan {
namespace {

constexpr std::uint8_t kVersion = 1;

}  // namespace

Bytes make_chunk(ChunkKind kind, ByteView body) {
    Bytes out;
    ByteWriter(out).put(kVersion).put(static_cast<std::uint8_t>(kind)).put(body);
    return out;
}

Result<ByteView> open_chunk(ChunkKind kind, ByteView bytes) {
    ByteReader in(bytes);
    auto const version = in.get<std::uint8_t>();
    auto const found = in.get<std::uint8_t>();
    if (in.ok() && version != kVersion) {
        return Error{Errc::format_unknown, "chunk of version " + std::to_string(version)};
    }
    if (!in.ok() || found != static_cast<std::uint8_t>(kind)) {
        return Error{Errc::malformed, "chunk: another kind"};
    }
    return in.rest();
}

Result<> each_object(ByteView chunk,
                     std::function<Result<>(ObjectHead const&, ByteView)> const& visit) {
    CAPSTAN_TRY(auto const body, open_chunk(ChunkKind::objects, chunk));
    ByteReader in(body);
    std::string before;
    while (!in.rest().empty()) {
        auto const object = in.take(in.get<std::uint32_t>());
        if (!in.ok()) {
            return Error{Errc::malformed, "chunk: cut object"};
        }
        CAPSTAN_TRY(auto const head, read_object_head(object));
        if (head.id <= before) {
            return Error{Errc::malformed, "chunk: objects out of order"};
        }
        before = head.id;
        CAPSTAN_TRY(visit(head, object));
    }
    return success();
}

Bytes make_counters(std::span<Counter const> counters) {
    Bytes body;
    ByteWriter out(body);
    for (auto const counter : counters) {
        out.put(counter.value);
    }
    return make_chunk(ChunkKind::counters, body);
}

Result<std::vector<Counter>> read_counters(ByteView chunk) {
    CAPSTAN_TRY(auto const body, open_chunk(ChunkKind::counters, chunk));
    std::vector<Counter> counters;
    ByteReader in(body);
    while (!in.rest().empty()) {
        counters.push_back(Counter{in.get<std::uint64_t>()});
    }
    if (!in.ok()) {
        return Error{Errc::malformed, "chunk: cut counter"};
    }
    return counters;
}

}  // namespace capstan
