#include "segment.hpp"

#include <algorithm>
#include <capstan/schema/hash.hpp>
#include <capstan/schema/submission.hpp>
#include <charconv>
#include <utility>

namespace capstan::file_journal {
namespace {

constexpr std::string_view kSegmentPrefix = "segment-";
constexpr std::size_t kSegmentDigits = 10;

// The frame's secret keeps its place in every version of the format, so that leftovers of newer
// builds in a reused file are told from frames of this life.
constexpr std::size_t kSecretAt = 24;

std::uint64_t secret_in(ByteView header) {
    return header.size() < kFrameHeaderBytes ? 0 : load<std::uint64_t>(header.data() + kSecretAt);
}

bool counts_in_range(FrameHeader const& header) {
    return header.count <= ~std::uint64_t{0} - header.first_position.value;
}

}  // namespace

std::string segment_name(SegmentNumber number) {
    auto digits = std::to_string(number.value);
    digits.insert(0, kSegmentDigits - std::min(kSegmentDigits, digits.size()), '0');
    return std::string(kSegmentPrefix) + digits;
}

std::optional<SegmentNumber> parse_segment_name(std::string_view name) {
    if (!name.starts_with(kSegmentPrefix)) {
        return std::nullopt;
    }
    auto const digits = name.substr(kSegmentPrefix.size());
    SegmentNumber number;
    auto const [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), number.value);
    if (error != std::errc{} || number.value == 0 || segment_name(number) != name) {
        return std::nullopt;
    }
    return number;
}

std::vector<SegmentNumber> segments_in(std::vector<std::string> const& names) {
    std::vector<SegmentNumber> numbers;
    for (auto const& name : names) {
        if (auto const number = parse_segment_name(name)) {
            numbers.push_back(*number);
        }
    }
    std::ranges::sort(numbers);
    return numbers;
}

std::string place_text(SegmentNumber segment, Offset offset) {
    return "segment " + std::to_string(segment.value) + ", offset " + std::to_string(offset.value);
}

std::string positions_text(Position first, Position last) {
    return "positions " + std::to_string(first.value) + ".." + std::to_string(last.value);
}

Error corrupt(
    SegmentNumber segment, Offset offset, Position first, Position last, std::string_view why) {
    auto detail = place_text(segment, offset) + ", " + positions_text(first, last) + ": ";
    return Error{Errc::journal_corrupt, detail.append(why)};
}

Result<ReadWindow> ReadWindow::over(File& file, std::size_t ahead_bytes) {
    CAPSTAN_TRY(auto const file_bytes, file.size());
    return ReadWindow(file, file_bytes, ahead_bytes);
}

Result<ByteView> ReadWindow::view(std::uint64_t at, std::uint64_t bytes) {
    at = std::min(at, file_bytes_);
    auto const wanted = static_cast<std::size_t>(std::min(bytes, file_bytes_ - at));
    if (at < start_ || at + wanted > start_ + buffer_.size()) {
        auto const more = std::min<std::uint64_t>(file_bytes_ - at, std::max(wanted, ahead_bytes_));
        buffer_.resize(static_cast<std::size_t>(more));
        start_ = at;
        CAPSTAN_TRY(auto const got, file_->pread(buffer_, at));
        buffer_.resize(got);
    }
    auto const skipped = static_cast<std::size_t>(at - start_);
    return ByteView(buffer_).subspan(skipped, std::min(wanted, buffer_.size() - skipped));
}

Result<SegmentHeader> read_segment_header(File& file, SegmentNumber number) {
    std::array<std::byte, kSegmentHeaderBytes> bytes{};
    CAPSTAN_TRY(auto const got, file.pread(bytes, 0));
    auto header = decode_segment_header(ByteView(bytes).first(got));
    if (header && header.value().number == number.value) {
        return header;
    }
    auto const why =
        header ? "bears number " + std::to_string(header.value().number) : header.error().detail;
    auto const code = header || header.error().code == Errc::malformed ? Errc::journal_corrupt
                                                                       : header.error().code;
    return Error{code, "segment " + std::to_string(number.value) + ": " + why};
}

