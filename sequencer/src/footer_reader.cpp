#include <algorithm>
#include <capstan/schema/hash.hpp>
#include <capstan/schema/limits.hpp>
#include <capstan/sequencer/footer.hpp>
#include <string>

#include "footer_format.hpp"
#include "varint.hpp"

namespace capstan {
namespace {

Error damaged_footer(std::string const& detail) {
    return Error{Errc::index_damaged, "footer: " + detail};
}

struct Header {
    SegmentNumber segment;
    Position base;
    std::uint32_t streams = 0;
    std::uint32_t runs = 0;
    std::uint32_t blocks = 0;
    std::uint64_t checksum = 0;

    std::size_t table_bytes() const {
        return FooterTable::kHeaderBytes + std::size_t{blocks} * FooterTable::kRowBytes;
    }
};

Result<Header> decode_header(ByteView bytes, std::uint64_t footer_bytes) {
    ByteReader in(bytes);
    auto const magic = in.get<std::uint32_t>();
    auto const version = in.get<std::uint32_t>();
    Header header;
    header.segment.value = in.get<std::uint64_t>();
    header.base.value = in.get<std::uint64_t>();
    header.streams = in.get<std::uint32_t>();
    header.runs = in.get<std::uint32_t>();
    header.blocks = in.get<std::uint32_t>();
    auto const zero = in.get<std::uint32_t>();
    header.checksum = in.get<std::uint64_t>();
    if (!in.ok() || magic != footer_format::kMagic) {
        return damaged_footer("no header");
    }
    if (version != footer_format::kVersion) {
        return Error{Errc::format_unknown, "footer version " + std::to_string(version)};
    }
    if (zero != 0 || header.base.value > kSeqMax.value || header.table_bytes() > footer_bytes ||
        footer_bytes > footer_format::kFooterBytesMax) {
        return damaged_footer("lengths of the header");
    }
    return header;
}

/// Reads the parts of one block, front to back.
class PartReader {
  public:
    PartReader(ByteView block, SegmentNumber segment, Position base)
        : block_(block), segment_(segment), base_(base) {}

    /// Goes to the next part and reads its key; false at the end of the block or of what is sound.
    bool next() {
        if (!block_.ok() || block_.left() == 0) {
            return false;
        }
        body_ = VarintReader(block_.take(block_.varint()));
        auto const number = std::uint64_t{stream_.value} + body_.varint();
        first_ = Seq{body_.varint()};
        sound_ = sound_ && block_.ok() && body_.ok() && number > stream_.value &&
                 number <= ~std::uint32_t{0} && first_.value != 0 && first_ <= kSeqMax;
        stream_ = StreamNumber{static_cast<std::uint32_t>(number)};
        return sound_;
    }
    bool sound() const { return sound_ && block_.ok(); }
    StreamNumber stream() const { return stream_; }
    Seq first() const { return first_; }

    /// Reads the rest of the part.
    bool read(FooterPart& part) {
        part.stream = stream_;
        part.links.clear();
        part.runs.clear();
        sound_ = read_links(part) && read_devices() && read_runs(part) && body_.done();
        return sound_;
    }

  private:
    struct Device {
        DeviceId id;
        Attempt attempt;
        Counter next;
    };
    /// Of the run before: what the numbers of the next one are relative to.
    struct Last {
        Position position;
        Seq mark;
        std::uint64_t offset_end = 0;
    };

    bool read_links(FooterPart& part) {
        SegmentLink after{segment_, first_};
        auto const count = body_.varint();
        for (std::uint64_t i = 0; i < count; ++i) {
            auto const segments = body_.varint();
            auto const seqs = body_.varint();
            if (segments == 0 || segments >= after.segment.value || seqs == 0 ||
                seqs >= after.first.value) {
                return false;
            }
            after = {SegmentNumber{after.segment.value - segments}, Seq{after.first.value - seqs}};
            part.links.push_back(after);
        }
        std::ranges::reverse(part.links);
        return body_.ok();
    }

    bool read_devices() {
        devices_.clear();
        auto const count = body_.varint();
        for (std::uint64_t i = 0; i < count && body_.ok(); ++i) {
            Device device;
            device.id = body_.get_device();
            device.attempt = Attempt{body_.get<std::uint64_t>()};
            device.next = Counter{body_.varint()};
            devices_.push_back(device);
        }
        return body_.ok();
    }

