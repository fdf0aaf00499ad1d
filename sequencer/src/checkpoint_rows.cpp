#include "checkpoint_rows.hpp"

#include <capstan/schema/hash.hpp>
#include <string>

namespace capstan::checkpoint_rows {
namespace {

constexpr std::size_t kCheckBytes = 4;
constexpr std::size_t kChangedBytes = 8;

void store_big_endian(std::byte* at, std::uint64_t value, std::size_t bytes) {
    for (std::size_t i = 0; i < bytes; ++i) {
        at[i] = static_cast<std::byte>(value >> (8 * (bytes - 1 - i)));
    }
}

std::uint64_t load_big_endian(ByteView bytes) {
    std::uint64_t value = 0;
    for (auto const byte : bytes) {
        value = value << 8 | static_cast<std::uint64_t>(byte);
    }
    return value;
}

std::uint32_t check_of(ByteView value, ByteView key) {
    return static_cast<std::uint32_t>(hash64(value) ^ hash64(key));
}

}  // namespace

Error damaged(std::string_view what) {
    return Error{Errc::index_damaged, "checkpoint store: " + std::string(what)};
}

NumberKey key_of(StreamNumber number) {
    NumberKey key;
    store_big_endian(key.data(), number.value, 4);
    return key;
}

PositionKey key_of(Position position) {
    PositionKey key;
    store_big_endian(key.data(), position.value, 8);
    return key;
}

DeviceKey key_of(StreamNumber stream, DeviceId const& device) {
    DeviceKey key;
    store_big_endian(key.data(), stream.value, 4);
    std::memcpy(key.data() + 4, device.bytes.data(), device.bytes.size());
    return key;
}

RunsKey key_of(SegmentNumber segment, Position position) {
    RunsKey key;
    store_big_endian(key.data(), segment.value, 8);
    store_big_endian(key.data() + 8, position.value, 8);
    return key;
}

Result<StreamNumber> number_of(ByteView bytes) {
    if (bytes.size() != sizeof(NumberKey)) {
        return damaged("a stream number");
    }
    return StreamNumber{static_cast<std::uint32_t>(load_big_endian(bytes))};
}

Result<Position> position_of(ByteView key) {
    if (key.size() != sizeof(PositionKey)) {
        return damaged("a position");
    }
    return Position{load_big_endian(key)};
}

Result<std::pair<SegmentNumber, Position>> runs_key_of(ByteView key) {
    if (key.size() != sizeof(RunsKey)) {
        return damaged("a key of runs");
    }
    return std::pair(SegmentNumber{load_big_endian(key.first(8))},
                     Position{load_big_endian(key.subspan(8))});
}

void seal_value(Bytes& value, ByteView key) {
    ByteWriter(value).put(check_of(value, key));
}

Result<ByteView> open_value(ByteView value, ByteView key) {
    if (value.size() < kCheckBytes) {
        return damaged("a row is cut");
    }
    auto const inside = value.first(value.size() - kCheckBytes);
    if (load<std::uint32_t>(value.data() + inside.size()) != check_of(inside, key)) {
        return damaged("a row's check");
    }
    return inside;
}

Bytes encode_stream(StreamWrite const& write, Position changed) {
    Bytes value;
    value.reserve(write.row.size() + 8 + kCheckBytes);
    ByteWriter(value).put(changed.value).put(ByteView(write.row));
    seal_value(value, key_of(write.number));
    return value;
}

Result<Position> changed_of(ByteView value, StreamNumber number) {
    CAPSTAN_TRY(auto const inside, open_value(value, key_of(number)));
    if (inside.size() < kChangedBytes) {
        return damaged("a stream's row");
    }
    return Position{load<std::uint64_t>(inside.data())};
}

Result<StoredStream> decode_stream(ByteView value, StreamNumber number) {
    CAPSTAN_TRY(auto const changed, changed_of(value, number));
    auto const row = value.subspan(kChangedBytes, value.size() - kChangedBytes - kCheckBytes);
    return StoredStream{number, changed, Bytes(row.begin(), row.end())};
}

ByteView state_key() {
    return as_bytes("checkpoint");
}

ByteView format_key() {
    return as_bytes("format");
}

Bytes encode_state(State const& state) {
    auto const& checkpoint = state.checkpoint;
    Bytes value;
    ByteWriter(value)
        .put(checkpoint.position.value)
        .put(checkpoint.chain)
        .put(checkpoint.segment.value)
        .put(checkpoint.offset.value)
        .put(checkpoint.state_hash)
        .put(state.retired.value)
        .put(ByteView(checkpoint.partition_row));
    seal_value(value, state_key());
    return value;
}

Result<State> decode_state(ByteView value) {
    CAPSTAN_TRY(auto const inside, open_value(value, state_key()));
    ByteReader in(inside);
    State state;
    auto& checkpoint = state.checkpoint;
    checkpoint.position.value = in.get<std::uint64_t>();
    checkpoint.chain = in.get_hash();
    checkpoint.segment.value = in.get<std::uint64_t>();
    checkpoint.offset.value = in.get<std::uint64_t>();
    checkpoint.state_hash = in.get<std::uint64_t>();
    state.retired.value = in.get<std::uint64_t>();
    checkpoint.partition_row.assign(in.rest().begin(), in.rest().end());
    if (!in.ok()) {
        return damaged("the checkpoint's row");
    }
    return state;
}

}  // namespace capstan::checkpoint_rows
