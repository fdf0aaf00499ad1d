#pragma once
#include <capstan/sequencer/checkpoint_store.hpp>
#include <capstan/sequencer/run_entry.hpp>
#include <optional>
#include <vector>

namespace capstan {

/// Encodes run entries, in journal order, into chunks that a checkpoint stores.
///
///   chunk := run+
///   run   := varint stream, varint first seq, varint count, varint offset, varint bytes,
///            varint lead, varint position, 16 B device, u64 attempt, varint first counter,
///            varint mark, hash128 chain
///
/// Offset and position are distances: from the end and the position of the run before in the chunk;
/// of the first run, from 0 and from the chunk's own position.
class RunChunkWriter {
  public:
    void add(RunEntry const& run);
    /// What was added since the last call.
    std::vector<RunChunk> take();

  private:
    std::vector<RunChunk> chunks_;
    Position position_;
    std::uint64_t offset_end_ = 0;
    bool open_ = false;  // the last chunk takes more
};

/// Errors: `index_damaged`.
Result<std::vector<RunEntry>> decode_run_chunk(RunChunk const& chunk);

}  // namespace capstan
