#pragma once
#include <capstan/engine/runtime/storage.hpp>
#include <capstan/schema/frame.hpp>
#include <capstan/sequencer/file_journal.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// What is in a segment file and how to take it apart, one frame at a time.
namespace capstan::file_journal {

inline constexpr std::string_view kSpareName = "spare";  // zeros, flushed
inline constexpr std::string_view kSpareUnfinishedName = "spare.part";
inline constexpr std::string_view kLockName = "lock";

std::string segment_name(SegmentNumber number);
std::optional<SegmentNumber> parse_segment_name(std::string_view name);
/// In order, of the segments among the names.
std::vector<SegmentNumber> segments_in(std::vector<std::string> const& names);

constexpr std::uint64_t block_bytes(std::uint8_t block_shift) {
    return std::uint64_t{1} << block_shift;
}

inline constexpr std::string_view kHashDiffers = "the payload of a frame differs from its hash";
inline constexpr std::string_view kNoFrame = "no whole frame here";
/// `segment 3, offset 8192`
std::string place_text(SegmentNumber segment, Offset offset);
/// `positions 17..20`
std::string positions_text(Position first, Position last);
/// `segment 3, offset 8192, positions 17..20: payload hash differs`
Error corrupt(
    SegmentNumber segment, Offset offset, Position first, Position last, std::string_view why);

/// Reads a file in pieces through a buffer that runs ahead. The size is that at the start.
class ReadWindow {
  public:
    static constexpr std::size_t kAheadBytes = 256 * 1'024;

    static Result<ReadWindow> over(File& file, std::size_t ahead_bytes = kAheadBytes);
    /// `bytes` from `at`, fewer at the end of the file. Valid until the next call.
    Result<ByteView> view(std::uint64_t at, std::uint64_t bytes);
    std::uint64_t file_bytes() const { return file_bytes_; }

  private:
    ReadWindow(File& file, std::uint64_t file_bytes, std::size_t ahead_bytes)
        : file_(&file), file_bytes_(file_bytes), ahead_bytes_(ahead_bytes) {}

    File* file_;
    std::uint64_t file_bytes_;
    std::size_t ahead_bytes_;
    Bytes buffer_;
    std::uint64_t start_ = 0;  // of the buffer, in the file
};

/// Errors: `journal_corrupt` (no valid header, or another number), `format_unknown`, `disk_io`.
Result<SegmentHeader> read_segment_header(File& file, SegmentNumber number);

/// What stands at one place of a segment.
struct FrameAt {
    enum class State : std::uint8_t {
        absent,   // nothing of this life of the file
        unknown,  // a header of this life in a newer format
        damaged,  // a header of this life, its payload cut short or altered
        whole,
    };
    State state = State::absent;
    FrameHeader header;  // of damaged and whole ones
    ByteView payload;    // of whole ones, valid until the window moves

    /// Where it ends on disk, if nothing is cut short.
    std::uint64_t end() const {
        return header.offset.value + frame_extent(header.payload_bytes, header.block_shift);
    }
};
/// The header alone is looked at: `whole` says nothing of the payload.
FrameAt probe_header(ByteView bytes, SegmentHeader const& segment, Offset offset);
Result<FrameAt> frame_at(ReadWindow& window, SegmentHeader const& segment, Offset offset);

/// The first place behind `behind` where a frame header of this life stands, of this format or a
/// newer one. The payload is not looked at. Nothing: there is none.
Result<std::optional<FrameAt>> next_frame(ReadWindow& window,
                                          SegmentHeader const& segment,
                                          Offset behind);

/// The last place in the file where a frame header of this life stands. The payload has been
/// checked and is not handed out. Nothing: there is none.
Result<std::optional<FrameAt>> last_frame(File& file, SegmentHeader const& segment);

/// The `count` whole submissions that a payload is. Errors: `malformed` (it isn't).
Result<> split(ByteView payload, std::uint32_t count, std::vector<ByteView>& submissions);

}  // namespace capstan::file_journal
