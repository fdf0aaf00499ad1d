#pragma once
#include <array>
#include <capstan/schema/bytes.hpp>
#include <capstan/schema/error.hpp>
#include <capstan/sequencer/checkpoint_store.hpp>
#include <cstdint>

/// Keys and values of the LMDB checkpoint store; see its header for the grammar.
namespace capstan::checkpoint_rows {

using NumberKey = std::array<std::byte, 4>;
using PositionKey = std::array<std::byte, 8>;
using DeviceKey = std::array<std::byte, 20>;
using RunsKey = std::array<std::byte, 16>;

NumberKey key_of(StreamNumber number);
PositionKey key_of(Position position);
DeviceKey key_of(StreamNumber stream, DeviceId const& device);
RunsKey key_of(SegmentNumber segment, Position position);

/// Errors of these: `index_damaged` (a key or value of another length).
Result<StreamNumber> number_of(ByteView bytes);
Result<Position> position_of(ByteView key);
Result<std::pair<SegmentNumber, Position>> runs_key_of(ByteView key);

/// Ends a value with its check.
void seal_value(Bytes& value, ByteView key);
/// The value without its check. Errors: `index_damaged`.
Result<ByteView> open_value(ByteView value, ByteView key);

Bytes encode_stream(StreamWrite const& write, Position changed);
Result<StoredStream> decode_stream(ByteView value, StreamNumber number);
Result<Position> changed_of(ByteView value, StreamNumber number);

struct State {
    Checkpoint checkpoint;
    SegmentNumber retired;
};
Bytes encode_state(State const& state);
Result<State> decode_state(ByteView value);
ByteView state_key();
ByteView format_key();

Error damaged(std::string_view what);

}  // namespace capstan::checkpoint_rows
