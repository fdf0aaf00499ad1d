#pragma once
#include <capstan/schema/bytes.hpp>
#include <capstan/schema/error.hpp>
#include <capstan/schema/ids.hpp>
#include <capstan/sequencer/run_entry.hpp>
#include <capstan/sequencer/segment_reader.hpp>
#include <capstan/sequencer/stream_links.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

/// The index of a sealed segment: all its accepted runs, by (stream, first seq). It is written
/// once, as payload of the segment's last frame, and read in pieces: the table, then one block at a
/// time, each with its own checksum. Derived: the same submissions give the same bytes again.
///
///   footer := header, row[blocks], block[blocks]
///   header := u32 magic "CFTR", u8 version = 1, 3 B zero, u64 segment, u64 base position,
///             u32 streams, u32 runs, u32 blocks, u32 zero, u64 checksum
///   row    := u32 stream, u32 offset of the block in the footer, u64 first seq, u64 block checksum
///   block  := part+
///   part   := varint bytes of the rest, varint stream, varint first seq, varint links, link*,
///             varint devices, device*, varint position, varint mark, varint runs, run+
///   link   := varint segments back, varint seqs back
///   device := 16 B id, u64 attempt, varint first counter
///   run    := varint device and change, [u64 attempt, varint first counter], varint count,
///             varint offset, varint bytes, varint lead, varint position, varint mark, hash128
///             chain
///
/// Checksums are XXH3-64; the header's covers header and rows, with itself as zero. A row names the
/// first part of its block. A block ends when it has reached `kFooterBlockBytes`; a stream whose
/// runs go on in the next block begins a new part there. Numbers are differences: a part's stream
/// to the part before in the block, its position to the base position; a link to the link after it,
/// the last link to the part; a run's offset to the end of the run before, its position to that of
/// the run before, its mark, in zigzag, to the mark before (the part's mark is 0 or that of the run
/// before the part). A part lists its devices with attempt and first counter of their first run in
/// it; a run says by the lowest bit of its first number that attempt and counter are not those that
/// follow the device's run before. Seqs are not stored: they are dense.
/// Source: docs/on-disk-format.md, "Footer".
namespace capstan {

inline constexpr std::size_t kFooterBlockBytes = 4'096;

/// One row of the table: where a block is, and what it begins with.
struct FooterRow {
    StreamNumber stream;
    std::uint32_t at = 0;  // from the start of the footer
    Seq first;
    std::uint64_t hash = 0;
};

/// Makes a footer. Streams come in ascending order, each followed by its runs, at least one.
class FooterWriter {
  public:
    /// `base`: at or below the position of every run.
    FooterWriter(SegmentNumber segment, Position base);

    /// `links`: the older segments that this one links to, oldest first
    /// (`StreamLinks::next_links`).
    void stream(StreamNumber stream, std::span<SegmentLink const> links);
    void run(RunEntry const& run);
    Bytes finish();

  private:
    struct Device {
        DeviceId id;
        Attempt first_attempt;
        Counter first_counter;
        Attempt attempt;  // of its newest run
        Counter next;     // after its newest run
    };
    /// The part being written.
    struct Part {
        StreamNumber stream;
        Seq first;
        Seq next;
        Position base;  // of its first run
        Position position;
        Seq mark;         // of the newest run
        Seq mark_before;  // of the first run
        std::uint64_t offset_end = 0;
        std::uint32_t runs = 0;
        std::vector<SegmentLink> links;
        std::vector<Device> devices;
        Bytes bytes;  // of its runs
    };

    void start_part(RunEntry const& run);
    void put_device(RunEntry const& run);
    void end_part();
    void end_block();

    SegmentNumber segment_;
    Position base_;
    std::uint32_t streams_ = 0;
    std::uint32_t runs_ = 0;
    std::vector<FooterRow> rows_;
    Bytes blocks_;
    std::size_t block_at_ = 0;      // where the block being written starts in blocks_
    StreamNumber stream_in_block_;  // of the last part in it
    Part part_;
};

/// The runs of one stream in one block.
struct FooterPart {
    StreamNumber stream;
    std::vector<SegmentLink> links;  // oldest first; in the stream's first part only
    std::vector<RunEntry> runs;
};

/// Header and rows of a footer: which block holds what.
class FooterTable {
  public:
    static constexpr std::size_t kHeaderBytes = 48;
    static constexpr std::size_t kRowBytes = 24;

    /// Bytes of header and rows together, from the header alone. Errors: `index_damaged`,
    /// `format_unknown`.
    static Result<std::size_t> size_of(ByteView header, std::uint64_t footer_bytes);
    /// `bytes`: header and rows. Errors: as `size_of`.
    static Result<FooterTable> decode(ByteView bytes, std::uint64_t footer_bytes);

    /// The block that holds a seq of a stream, if the footer has it: the last one that begins at or
    /// before it. Nothing if all begin behind it.
    std::optional<std::size_t> find(StreamNumber stream, Seq seq) const;

    /// Whether a block's first part is of this stream.
    bool begins_with(std::size_t block, StreamNumber stream) const {
        return rows_[block].stream == stream;
    }

    SegmentNumber segment() const { return segment_; }
    std::uint32_t streams() const { return streams_; }
    std::uint32_t runs() const { return runs_; }
    std::size_t blocks() const { return rows_.size(); }
    std::uint64_t block_at(std::size_t block) const { return rows_[block].at; }
    std::size_t block_bytes(std::size_t block) const;
    std::size_t memory_bytes() const { return sizeof *this + rows_.capacity() * sizeof(FooterRow); }

    /// Reads the part of `stream` from a block into `part`; false if the block has none.
    /// Errors: `index_damaged`.
    Result<bool> read_part(std::size_t block,
                           ByteView bytes,
                           StreamNumber stream,
                           FooterPart& part) const;
    /// All parts of a block.
    Result<std::vector<FooterPart>> read_parts(std::size_t block, ByteView bytes) const;

  private:
    Error damaged(std::string const& detail) const;
    Result<> check_block(std::size_t block, ByteView bytes) const;
    Result<> check_rows() const;

    SegmentNumber segment_;
    Position base_;
    std::uint32_t streams_ = 0;
    std::uint32_t runs_ = 0;
    std::uint64_t footer_bytes_ = 0;
    std::vector<FooterRow> rows_;
};

/// A whole footer with all that can be checked in it, for `verify` and tests. The parts of a stream
/// are joined. Errors: `index_damaged`, `format_unknown`.
Result<std::vector<FooterPart>> decode_footer(ByteView footer);

}  // namespace capstan