    bool read_runs(FooterPart& part) {
        auto const base = body_.varint();
        Last before{.position = Position{base_.value + base}, .mark = Seq{body_.varint()}};
        auto const count = body_.varint();
        Seq first = first_;
        if (count == 0 || count > body_.left() || base > kSeqMax.value) {
            return false;
        }
        part.runs.reserve(static_cast<std::size_t>(count));
        for (std::uint64_t i = 0; i < count; ++i) {
            auto& run = part.runs.emplace_back();
            run.stream = stream_;
            run.first = first;
            run.place.segment = segment_;
            if (!read_run(run, before)) {
                return false;
            }
            first = run.end();
            before = {run.position, run.mark, run.place.offset.value + run.place.bytes};
        }
        return true;
    }

    bool read_run(RunEntry& run, Last const& before) {
        auto const tag = body_.varint();
        if (tag >> 1 >= devices_.size()) {
            return false;
        }
        auto& device = devices_[static_cast<std::size_t>(tag >> 1)];
        if ((tag & 1) != 0) {
            device.attempt = Attempt{body_.get<std::uint64_t>()};
            device.next = Counter{body_.varint()};
        }
        auto const count = body_.varint();
        auto const gap = body_.varint();
        auto const bytes = body_.varint();
        auto const lead = body_.varint();
        auto const positions = body_.varint();
        auto const mark = unzigzag(body_.varint());
        run.chain = body_.get_hash();
        if (!body_.ok() || count == 0 || count > kRunEventsMax || bytes > kSubmissionBytesMax ||
            gap > kSegmentBytesMax || before.offset_end + gap + bytes > kSegmentBytesMax ||
            lead > 0xffff || lead > before.offset_end + gap || positions > kSeqMax.value ||
            run.first.value + count > kSeqMax.value + 1 || device.next.value > kSeqMax.value) {
            return false;
        }
        run.count = static_cast<std::uint32_t>(count);
        run.place.offset = Offset{before.offset_end + gap};
        run.place.bytes = static_cast<std::uint32_t>(bytes);
        run.place.lead = static_cast<std::uint16_t>(lead);
        run.position = before.position.plus(positions);
        run.mark = Seq{before.mark.value + mark};
        if (run.position.value > kSeqMax.value || run.mark > kSeqMax) {
            return false;
        }
        run.device = device.id;
        run.attempt = device.attempt;
        run.first_counter = device.next;
        device.next = device.next.plus(count);
        return true;
    }

