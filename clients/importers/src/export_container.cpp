#include "export_container.hpp"

#include <algorithm>
#include <capstan/engine/snapshot/packing.hpp>
#include <capstan/schema/limits.hpp>
#include <utility>

namespace capstan::importers {
namespace {

constexpr std::uint8_t kVersion = 1;
enum Kind : std::uint8_t { kBegin = 1, kRuns = 2, kEnd = 3 };

constexpr std::size_t kHeadBytes = 48;
/// A block is closed once it has come this far.
constexpr std::size_t kBlockBytes = 1 << 20;
/// What a block can come to: one that lacked a byte, and the largest run.
constexpr std::size_t kBlockBytesMax = 2 * kBlockBytes;
static_assert(kBlockBytes >= kSubmissionBytesMax);

Bytes block_of(std::uint8_t kind, ByteView content) {
    auto const packed = pack_chunk(content);
    Bytes block;
    ByteWriter(block)
        .put(ExportContainerReader::kMagic)
        .put(kVersion)
        .put(kind)
        .put(std::uint16_t{0})
        .put(static_cast<std::uint32_t>(content.size()))
        .put(static_cast<std::uint32_t>(packed.size()))
        .put(ByteView(chunk_id(content).bytes))
        .put(ByteView(packed));
    return block;
}

Result<> begin_of(ByteView content, ExportedPiece& piece) {
    ByteReader in(content);
    ExportedStream stream;
    stream.generation.value = in.get<std::uint64_t>();
    stream.after.value = in.get<std::uint64_t>();
    stream.chain = in.get_hash();
    stream.name = as_text(in.rest());
    piece = std::move(stream);
    return in.ok() ? Result<>(success()) : Error{Errc::malformed, "a section's begin"};
}

Result<> end_of(ByteView content, ExportedPiece& piece) {
    ByteReader in(content);
    ExportedEnd end;
    end.head.value = in.get<std::uint64_t>();
    end.chain = in.get_hash();
    piece = end;
    return in.done() ? Result<>(success()) : Error{Errc::malformed, "a section's end"};
}

}  // namespace

Result<> ExportContainerWriter::begin(ExportedStream const& stream) {
    Bytes content;
    ByteWriter(content)
        .put(stream.generation.value)
        .put(stream.after.value)
        .put(stream.chain)
        .put(stream.name);
    return write_(as_text(block_of(kBegin, content)));
}

Result<> ExportContainerWriter::run(Seq first, Seq mark_before, DeliveredRunView const& run) {
    if (runs_.empty()) {
        ByteWriter(runs_).put(first.value);
    }
    ByteWriter(runs_).put(mark_before.value).put(run.bytes());
    return runs_.size() >= kBlockBytes ? write_runs() : success();
}

Result<> ExportContainerWriter::write_runs() {
    auto const content = std::exchange(runs_, {});
    return content.empty() ? Result<>(success()) : write_(as_text(block_of(kRuns, content)));
}

Result<> ExportContainerWriter::end(ExportedEnd const& end) {
    CAPSTAN_TRY(write_runs());
    Bytes content;
    ByteWriter(content).put(end.head.value).put(end.chain);
    return write_(as_text(block_of(kEnd, content)));
}

Error ExportContainerReader::at_block(Error error) const {
    error.detail = "block at byte " + std::to_string(whole_bytes_) + ": " + error.detail;
    return error;
}

/// False at the end of the file; what is missing then was cut off.
Result<bool> ExportContainerReader::fill(Bytes& bytes) {
    for (std::size_t have = 0; have < bytes.size();) {
        auto* const at = reinterpret_cast<char*>(bytes.data()) + have;
        CAPSTAN_TRY(auto const got, read_({at, bytes.size() - have}));
        if (got == 0) {
            cut_off_ = cut_off_ || have > 0;
            return false;
        }
        have += got;
        read_bytes_ += got;
    }
    return true;
}

/// Sizes are looked at before anything of that size is allocated.
Result<bool> ExportContainerReader::take_block() {
    Bytes head(kHeadBytes);
    CAPSTAN_TRY(auto const begun, fill(head));
    if (!begun) {
        return false;
    }
    ByteReader in(head);
    auto const magic = as_text(in.take(kMagic.size()));
    auto const version = in.get<std::uint8_t>();
    kind_ = in.get<std::uint8_t>();
    auto const zero = in.get<std::uint16_t>();
    ChunkRef ref;
    ref.bytes = in.get<std::uint32_t>();
    ref.packed_bytes = in.get<std::uint32_t>();
    std::ranges::copy(in.rest(), ref.id.bytes.begin());
    if (magic != kMagic || zero != 0) {
        return at_block({Errc::malformed, "no head of a block"});
    }
    if (version != kVersion || kind_ < kBegin || kind_ > kEnd) {
        return at_block({Errc::format_unknown,
                         "version " + std::to_string(version) + ", kind " + std::to_string(kind_)});
    }
    if (ref.bytes > kBlockBytesMax || ref.packed_bytes > kBlockBytesMax) {
        return at_block({Errc::malformed, "larger than any block"});
    }
    Bytes packed(ref.packed_bytes);
    CAPSTAN_TRY(auto const whole, fill(packed));
    if (!whole) {
        cut_off_ = true;
        return false;
    }
    auto content = unpack_chunk(packed, ref);
    if (!content) {
        return at_block(content.error());
    }
    content_ = std::move(content).value();
    return true;
}

Result<bool> ExportContainerReader::next(ExportedPiece& piece) {
    if (taken_ == 0) {
        CAPSTAN_TRY(auto const more, take_block());
        if (!more) {
            return false;
        }
    }
    if (kind_ == kRuns) {
        CAPSTAN_TRY(take_run(piece));
        return true;
    }
    auto const read = kind_ == kBegin ? begin_of(content_, piece) : end_of(content_, piece);
    if (!read) {
        return at_block(read.error());
    }
    whole_bytes_ = read_bytes_;
    return true;
}

/// The block counts as whole with its last run.
Result<> ExportContainerReader::take_run(ExportedPiece& piece) {
    ByteReader in(ByteView(content_).subspan(taken_));
    if (taken_ == 0) {
        next_.value = in.get<std::uint64_t>();
    }
    Seq const mark{in.get<std::uint64_t>()};
    auto const run = DeliveredRunView::take(in);
    if (!run) {
        return at_block(run.error());
    }
    auto const first = std::exchange(next_, next_.plus(run.value().run().count()));
    auto const bytes = run.value().bytes();
    taken_ = in.rest().empty() ? 0 : content_.size() - in.rest().size();
    whole_bytes_ = taken_ == 0 ? read_bytes_ : whole_bytes_;
    piece = ExportedRun{first, mark, Bytes(bytes.begin(), bytes.end())};
    return success();
}

}  // namespace capstan::importers
