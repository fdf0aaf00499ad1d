// Folded deltas as a server makes them: read off a snapshot's chunks.
#include <rapidcheck.h>
#include <rapidcheck/boost_test.h>

#include <boost/test/unit_test.hpp>
#include <capstan/engine/model/key_ranges.hpp>
#include <capstan/engine/sim/sim_storage.hpp>
#include <capstan/snapshotter/delta.hpp>
#include <capstan/snapshotter/tape.hpp>

#include "tape_bed.hpp"

namespace {

using namespace capstan;
using namespace capstan::test;

constexpr char kStream[] = "acme/notes";

void play(Model& model, Tape const& tape, Seq last) {
    if (model.head() < last) {
        auto const page = tape.page(model.head().next(), last);
        CAPSTAN_INVARIANT(each_event(page, model.head(), [&](TapeEvent const& one) {
                              model.apply(event_of(one.bytes), one.stamp, nullptr);
                          }).has_value());
    }
}

bool same_bytes(Model const& x, Model const& y) {
    auto const objects = [](Model const& model) {
        KeyRanges const by_id(model);
        Bytes bytes;
        for (Object const* object : by_id.objects()) {
            append_object(bytes, *object, model.tables());
        }
        return bytes;
    };
    return objects(x) == objects(y) && encode_window(x) == encode_window(y) &&
           encode_devices(x.tables().devices) == encode_devices(y.tables().devices);
}

/// What devices hold and are sent; whoever sends nothing is at the head.
Result<FoldedDelta> delta_to(SimStorage& disk,
                             Manifest const& manifest,
                             Seq from,
                             DeltaFigures* figures = nullptr) {
    CAPSTAN_TRY(auto const delta, make_delta(disk, manifest, from, figures));
    return decode_delta(encode_delta(delta));
}

Event update(std::size_t object, std::string const& text) {
    Event event;
    event.ops.push_back(
        {.object = std::to_string(100'000 + object), .field = "text", .value = text});
    return event;
}

/// So many objects of 300 bytes.
Tape notes(std::size_t objects) {
    Tape tape(kStream);
    for (std::size_t i = 0; i < objects; ++i) {
        auto const id = std::to_string(100'000 + i);
        tape.append(i % 7,
                    {{{.kind = OpKind::insert, .object = id, .type = "Note"},
                      {.object = id, .field = "text", .value = std::string(300, 'x') + id}},
                     {}});
        tape.set_mark(tape.head());
    }
    return tape;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(deltas)

/// Whoever was at any earlier seq, however the snapshots were built; then the tail.
RC_BOOST_PROP(a_device_that_takes_a_delta_is_one_that_applied_all_events, ()) {
    auto const tape = busy_tape(kStream, 400, *rc::gen::arbitrary<std::uint32_t>());
    SimStorage disk;
    auto store = SnapshotStore::open(disk).value();
    auto const end = *rc::gen::inRange<std::uint64_t>(2, tape.head().value + 1);
    for (auto cut = *rc::gen::inRange<std::uint64_t>(1, 300); cut < end; cut += 1 + cut / 2) {
        RC_ASSERT(build(store, tape, Seq{cut}).has_value());
    }
    auto const manifest = build(store, tape, Seq{end}).value();
    for (int n = 0; n < 3; ++n) {
        auto const from = *rc::gen::inRange<std::uint64_t>(1, end);
        auto const delta = delta_to(disk, manifest, Seq{from});
        RC_ASSERT(delta.has_value());
        auto device = tape.replay(Seq{from});
        RC_ASSERT(apply_delta(device, delta.value()).has_value());
        device.check_invariants();
        RC_ASSERT(same_bytes(device, tape.replay(Seq{end})));
        play(device, tape, tape.head());
        RC_ASSERT(same_bytes(device, tape.replay(tape.head())));
    }
}

/// Its tombstone is all there is of it, and later events are judged against it.
BOOST_AUTO_TEST_CASE(an_object_that_lived_within_one_event_leaves_its_tombstone) {
    Tape tape(kStream);
    tape.append(0, update(1, "nothing yet"));
    Event brief = update(2, "brief");
    brief.ops.insert(brief.ops.begin(),
                     {.kind = OpKind::insert, .object = brief.ops[0].object, .type = "Note"});
    brief.ops.push_back({.kind = OpKind::remove, .object = brief.ops[0].object});
    tape.append(1, brief);
    SimStorage disk;
    auto store = SnapshotStore::open(disk).value();
    auto const manifest = build(store, tape, tape.head()).value();
    auto device = tape.replay(Seq{1});
    BOOST_REQUIRE(apply_delta(device, delta_to(disk, manifest, Seq{1}).value()).has_value());
    BOOST_TEST(same_bytes(device, tape.replay(tape.head())));
}

/// What a server makes of chunks is what a look at all events gives.
RC_BOOST_PROP(counters_and_devices_are_those_of_the_tape, ()) {
    auto const tape = busy_tape(kStream, 200, *rc::gen::arbitrary<std::uint32_t>());
    SimStorage disk;
    auto store = SnapshotStore::open(disk).value();
    auto const from = *rc::gen::inRange<std::uint64_t>(1, tape.head().value);
    auto const manifest = build(store, tape, tape.head()).value();
    auto const delta = delta_to(disk, manifest, Seq{from}).value();
    auto const before = tape.replay(Seq{from});
    auto const after = tape.replay(tape.head());
    RC_ASSERT(delta.devices_before == before.tables().devices.size());
    RC_ASSERT(delta.devices_before + delta.devices.size() == after.tables().devices.size());
    std::map<DeviceNumber, Counter> last;
    auto const tail = tape.page(Seq{from + 1}, tape.head());
    RC_ASSERT(each_event(tail, Seq{from}, [&](TapeEvent const& one) {
                  last[after.tables().devices.find(one.dot.device)] = one.dot.counter;
              }).has_value());
    RC_ASSERT((std::map(delta.counters.begin(), delta.counters.end()) == last));
}

/// Device 30 days behind against one day behind: same objects changed, a hundred times the events.
BOOST_AUTO_TEST_CASE(cost_follows_what_changed_and_not_how_often) {
    struct Cost {
        DeltaFigures figures;
        std::size_t bytes = 0;
        std::size_t chunks = 0;
    };
    std::size_t const objects = 12'000;
    auto const cost = [&](std::size_t rounds) {
        auto tape = notes(objects);
        auto const from = tape.head();
        for (std::size_t round = 0; round < rounds; ++round) {
            for (std::size_t i = 5'000; i < 5'000 + objects / 100; ++i) {
                tape.append(3, update(i, "round " + std::to_string(round)));
                tape.set_mark(tape.head());
            }
        }
        SimStorage disk;
        auto store = SnapshotStore::open(disk).value();
        auto const manifest = build(store, tape, tape.head(), 500).value();
        Cost out;
        auto const delta = delta_to(disk, manifest, from, &out.figures).value();
        auto device = tape.replay(from);
        BOOST_REQUIRE(apply_delta(device, delta).has_value());
        BOOST_TEST(device.state_hash() == manifest.state_hash);
        out.bytes = encode_delta(delta).size();
        out.chunks = manifest.object_chunks.size();
        return out;
    };
    auto const once = cost(1);
    auto const often = cost(100);
    BOOST_TEST(once.chunks > 60U);
    BOOST_TEST(once.figures.objects == objects / 100);
    // The chunks in which they lie, with trails, and what there is once: past, window, devices.
    BOOST_TEST(once.figures.chunks_read <= 12U);
    BOOST_TEST(often.figures.chunks_read == once.figures.chunks_read);
    BOOST_TEST(often.figures.objects == once.figures.objects);
    BOOST_TEST(once.bytes < objects / 100 * 60);
    BOOST_TEST(often.bytes <= once.bytes * 3 / 2);
}

BOOST_AUTO_TEST_CASE(estimates_are_near_what_is_sent) {
    auto tape = notes(6'000);
    std::vector<Seq> cursors{Seq{1'000}, tape.head()};
    for (std::size_t i = 0; i < 3'000; ++i) {
        tape.append(3, update(i * 7 % 2'000, std::string(300, 'y') + std::to_string(i)));
        tape.set_mark(tape.head());
        if (i % 1'000 == 500) {
            cursors.push_back(tape.head());
        }
    }
    SimStorage disk;
    auto store = SnapshotStore::open(disk).value();
    auto const manifest = build(store, tape, tape.head(), 500).value();
    ChangedBytes const changed(manifest, load_past(store, manifest).value());
    for (auto const from : cursors) {
        BOOST_TEST_CONTEXT("from " << from.value) {
            auto const delta = delta_to(disk, manifest, from).value();
            std::uint64_t bytes = 0;
            for (auto const& object : delta.objects) {
                bytes += object.bytes.size();
            }
            std::uint64_t raw = 0;
            std::uint64_t packed = 0;
            for (auto const& ref : manifest.object_chunks) {
                raw += ref.chunk.bytes;
                packed += ref.chunk.packed_bytes;
            }
            auto const estimate = changed.within(tape.head().value - from.value) * raw / packed;
            BOOST_TEST(estimate >= bytes / 3);
            BOOST_TEST(estimate <= bytes * 3 + 1'000);
        }
    }
    BOOST_TEST(changed.within(0) == 0U);
}

BOOST_AUTO_TEST_CASE(deaths_are_forgotten_by_the_thousand) {
    Tape tape(kStream);
    std::size_t const deaths = (kDeathChunksMax + 1) * kChunkDeaths + 5;
    for (std::size_t i = 0; i < deaths; ++i) {
        auto const id = std::to_string(i);
        tape.append(0, {{{.kind = OpKind::insert, .object = id, .type = "Note"}}, {}});
        tape.append(0, {{{.kind = OpKind::remove, .object = id}}, {}});
        tape.set_mark(tape.head());
    }
    SimStorage disk;
    auto store = SnapshotStore::open(disk).value();
    BOOST_REQUIRE(build(store, tape, Seq{70'001}, 5'000).has_value());
    auto const manifest = build(store, tape, tape.head(), 5'000).value();
    auto const past = load_past(store, manifest).value();
    BOOST_TEST(past.deaths.size() == kDeathChunksMax);
    BOOST_TEST((past.deaths_after == Seq{4 * kChunkDeaths}));
    BOOST_TEST((make_delta(disk, manifest, Seq{past.deaths_after.value - 1}).error().code ==
                Errc::trimmed));
    auto const delta = make_delta(disk, manifest, past.deaths_after).value();
    BOOST_TEST(delta.gone.size() == (kDeathChunksMax - 1) * kChunkDeaths + 5);
    SnapshotCheck check(manifest);
    while (!check.done()) {
        auto const last = std::min(tape.head(), check.next().plus(4'999));
        BOOST_REQUIRE(check.feed(tape.page(check.next(), last)).has_value());
    }
    BOOST_TEST(check.compare(store).has_value());
}

BOOST_AUTO_TEST_CASE(a_delta_of_damaged_chunks_is_none) {
    auto const tape = busy_tape(kStream, 300, 5);
    SimStorage disk;
    auto store = SnapshotStore::open(disk).value();
    auto const manifest = build(store, tape, tape.head()).value();
    auto const whole = encode_delta(make_delta(disk, manifest, Seq{100}).value());
    auto const names = disk.list().value();
    for (auto const& name : names) {
        if (!name.starts_with("c-")) {
            continue;
        }
        auto const copy = disk.fork();
        copy->flip_bit(name, 8 * copy->contents(name).size() - 30);
        auto const delta = make_delta(*copy, manifest, Seq{100});
        BOOST_TEST((delta ? encode_delta(delta.value()) == whole
                          : delta.error().code == Errc::index_damaged),
                   name);
        auto const other = disk.fork();
        BOOST_REQUIRE(other->remove(name).has_value());
        auto const without = make_delta(*other, manifest, Seq{100});
        BOOST_TEST((without ? encode_delta(without.value()) == whole
                            : without.error().code == Errc::not_found),
                   name);
    }
}

BOOST_AUTO_TEST_SUITE_END()