FrameAt probe_header(ByteView bytes, SegmentHeader const& segment, Offset offset) {
    if (secret_in(bytes) != segment.secret) {
        return {};
    }
    auto header = decode_frame_header(bytes);
    if (!header) {
        bool const newer = header.error().code == Errc::format_unknown;
        FrameHeader nothing;
        nothing.offset = offset;
        return {newer ? FrameAt::State::unknown : FrameAt::State::absent, nothing, {}};
    }
    bool const here = header.value().offset == offset &&
                      header.value().block_shift == segment.block_shift &&
                      counts_in_range(header.value());
    return {here ? FrameAt::State::whole : FrameAt::State::absent, header.value(), {}};
}

Result<FrameAt> frame_at(ReadWindow& window, SegmentHeader const& segment, Offset offset) {
    CAPSTAN_TRY(auto const head, window.view(offset.value, kFrameHeaderBytes));
    auto found = probe_header(head, segment, offset);
    if (found.state != FrameAt::State::whole) {
        return found;
    }
    CAPSTAN_TRY(auto const payload,
                window.view(offset.value + kFrameHeaderBytes, found.header.payload_bytes));
    bool const sound = payload.size() == found.header.payload_bytes &&
                       hash64(payload) == found.header.payload_hash;
    found.state = sound ? FrameAt::State::whole : FrameAt::State::damaged;
    found.payload = sound ? payload : ByteView{};
    return found;
}

Result<std::optional<FrameAt>> next_frame(ReadWindow& window,
                                          SegmentHeader const& segment,
                                          Offset behind) {
    auto const block = block_bytes(segment.block_shift);
    for (auto at = behind.value + block; at < window.file_bytes(); at += block) {
        CAPSTAN_TRY(auto const head, window.view(at, kFrameHeaderBytes));
        auto const found = probe_header(head, segment, Offset{at});
        if (found.state != FrameAt::State::absent) {
            return std::optional<FrameAt>(found);
        }
    }
    return std::optional<FrameAt>{};
}

Result<std::optional<FrameAt>> last_frame(File& file, SegmentHeader const& segment) {
    auto const block = block_bytes(segment.block_shift);
    CAPSTAN_TRY(auto window, ReadWindow::over(file));
    auto end = window.file_bytes() / block * block;
    while (end > block) {
        // Backwards, one window at a time, down to the header block.
        auto const start = end - std::min<std::uint64_t>(end - block, ReadWindow::kAheadBytes);
        CAPSTAN_TRY(auto const piece, window.view(start, end - start));
        for (auto at = end - block;; at -= block) {
            auto const head = piece.subspan(std::min<std::uint64_t>(at - start, piece.size()));
            auto const found = probe_header(head, segment, Offset{at});
            if (found.state != FrameAt::State::absent) {
                CAPSTAN_TRY(auto frame, frame_at(window, segment, Offset{at}));
                frame.payload = {};
                return std::optional<FrameAt>(frame);
            }
            if (at == start) {
                break;
            }
        }
        end = start;
    }
    return std::optional<FrameAt>{};
}

Result<> split(ByteView payload, std::uint32_t count, std::vector<ByteView>& submissions) {
    submissions.clear();
    while (submissions.size() < count) {
        CAPSTAN_TRY(auto const length, submission_length(payload));
        if (length > payload.size()) {
            return Error{Errc::malformed, "a submission reaches beyond its frame"};
        }
        submissions.push_back(payload.first(length));
        payload = payload.subspan(length);
    }
    if (!payload.empty()) {
        return Error{Errc::malformed, "bytes behind the last submission"};
    }
    return success();
}

}  // namespace capstan::file_journal
