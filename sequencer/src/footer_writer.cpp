#include <algorithm>
#include <capstan/schema/hash.hpp>
#include <capstan/sequencer/footer.hpp>

#include "footer_format.hpp"
#include "varint.hpp"

namespace capstan {

FooterWriter::FooterWriter(SegmentNumber segment, Position base) : segment_(segment), base_(base) {}

void FooterWriter::stream(StreamNumber stream, std::span<SegmentLink const> links) {
    CAPSTAN_INVARIANT(stream > part_.stream);
    end_part();
    part_.stream = stream;
    part_.next = Seq{};
    part_.mark = Seq{};
    part_.links.assign(links.begin(), links.end());
    ++streams_;
}

void FooterWriter::run(RunEntry const& run) {
    CAPSTAN_INVARIANT(run.stream == part_.stream && run.place.segment == segment_);
    CAPSTAN_INVARIANT(part_.next == Seq{} || part_.next == run.first);
    if (part_.runs == 0) {
        start_part(run);
    }
    CAPSTAN_INVARIANT(run.position >= part_.position && run.place.offset.value >= part_.offset_end);
    auto& out = part_.bytes;
    put_device(run);
    put_varint(out, run.count);
    put_varint(out, run.place.offset.value - part_.offset_end);
    put_varint(out, run.place.bytes);
    put_varint(out, run.place.lead);
    put_varint(out, run.position.value - part_.position.value);
    put_varint(out, zigzag(run.mark.value - part_.mark.value));
    ByteWriter(out).put(run.chain);

    part_.next = run.end();
    part_.position = run.position;
    part_.mark = run.mark;
    part_.offset_end = run.place.offset.value + run.place.bytes;
    ++part_.runs;
    ++runs_;
    if (blocks_.size() - block_at_ + out.size() >= kFooterBlockBytes) {
        end_part();
        end_block();
    }
}

void FooterWriter::start_part(RunEntry const& run) {
    part_.first = run.first;
    part_.base = run.position;
    part_.position = run.position;
    part_.mark_before = part_.mark;
    part_.offset_end = 0;
}

/// A device's runs follow one another, mostly: then its number is all that is stored.
void FooterWriter::put_device(RunEntry const& run) {
    auto& devices = part_.devices;
    auto known = std::ranges::find(devices, run.device, &Device::id);
    if (known == devices.end()) {
        devices.push_back(
            {run.device, run.attempt, run.first_counter, run.attempt, run.first_counter});
        known = devices.end() - 1;
    }
    bool const follows = known->attempt == run.attempt && known->next == run.first_counter;
    auto const number = static_cast<std::uint64_t>(known - devices.begin());
    put_varint(part_.bytes, number << 1 | (follows ? 0 : 1));
    if (!follows) {
        ByteWriter(part_.bytes).put(run.attempt.value);
        put_varint(part_.bytes, run.first_counter.value);
    }
    known->attempt = run.attempt;
    known->next = run.first_counter.plus(run.count);
}

void FooterWriter::end_part() {
    if (part_.runs == 0) {
        return;
    }
    bool const opens_block = blocks_.size() == block_at_;
    if (opens_block) {
        rows_.push_back({part_.stream, static_cast<std::uint32_t>(block_at_), part_.first, 0});
        stream_in_block_ = StreamNumber{};
    }
    Bytes head;
    put_varint(head, part_.stream.value - stream_in_block_.value);
    put_varint(head, part_.first.value);
    put_varint(head, part_.links.size());
    SegmentLink after{segment_, part_.first};
    for (auto link = part_.links.rbegin(); link != part_.links.rend(); ++link) {
        put_varint(head, after.segment.value - link->segment.value);
        put_varint(head, after.first.value - link->first.value);
        after = *link;
    }
    put_varint(head, part_.devices.size());
    for (auto const& device : part_.devices) {
        ByteWriter(head).put(device.id).put(device.first_attempt.value);
        put_varint(head, device.first_counter.value);
    }
    put_varint(head, part_.base.value - base_.value);
    put_varint(head, part_.mark_before.value);
    put_varint(head, part_.runs);

    put_varint(blocks_, head.size() + part_.bytes.size());
    ByteWriter(blocks_).put(ByteView(head)).put(ByteView(part_.bytes));
    stream_in_block_ = part_.stream;
    part_.runs = 0;
    part_.links.clear();
    part_.devices.clear();
    part_.bytes.clear();
    if (blocks_.size() - block_at_ >= kFooterBlockBytes) {
        end_block();
    }
}

void FooterWriter::end_block() {
    if (blocks_.size() == block_at_) {
        return;
    }
    rows_.back().hash = hash64(ByteView(blocks_).subspan(block_at_));
    block_at_ = blocks_.size();
}

Bytes FooterWriter::finish() {
    end_part();
    end_block();
    auto const blocks_start = FooterTable::kHeaderBytes + rows_.size() * FooterTable::kRowBytes;
    CAPSTAN_INVARIANT(blocks_start + blocks_.size() <= footer_format::kFooterBytesMax);
    Bytes out;
    out.reserve(blocks_start + blocks_.size());
    ByteWriter write(out);
    write.put(footer_format::kMagic)
        .put(footer_format::kVersion)
        .put(std::uint64_t{segment_.value})
        .put(std::uint64_t{base_.value})
        .put(streams_)
        .put(runs_)
        .put(static_cast<std::uint32_t>(rows_.size()))
        .put(std::uint32_t{0})
        .put(std::uint64_t{0});
    for (auto const& row : rows_) {
        write.put(row.stream.value)
            .put(static_cast<std::uint32_t>(blocks_start + row.at))
            .put(row.first.value)
            .put(row.hash);
    }
    store(out.data() + footer_format::kChecksumAt, hash64(out));
    write.put(ByteView(blocks_));
    return out;
}

}  // namespace capstan
