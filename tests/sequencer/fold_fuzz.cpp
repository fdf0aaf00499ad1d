// Row decoders on arbitrary bytes, and the fold on arbitrary submissions; the first byte chooses.
#include <capstan/schema.hpp>
#include <cstdint>
#include <cstdlib>

#include "fold_bed.hpp"

namespace {

using namespace capstan;
using namespace capstan::test;

/// What decodes is valid and has one encoding.
template <class Decode>
void decode_row(ByteView bytes, Decode decode) {
    if (auto const row = decode(bytes)) {
        check_invariants(row.value());
        Bytes again;
        encode(again, row.value());
        CAPSTAN_INVARIANT(std::ranges::equal(again, bytes));
    }
}

/// Builds submissions from a few bytes each, so that most of them name known streams, devices and
/// events. Values are small: what matters is how they compare.
class Submissions {
  public:
    explicit Submissions(ByteView bytes) : in_(bytes) {}
    bool done() const { return !in_.ok() || in_.rest().empty(); }

    Bytes next() {
        auto const kind = byte() % 16;
        auto const stream = kind % 2 == 0 ? "a/b" : "a/c";
        switch (kind) {
            case 0:
                return encode_create(stream, "a/x");
            case 1:
                return encode_seal(stream, "a/x");
            case 2:
            case 3:
                return encode_fold_policy(stream, "a/x", {byte(), byte(), byte()});
            case 4:
                return encode_restore(Lineage{byte()}, byte() % 2);
            case 5:
                return encode_genesis(Lineage{byte()}, byte() % 2);
            case 6:
                return encode_fold_version(byte() % 4);
            case 7:
                return encode_beacon({Position{byte()}, {}, byte()});
            default:
                return run(stream);
        }
    }

  private:
    std::uint8_t byte() { return in_.get<std::uint8_t>(); }

    Link link() {
        auto const packed = byte();
        Link const link{Counter{packed % 16U}, Attempt{packed / 16U}};
        return link.counter.value == 0 || link.attempt.value == 0 ? Link{} : link;
    }

    Bytes run(char const* stream) {
        auto const options = byte();
        RunSpec run;
        run.stream = stream;
        run.device = device_named((options & 1) != 0 ? "A" : "B");
        run.principal = (options & 6) == 6 ? "a/y" : "a/x";
        run.header.flags = (options & 8) != 0 ? RunFlags::needs_window : std::uint16_t{0};
        run.header.attempt = Attempt{1U + byte() % 8U};
        run.header.after = link();
        auto const p = byte();
        run.header.preceding_seq = p == 255 ? kAtHead : Seq{p};
        auto const generation = (options >> 4) & 3U;
        run.generation =
            generation == 0 ? Generation{} : generation_of(Lineage{generation}, stream, Edition{1});
        if ((options & 128) != 0) {
            run.expect_head = Seq{byte()};
        }
        run.events.assign(byte() % 6U, "e");
        return record_of(run);
    }

    ByteReader in_;
};

void fold_submissions(ByteView bytes) {
    auto bed = FoldBed::started();
    bed.fold(encode_restore(Lineage{1}, 0));
    for (Submissions submissions(bytes); !submissions.done();) {
        bed.fold(submissions.next());
    }
    auto const hash = bed.state_hash();
    bed.evict();
    CAPSTAN_INVARIANT(hash == bed.state_hash());
    CAPSTAN_INVARIANT(hash == bed.state_hash_recounted());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    if (size == 0) {
        return 0;
    }
    ByteView const bytes(reinterpret_cast<std::byte const*>(data) + 1, size - 1);
    switch (data[0] % 5) {
        case 0:
            decode_row(bytes, decode_partition_row);
            break;
        case 1:
            decode_row(bytes, decode_stream_row);
            break;
        case 2:
            decode_row(bytes, decode_device_row);
            break;
        case 3:
            fold_submissions(bytes);
            break;
        case 4:
            FoldBed::started().fold(bytes);
            break;
    }
    return 0;
}
