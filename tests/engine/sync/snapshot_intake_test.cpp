#include <boost/test/unit_test.hpp>
#include <capstan/engine/model/model.hpp>
#include <capstan/engine/snapshot/restore.hpp>
#include <capstan/engine/sync/snapshot_intake.hpp>
#include <capstan/schema/event.hpp>

#include "test_snapshot.hpp"

namespace {

using namespace capstan;
using namespace capstan::test;
using sync::ChunkPart;
using sync::OfferedSnapshot;
using sync::SnapshotIntake;

constexpr char kStream[] = "acme/notes";

DeviceId device_of(std::uint64_t number) {
    DeviceId id;
    store(id.bytes.data(), number + 1);
    return id;
}

TestSnapshot sample(std::size_t objects, std::string_view stream = kStream) {
    Model model;
    for (std::uint64_t n = 1; n <= objects; ++n) {
        auto const id = std::to_string(1'000 + n);
        Event event;
        event.ops.push_back({.kind = OpKind::insert, .object = id, .type = "Note"});
        event.ops.push_back({.object = id, .field = "text", .value = "note " + id});
        model.apply(event,
                    {.seq = Seq{n},
                     .preceding_seq = Seq{n - 1},
                     .run_first = Seq{n},
                     .mark = Seq{},
                     .device = device_of(n % 3)},
                    nullptr);
    }
    Manifest where;
    where.stream = stream;
    where.generation = Generation{7};
    where.seq = Seq{objects};
    where.chain = {1, 2};
    std::vector<Counter> const counters(model.tables().devices.size(), Counter{5});
    return snapshot_of(model, std::move(where), counters, 4);
}

OfferedSnapshot offer_of(TestSnapshot const& snapshot, bool whole = false) {
    return {.generation = snapshot.manifest.generation,
            .seq = snapshot.manifest.seq,
            .chain = snapshot.manifest.chain,
            .manifest = snapshot.id,
            .manifest_bytes = static_cast<std::uint32_t>(snapshot.encoded.size()),
            .whole = whole};
}

ChunkPart part_of(ChunkId const& id, Bytes const& bytes, std::size_t offset, std::size_t size) {
    return {.id = id,
            .offset = static_cast<std::uint32_t>(offset),
            .total = static_cast<std::uint32_t>(bytes.size()),
            .bytes = ByteView(bytes).subspan(offset, size)};
}

/// In parts of ten bytes.
Result<std::optional<ChunkId>> give(SnapshotIntake& intake, ChunkId const& id, Bytes const& bytes) {
    std::optional<ChunkId> whole;
    for (std::size_t at = 0; at < bytes.size(); at += 10) {
        CAPSTAN_TRY(
            whole,
            intake.take(part_of(id, bytes, at, std::min<std::size_t>(10, bytes.size() - at))));
    }
    return whole;
}

struct Bed {
    explicit Bed(TestSnapshot sent, std::map<ChunkId, Bytes> had = {}, bool whole = false)
        : snapshot(std::move(sent)),
          intake(kStream, codec, offer_of(snapshot, whole), std::move(had)) {}
    void give_manifest() { BOOST_REQUIRE(give(intake, snapshot.id, snapshot.encoded).has_value()); }
    void give_all() {
        for (auto const& [id, bytes] : snapshot.chunks) {
            BOOST_REQUIRE(give(intake, id, bytes).has_value());
        }
    }
    TestSnapshot snapshot;
    sync::ChunkCodec codec = plain_codec();
    SnapshotIntake intake;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(snapshot_intake)

BOOST_AUTO_TEST_CASE(a_snapshot_comes_in_parts_and_is_the_model) {
    Bed bed(sample(30));
    BOOST_TEST(bed.intake.take_needs().empty());
    bed.give_manifest();
    BOOST_TEST(!bed.intake.complete());
    auto const needs = bed.intake.take_needs();
    BOOST_TEST(needs.size() == bed.snapshot.chunks.size());
    BOOST_TEST(bed.intake.take_needs().empty());  // each once
    for (auto const& id : needs) {
        BOOST_TEST(!bed.intake.complete());
        BOOST_TEST((give(bed.intake, id, bed.snapshot.chunks.at(id)).value() == id));
    }
    BOOST_REQUIRE(bed.intake.complete());
    auto const taken = std::move(bed.intake).take_snapshot();
    auto const restored = restore_snapshot(taken.manifest, [&](ChunkRef const& ref) {
        return bed.codec.unpack(taken.chunks.at(ref.id), ref);
    });
    BOOST_REQUIRE(restored.has_value());
    BOOST_TEST(restored.value().model.state_hash() == bed.snapshot.manifest.state_hash);
    BOOST_TEST((restored.value().last_of(device_of(1)) == Counter{5}));
    BOOST_TEST((restored.value().last_of(device_of(9)) == Counter{}));
}

BOOST_AUTO_TEST_CASE(a_whole_snapshot_is_not_asked_for) {
    Bed bed(sample(30), {}, true);
    bed.give_manifest();
    BOOST_TEST(bed.intake.take_needs().empty());
    bed.give_all();
    BOOST_TEST(bed.intake.complete());
}

BOOST_AUTO_TEST_CASE(what_is_here_is_not_asked_for_again) {
    auto const snapshot = sample(30);
    auto had = snapshot.chunks;
    had.erase(had.begin());
    had.emplace(ChunkId{}, Bytes(5));  // of a snapshot that is no more
    Bed bed(snapshot, had);
    bed.give_manifest();
    auto const needs = bed.intake.take_needs();
    BOOST_REQUIRE(needs.size() == 1U);
    BOOST_REQUIRE(give(bed.intake, needs[0], snapshot.chunks.at(needs[0])).has_value());
    BOOST_REQUIRE(bed.intake.complete());
    BOOST_TEST((std::move(bed.intake).take_snapshot().chunks == snapshot.chunks));
}

BOOST_AUTO_TEST_CASE(no_more_is_asked_for_at_once_than_a_device_keeps_for_it) {
    TestSnapshot snapshot = sample(4);
    auto& refs = snapshot.manifest.object_chunks;
    auto const ref = refs.front();
    refs.clear();
    for (std::size_t n = 0; n < 20; ++n) {
        refs.push_back(ref);
        refs.back().first = refs.back().last = std::to_string(1'000 + n);
        refs.back().objects = 1;
        refs.back().chunk.id.bytes[31] = static_cast<std::byte>(n + 1);
        refs.back().chunk.packed_bytes = SnapshotIntake::kAskedBytesMax / 4;
    }
    snapshot.encoded = encode_manifest(snapshot.manifest);
    snapshot.id = plain_codec().id(snapshot.encoded);
    Bed bed(std::move(snapshot));
    bed.give_manifest();
    auto const needs = bed.intake.take_needs();
    BOOST_TEST(needs.size() == 5U);  // devices and counters, and three of a quarter
    BOOST_TEST(bed.intake.take_needs().empty());
}

/// F30: nothing is kept that was not announced.
BOOST_AUTO_TEST_CASE(parts_that_were_not_announced_are_refused) {
    auto const refused = [](auto change) {
        Bed bed(sample(10));
        bed.give_manifest();
        auto const& [id, bytes] = *bed.snapshot.chunks.begin();
        auto part = part_of(id, bytes, 0, 4);
        change(part);
        bool const is_refused = bed.intake.take(part).has_error();
        // And the intake goes on.
        bed.give_all();
        return is_refused && bed.intake.complete();
    };
    BOOST_TEST(!refused([](ChunkPart&) {}));
    BOOST_TEST(refused([](ChunkPart& part) { part.total += 1; }));
    BOOST_TEST(refused([](ChunkPart& part) { part.total = kChunkBytesMax; }));
    BOOST_TEST(refused([](ChunkPart& part) { part.offset = 4; }));
    BOOST_TEST(refused([](ChunkPart& part) { part.id.bytes[20] = std::byte{1}; }));
}

BOOST_AUTO_TEST_CASE(chunks_before_their_manifest_are_refused) {
    Bed bed(sample(10));
    auto const& [id, bytes] = *bed.snapshot.chunks.begin();
    BOOST_TEST(give(bed.intake, id, bytes).has_error());
}

BOOST_AUTO_TEST_CASE(the_manifest_of_another_snapshot_is_refused) {
    auto const refused = [](TestSnapshot const& sent, OfferedSnapshot offer) {
        auto const codec = plain_codec();
        SnapshotIntake intake(kStream, codec, offer, {});
        return give(intake, offer.manifest, sent.encoded).has_error();
    };
    auto const good = sample(10);
    BOOST_TEST(!refused(good, offer_of(good)));
    auto const elsewhere = sample(10, "acme/other");
    BOOST_TEST(refused(elsewhere, offer_of(elsewhere)));
    auto offer = offer_of(good);
    offer.seq = Seq{9};
    BOOST_TEST(refused(good, offer));
    offer = offer_of(good);
    offer.chain.low += 1;
    BOOST_TEST(refused(good, offer));
    offer = offer_of(good);
    offer.generation = Generation{8};
    BOOST_TEST(refused(good, offer));
}

BOOST_AUTO_TEST_CASE(no_damaged_byte_is_ever_taken) {
    auto const snapshot = sample(12);
    auto const damaged = [](Bytes bytes, std::size_t bit) {
        bytes[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
        return bytes;
    };
    for (std::size_t bit = 0; bit < 8 * snapshot.encoded.size(); bit += 3) {
        Bed bed(snapshot);
        BOOST_TEST(give(bed.intake, snapshot.id, damaged(snapshot.encoded, bit)).has_error());
        BOOST_TEST(!bed.intake.complete());
    }
    Bed bed(snapshot);
    bed.give_manifest();
    for (auto const& [id, bytes] : snapshot.chunks) {
        for (std::size_t bit = 0; bit < 8 * bytes.size(); bit += 3) {
            BOOST_TEST(give(bed.intake, id, damaged(bytes, bit)).has_error());
        }
    }
    bed.give_all();
    BOOST_REQUIRE(bed.intake.complete());
    BOOST_TEST((std::move(bed.intake).take_snapshot().chunks == snapshot.chunks));
}

BOOST_AUTO_TEST_SUITE_END()