    VarintReader block_;
    VarintReader body_{{}};
    SegmentNumber segment_;
    Position base_;
    bool sound_ = true;
    StreamNumber stream_;
    Seq first_;
    std::vector<Device> devices_;
};

bool follows(RunEntry const& run, RunEntry const& before) {
    return run.first == before.end() && run.position >= before.position &&
           run.place.offset.value >= before.place.offset.value + before.place.bytes;
}

}  // namespace

Error FooterTable::damaged(std::string const& detail) const {
    return damaged_footer("segment " + std::to_string(segment_.value) + ": " + detail);
}

Result<std::size_t> FooterTable::size_of(ByteView header, std::uint64_t footer_bytes) {
    CAPSTAN_TRY(auto const decoded, decode_header(header, footer_bytes));
    return decoded.table_bytes();
}

Result<FooterTable> FooterTable::decode(ByteView bytes, std::uint64_t footer_bytes) {
    CAPSTAN_TRY(auto const header, decode_header(bytes, footer_bytes));
    if (bytes.size() < header.table_bytes()) {
        return damaged_footer("cut inside its table");
    }
    Bytes image(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(header.table_bytes()));
    store(image.data() + footer_format::kChecksumAt, std::uint64_t{0});
    FooterTable table;
    table.segment_ = header.segment;
    if (hash64(image) != header.checksum) {
        return table.damaged("checksum of its table");
    }
    table.base_ = header.base;
    table.streams_ = header.streams;
    table.runs_ = header.runs;
    table.footer_bytes_ = footer_bytes;
    table.rows_.reserve(header.blocks);
    ByteReader in(ByteView(image).subspan(kHeaderBytes));
    for (std::uint32_t i = 0; i < header.blocks; ++i) {
        FooterRow row;
        row.stream.value = in.get<std::uint32_t>();
        row.at = in.get<std::uint32_t>();
        row.first.value = in.get<std::uint64_t>();
        row.hash = in.get<std::uint64_t>();
        table.rows_.push_back(row);
    }
    CAPSTAN_TRY(table.check_rows());
    return table;
}

Result<> FooterTable::check_rows() const {
    std::uint64_t at = kHeaderBytes + rows_.size() * kRowBytes;
    for (std::size_t i = 0; i < rows_.size(); ++i) {
        auto const& row = rows_[i];
        bool const ascends = i == 0 || row.stream > rows_[i - 1].stream ||
                             (row.stream == rows_[i - 1].stream && row.first > rows_[i - 1].first);
        bool const starts_well = i == 0 ? row.at == at : row.at > rows_[i - 1].at;
        if (!ascends || !starts_well || row.at >= footer_bytes_) {
            return damaged("row " + std::to_string(i) + " of its table");
        }
    }
    if (rows_.empty() && footer_bytes_ != at) {
        return damaged("bytes that belong to no block");
    }
    return success();
}

std::optional<std::size_t> FooterTable::find(StreamNumber stream, Seq seq) const {
    auto const behind = std::ranges::partition_point(rows_, [&](FooterRow const& row) {
        return row.stream < stream || (row.stream == stream && row.first <= seq);
    });
    if (behind == rows_.begin()) {
        return std::nullopt;
    }
    return static_cast<std::size_t>(behind - rows_.begin()) - 1;
}

std::size_t FooterTable::block_bytes(std::size_t block) const {
    auto const end = block + 1 < rows_.size() ? rows_[block + 1].at : footer_bytes_;
    return static_cast<std::size_t>(end - rows_[block].at);
}

Result<> FooterTable::check_block(std::size_t block, ByteView bytes) const {
    if (bytes.size() != block_bytes(block) || hash64(bytes) != rows_[block].hash) {
        return damaged("checksum of block " + std::to_string(block));
    }
    return success();
}

Result<bool> FooterTable::read_part(std::size_t block,
                                    ByteView bytes,
                                    StreamNumber stream,
                                    FooterPart& part) const {
    CAPSTAN_TRY(check_block(block, bytes));
    PartReader in(bytes, segment_, base_);
    while (in.next() && in.stream() < stream) {
    }
    bool const found = in.sound() && in.stream() == stream;
    if (found) {
        in.read(part);
    }
    if (!in.sound()) {
        return damaged("block " + std::to_string(block));
    }
    return found;
}

Result<std::vector<FooterPart>> FooterTable::read_parts(std::size_t block, ByteView bytes) const {
    CAPSTAN_TRY(check_block(block, bytes));
    PartReader in(bytes, segment_, base_);
    std::vector<FooterPart> parts;
    while (in.next()) {
        bool const opens = parts.empty();
        if (opens && (in.stream() != rows_[block].stream || in.first() != rows_[block].first)) {
            return damaged("block " + std::to_string(block) + " is not what its row says");
        }
        in.read(parts.emplace_back());
    }
    if (!in.sound() || parts.empty()) {
        return damaged("block " + std::to_string(block));
    }
    return parts;
}

Result<std::vector<FooterPart>> decode_footer(ByteView footer) {
    CAPSTAN_TRY(auto const table_bytes, FooterTable::size_of(footer, footer.size()));
    CAPSTAN_TRY(auto const table, FooterTable::decode(footer.first(table_bytes), footer.size()));
    std::vector<FooterPart> streams;
    std::uint64_t runs = 0;
    for (std::size_t block = 0; block < table.blocks(); ++block) {
        auto const bytes = footer.subspan(static_cast<std::size_t>(table.block_at(block)),
                                          table.block_bytes(block));
        CAPSTAN_TRY(auto parts, table.read_parts(block, bytes));
        for (auto& part : parts) {
            runs += part.runs.size();
            if (streams.empty() || streams.back().stream < part.stream) {
                streams.push_back(std::move(part));
                continue;
            }
            auto& whole = streams.back().runs;
            if (streams.back().stream != part.stream || !part.links.empty() ||
                !follows(part.runs.front(), whole.back())) {
                return damaged_footer("parts of block " + std::to_string(block));
            }
            whole.insert(whole.end(), part.runs.begin(), part.runs.end());
        }
    }
    if (streams.size() != table.streams() || runs != table.runs()) {
        return damaged_footer("counts of streams and runs");
    }
    return streams;
}

}  // namespace capstan
