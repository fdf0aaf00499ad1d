#include <capstan/engine/sim/sim_random.hpp>
#include <capstan/engine/sim/sim_storage.hpp>
#include <capstan/schema/frame.hpp>
#include <capstan/schema/hash.hpp>
#include <capstan/schema/submission.hpp>
#include <capstan/sequencer/file_journal.hpp>
#include <cstdint>
#include <cstdlib>

using namespace capstan;

// Any bytes as segment files: opening them gives a journal or an error; what opened can be read,
// verified, written and opened again with the same contents.
//
//   input := u8 flags, u8 blocks of the first file, file 1, file 2
//   flags := 1 (headers get right checksums, secrets and offsets, payloads right hashes), 2 (a
//   second file),
//            4 (from a checkpoint)
namespace {

constexpr std::size_t kBlock = 512;
constexpr std::uint64_t kSecret = 0x5eC4E7;

/// Lets the fuzzer get past the checksums, which it can't guess.
void repair(Bytes& file, std::uint64_t number) {
    for (std::size_t at = 0; at + kFrameHeaderBytes <= file.size(); at += kBlock) {
        auto* header = file.data() + at;
        auto const magic = load<std::uint32_t>(header);
        bool const is_segment = magic == 0x47455343;
        if (!is_segment && magic != 0x4d524643) {
            continue;
        }
        if (is_segment) {
            store(header + 16, kSecret);
            store(header + 24, number);
        } else {
            store(header + 24, kSecret);
            store(header + 80, std::uint64_t{at});
            auto const rest = ByteView(file).subspan(at + kFrameHeaderBytes);
            auto const payload = load<std::uint32_t>(header + 16);
            store(header + 72, hash64(rest.first(std::min<std::size_t>(payload, rest.size()))));
        }
        store(header + 8, std::uint64_t{0});
        store(header + 8, hash64({header, kFrameHeaderBytes}));
    }
}

struct Opened {
    std::unique_ptr<FileJournal> journal;
    std::vector<Bytes> tail;
};

Result<Opened> open(Storage& disk, Random& random, JournalOptions const& options) {
    Opened result;
    auto const keep = [&](StoredSubmission const& stored) -> Result<Visit> {
        result.tail.emplace_back(stored.bytes.begin(), stored.bytes.end());
        return Visit::next;
    };
    CAPSTAN_TRY(auto opened, FileJournal::open(disk, random, options, keep));
    result.journal = std::move(opened.journal);
    return result;
}

void use(FileJournal& journal) {
    auto const record = encode_heartbeat();
    ByteView const view = record;
    // Positions at the end of their range are no journal's: nothing to append there.
    if (journal.durable().value < (std::uint64_t{1} << 60) && journal.append({&view, 1})) {
        static_cast<void>(journal.flush());
        static_cast<void>(journal.mark_idle());
    }
    static_cast<void>(journal.seal(SegmentNumber{1}, view));
    static_cast<void>(journal.footer(SegmentNumber{1}));
    static_cast<void>(journal.locate(journal.durable()));
    if (auto const start = journal.locate(Position{journal.describe().first.value - 1})) {
        static_cast<void>(
            journal.read(start.value(), [](auto const&) -> Result<Visit> { return Visit::next; }));
    }
}

void check(bool holds) {
    if (!holds) {
        std::abort();
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    if (size < 2) {
        return 0;
    }
    auto const flags = data[0];
    ByteView const rest(reinterpret_cast<std::byte const*>(data) + 2, size - 2);
    auto const first_bytes = flags & 2 ? std::min(rest.size(), data[1] * kBlock) : rest.size();
    SimStorage disk;
    for (std::uint64_t number = 1; number <= (flags & 2 ? 2U : 1U); ++number) {
        auto const part = number == 1 ? rest.first(first_bytes) : rest.subspan(first_bytes);
        Bytes file(part.begin(), part.end());
        if (flags & 1) {
            repair(file, number);
        }
        disk.put(number == 1 ? "segment-0000000001" : "segment-0000000002", file);
    }
    static_cast<void>(verify_journal(disk));

    SimRandom random(1);
    JournalOptions options;
    options.block_shift = 9;
    options.segment_bytes = kSegmentBytesMin;
    if (flags & 4) {
        options.checkpoint = JournalPlace{Position{1}, {}, SegmentNumber{1}, Offset{kBlock}};
    }
    auto first = open(disk, random, options);
    if (!first) {
        return 0;
    }
    first.value().journal.reset();
    auto again = open(disk, random, options);
    check(again.has_value() && again.value().tail == first.value().tail);
    use(*again.value().journal);
    return 0;
}
