// Decoders of the index, by the first byte: a footer, links of a stream, a run chunk, rows of the
// checkpoint store. Checksums are made right first, or nothing would come through.
#include <capstan/schema/hash.hpp>
#include <capstan/sequencer/footer.hpp>
#include <capstan/sequencer/stream_links.hpp>

#include "run_chunk.hpp"

namespace capstan {
namespace {

constexpr std::size_t kChecksumAt = 40;
constexpr std::size_t kRowHashAt = 16;

/// Gives header and rows the checksums of what they cover, where that is inside the bytes.
Bytes with_checksums(ByteView bytes) {
    Bytes footer(bytes.begin(), bytes.end());
    auto const table_bytes = FooterTable::size_of(footer, footer.size());
    if (!table_bytes) {
        return footer;
    }
    for (auto at = FooterTable::kHeaderBytes; at < table_bytes.value();
         at += FooterTable::kRowBytes) {
        auto const start = load<std::uint32_t>(footer.data() + at + 4);
        auto const end = at + FooterTable::kRowBytes < table_bytes.value()
                             ? load<std::uint32_t>(footer.data() + at + FooterTable::kRowBytes + 4)
                             : footer.size();
        if (start <= end && end <= footer.size()) {
            store(footer.data() + at + kRowHashAt,
                  hash64(ByteView(footer).subspan(start, end - start)));
        }
    }
    store(footer.data() + kChecksumAt, std::uint64_t{0});
    store(footer.data() + kChecksumAt, hash64(ByteView(footer).first(table_bytes.value())));
    return footer;
}

/// What decodes is written again, in as many blocks as that takes, and decodes to the same.
void try_footer(ByteView bytes) {
    auto const footer = with_checksums(bytes);
    auto const decoded = decode_footer(footer);
    if (!decoded) {
        return;
    }
    auto const& parts = decoded.value();
    auto const table = FooterTable::decode(footer, footer.size()).value();
    Position base{kSeqMax.value};
    for (auto const& part : parts) {
        base = std::min(base, part.runs.front().position);
    }
    FooterWriter writer(table.segment(), base);
    for (auto const& part : parts) {
        writer.stream(part.stream, part.links);
        for (auto const& run : part.runs) {
            writer.run(run);
        }
    }
    auto const again = decode_footer(writer.finish());
    CAPSTAN_INVARIANT(again.has_value() && again.value().size() == parts.size());
    for (std::size_t i = 0; i < parts.size(); ++i) {
        CAPSTAN_INVARIANT(again.value()[i].runs == parts[i].runs);
        CAPSTAN_INVARIANT(again.value()[i].links == parts[i].links);
    }
}

void try_links(ByteView bytes) {
    if (auto const links = StreamLinks::decode(bytes)) {
        CAPSTAN_INVARIANT(StreamLinks::decode(links.value().encode()).value() == links.value());
    }
}

void try_chunk(ByteView bytes) {
    RunChunk const chunk{SegmentNumber{7}, Position{1'000}, Bytes(bytes.begin(), bytes.end())};
    auto const runs = decode_run_chunk(chunk);
    if (!runs || runs.value().empty()) {
        return;
    }
    RunChunkWriter writer;
    for (auto const& run : runs.value()) {
        writer.add(run);
    }
    std::vector<RunEntry> found;
    for (auto const& each : writer.take()) {
        auto const some = decode_run_chunk(each).value();
        found.insert(found.end(), some.begin(), some.end());
    }
    CAPSTAN_INVARIANT(found == runs.value());
}

}  // namespace
}  // namespace capstan

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    using namespace capstan;
    if (size == 0) {
        return 0;
    }
    auto const bytes = std::as_bytes(std::span(data, size)).subspan(1);
    switch (data[0] % 3) {
        case 0:
            try_footer(bytes);
            break;
        case 1:
            try_links(bytes);
            break;
        default:
            try_chunk(bytes);
    }
    return 0;
}
