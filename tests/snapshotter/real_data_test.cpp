// The compaction invariant on recorded histories: a snapshot at any cursor and what came behind it
// are what all events come to, and stay so when late events follow.
#include <boost/test/unit_test.hpp>
#include <capstan/engine/sim/sim_storage.hpp>
#include <capstan/snapshotter/delta.hpp>
#include <capstan/snapshotter/tape.hpp>
#include <cstdlib>
#include <random>
#include <sstream>

#include "support/needs.hpp"
#include "support/simple_icons.hpp"
#include "tape_bed.hpp"

namespace {

using namespace capstan;
using namespace capstan::test;

auto const kNeedsData = needs_environment("CAPSTAN_DATA", "export CAPSTAN_DATA=a directory of it");

Tape simple_icons() {
    Tape tape("acme/icons");
    for (auto const& [request, seq, preceding, event] : icon_events()) {
        tape.append(static_cast<std::size_t>(request + 1), event, preceding);
        if (tape.head().value > 300) {
            tape.set_mark(Seq{tape.head().value - 256});
        }
    }
    return tape;
}

/// A chat room: each line is an object, each speaker a device.
Tape irc(std::size_t lines_max) {
    Tape tape("acme/irc");
    std::map<std::string, std::size_t> speakers;
    std::istringstream lines(importers::read_text_file(std::string(std::getenv("CAPSTAN_DATA")) +
                                                       "/irc-ubuntu/messages.jsonl.gz")
                                 .value());
    std::size_t number = 0;
    for (std::string line; number < lines_max && std::getline(lines, line); ++number) {
        auto const digits = std::to_string(1'000'000 + number);
        Event event;
        event.ops.push_back({.kind = OpKind::insert, .object = digits, .type = "Message"});
        std::string speaker = "-";
        auto const json = nlohmann::json::parse(line);
        for (auto const& [field, value] : json.items()) {
            event.ops.push_back({.object = digits, .field = field, .value = value_of(value)});
            speaker = field == "u" ? value.dump() : speaker;
        }
        tape.append(speakers.try_emplace(speaker, speakers.size()).first->second, event);
        tape.set_mark(tape.head());
    }
    return tape;
}

/// Events of devices that had seen little of the last ones; whatever is there is what they act on.
void append_late(Tape& tape, std::vector<std::string> const& objects, std::mt19937& random) {
    for (int n = 0; n < 60; ++n) {
        auto const head = tape.head().value;
        auto const late = std::min<std::uint64_t>(head, random() % 200);
        Event event;
        auto const& object = objects[random() % objects.size()];
        event.ops.push_back({.kind = random() % 5 == 0 ? OpKind::remove : OpKind::set,
                             .object = object,
                             .field = "title",
                             .value = "late " + std::to_string(n)});
        if (event.ops[0].kind == OpKind::remove) {
            event.ops[0].field.clear();
            event.ops[0].value = {};
        }
        tape.append(1'000'000 + static_cast<std::size_t>(n), event, Seq{head - late});
    }
}

/// What a device at the cursor holds when it has taken over what changed up to the snapshot.
Model folded(SimStorage& disk, Tape const& tape, Seq cursor, Manifest const& manifest) {
    auto model = tape.replay(cursor);
    if (cursor < manifest.seq) {
        auto const delta = make_delta(disk, manifest, cursor);
        BOOST_REQUIRE(delta.has_value());
        BOOST_REQUIRE(apply_delta(model, delta.value()).has_value());
    }
    return model;
}

void check_at_random_cursors(Tape& tape, std::uint32_t seed) {
    std::mt19937 random(seed);
    SimStorage disk;
    auto store = SnapshotStore::open(disk).value();
    std::vector<Seq> cursors;
    for (int n = 0; n < 6; ++n) {
        cursors.push_back(Seq{1 + random() % tape.head().value});
    }
    std::ranges::sort(cursors);
    cursors.erase(std::unique(cursors.begin(), cursors.end()), cursors.end());
    std::vector<Model> held;
    std::vector<std::string> objects;
    for (auto const cursor : cursors) {
        auto const manifest = build(store, tape, cursor, 500).value();
        held.push_back(load_snapshot(store, manifest).value().model);
        objects.push_back(manifest.object_chunks.front().first);
        objects.push_back(manifest.object_chunks.back().last);
    }
    auto const newest = store.newest(tape.stream(tape.head()).name).value().value();
    for (std::size_t n = 0; n < cursors.size(); ++n) {
        held.push_back(folded(disk, tape, cursors[n], newest));
    }
    append_late(tape, objects, random);
    auto const whole = tape.replay(tape.head());
    for (std::size_t n = 0; n < held.size(); ++n) {
        auto const head = held[n].head();
        BOOST_TEST_CONTEXT("from seq " << head.value) {
            auto const tail = tape.page(head.next(), tape.head());
            BOOST_REQUIRE(each_event(tail, head, [&](TapeEvent const& one) {
                              held[n].apply(event_of(one.bytes), one.stamp, nullptr);
                          }).has_value());
            BOOST_TEST(held[n].state_hash() == whole.state_hash());
            BOOST_TEST((encode_window(held[n]) == encode_window(whole)));
        }
    }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(real_data)

BOOST_AUTO_TEST_CASE(simple_icons_at_random_cursors, *kNeedsData) {
    for (std::uint32_t seed = 1; seed <= 3; ++seed) {
        auto tape = simple_icons();
        check_at_random_cursors(tape, seed);
    }
}

BOOST_AUTO_TEST_CASE(a_chat_room_at_random_cursors, *kNeedsData) {
    auto tape = irc(20'000);
    check_at_random_cursors(tape, 7);
}

BOOST_AUTO_TEST_SUITE_END()
