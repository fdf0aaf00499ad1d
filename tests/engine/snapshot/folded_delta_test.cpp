// A folded delta: a model at its first seq that takes it over is the model at its last one, byte
// for byte, and goes on as that does.
#include <rapidcheck.h>
#include <rapidcheck/boost_test.h>

#include <boost/test/unit_test.hpp>

#include "../model/history.hpp"
#include "../model/model_parts.hpp"
#include "delta_of.hpp"
#include "support/golden.hpp"

namespace {

using namespace capstan;
using namespace capstan::test;

constexpr char kStream[] = "acme/notes";

FoldedDelta where(Seq from) {
    return {.stream = kStream, .generation = Generation{7}, .from = from};
}

/// The events first..last of a history, counted from 0, the end exclusive.
void play(Model& model, std::vector<PastEvent> const& history, std::size_t first, std::size_t end) {
    for (auto i = first; i < end; ++i) {
        model.apply(history[i].event, history[i].stamp, nullptr);
    }
}

TrailedModel trailed(std::vector<PastEvent> const& history, std::size_t end) {
    TrailedModel out;
    for (std::size_t i = 0; i < end; ++i) {
        out.apply(history[i].event, history[i].stamp, Counter{i + 1});
    }
    return out;
}

NaiveRules random_rules() {
    return {static_cast<RegisterRule>(*rc::gen::inRange(0, 6)),
            static_cast<SetRule>(*rc::gen::inRange(0, 2)),
            static_cast<DeleteRule>(*rc::gen::inRange(0, 3))};
}

std::vector<PastEvent> any_history() {
    return random_history({.rules = random_rules(), .content = *rc::gen::arbitrary<bool>()});
}

EventStamp at(std::uint64_t seq, std::size_t device, std::uint64_t mark = 0) {
    return {Seq{seq}, Seq{seq - 1}, Seq{seq}, Seq{mark}, device_of(device)};
}

/// Inserts so many objects, then makes `rounds` updates of the first ten of them.
TrailedModel updated(std::size_t objects, std::size_t rounds) {
    TrailedModel out;
    Seq seq;
    auto const apply = [&](std::vector<Op> ops) {
        seq = seq.next();
        out.apply({std::move(ops), {}}, at(seq.value, 1, seq.value - 1), Counter{seq.value});
    };
    for (std::size_t n = 0; n < objects; ++n) {
        apply({{.kind = OpKind::insert, .object = std::to_string(1'000 + n), .type = "Note"},
               {.object = std::to_string(1'000 + n), .field = "text", .value = "first"}});
    }
    for (std::size_t round = 0; round < rounds; ++round) {
        for (std::size_t n = 0; n < 10; ++n) {
            apply({{.object = std::to_string(1'000 + n),
                    .field = "text",
                    .value = std::to_string(10'000 + round)}});
        }
    }
    return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(folded_deltas)

RC_BOOST_PROP(a_delta_and_the_tail_are_all_events, ()) {
    auto const history = any_history();
    RC_LOG() << to_text(history);
    auto const from = *rc::gen::inRange<std::size_t>(1, history.size());
    auto const end = *rc::gen::inRange<std::size_t>(from + 1, history.size() + 1);
    auto const now = trailed(history, end);
    auto const delta = delta_of(now, where(history[from - 1].stamp.seq));
    auto const decoded = decode_delta(encode_delta(delta));
    RC_ASSERT(decoded.has_value());
    RC_ASSERT(decoded.value() == delta);

    Model device(*rc::gen::arbitrary<bool>() ? Model::Collect::as_applied
                                             : Model::Collect::when_told);
    play(device, history, 0, from);
    RC_ASSERT(apply_delta(device, delta).has_value());
    device.check_invariants();
    RC_ASSERT(take_apart(device) == take_apart(now.model));
    Model all;
    play(all, history, 0, end);
    for (auto i = end; i < history.size(); ++i) {
        RC_ASSERT(apply(device, history[i].event, history[i].stamp) ==
                  apply(all, history[i].event, history[i].stamp));
    }
    device.check_invariants();
    RC_ASSERT(take_apart(device) == take_apart(all));
}

RC_BOOST_PROP(deltas_one_after_the_other_are_one, ()) {
    auto const history = any_history();
    RC_LOG() << to_text(history);
    Model device;
    std::size_t at = 1;
    play(device, history, 0, at);
    while (at < history.size()) {
        auto const end = *rc::gen::inRange<std::size_t>(at + 1, history.size() + 1);
        auto const now = trailed(history, end);
        RC_ASSERT(apply_delta(device, delta_of(now, where(device.head()))).has_value());
        RC_ASSERT(take_apart(device) == take_apart(now.model));
        at = end;
    }
}

RC_BOOST_PROP(what_is_no_delta_of_the_model_leaves_it_as_it_was, ()) {
    auto const history = any_history();
    auto const from = *rc::gen::inRange<std::size_t>(1, history.size());
    auto const now = trailed(history, history.size());
    auto const delta = delta_of(now, where(history[from - 1].stamp.seq));
    Model device;
    play(device, history, 0, from);
    auto const before = take_apart(device);
    auto wrong = delta;
    switch (*rc::gen::inRange(0, 6)) {
        case 0:
            ++wrong.state_hash;
            break;
        case 1:
            ++wrong.devices_before;
            break;
        case 2:
            ++wrong.rules;
            break;
        case 3:
            wrong.seq = wrong.seq.next();
            break;
        case 4:
            wrong.devices.push_back(device_of(0));
            break;
        default:
            wrong.from = Seq{};
            break;
    }
    RC_ASSERT(apply_delta(device, wrong).has_error());
    device.check_invariants();
    RC_ASSERT(take_apart(device) == before);
    RC_ASSERT(apply_delta(device, delta).has_value());
    RC_ASSERT(take_apart(device) == take_apart(now.model));
}

RC_BOOST_PROP(damaged_bytes_are_refused_or_mean_something_else, ()) {
    auto const history = any_history();
    auto const now = trailed(history, history.size());
    auto const delta = delta_of(now, where(history[0].stamp.seq));
    auto bytes = encode_delta(delta);
    auto const bit = *rc::gen::inRange<std::size_t>(0, 8 * bytes.size());
    bytes[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
    auto const damaged = decode_delta(bytes);
    if (!damaged) {
        return;
    }
    Model device;
    play(device, history, 0, 1);
    auto const before = take_apart(device);
    if (!apply_delta(device, damaged.value())) {
        RC_ASSERT(take_apart(device) == before);
    }
    device.check_invariants();
}

/// The example of RECONCILIATION.md, section 3: an equal value with another stamp.
BOOST_AUTO_TEST_CASE(an_equal_value_is_told_with_its_stamp) {
    auto const set = [](char const* value) {
        return Event{{{.object = "o", .field = "f", .value = std::string(value)}}, {}};
    };
    auto const stamp = [](std::uint64_t seq, std::uint64_t p, std::size_t device) {
        return EventStamp{Seq{seq}, Seq{p}, Seq{seq}, Seq{}, device_of(device)};
    };
    std::vector<PastEvent> const history{
        {{{{.kind = OpKind::insert, .object = "o", .type = "T"}}, {}}, stamp(1, 0, 9)},
        {set("a"), stamp(2, 1, 1)},
        {set("b"), stamp(3, 2, 2)},
        {set("a"), stamp(4, 3, 2)},
        {set("c"), stamp(5, 2, 3)}};
    auto const now = trailed(history, 4);
    Model device;
    play(device, history, 0, 2);
    BOOST_REQUIRE(apply_delta(device, delta_of(now, where(Seq{2}))).has_value());
    play(device, history, 4, 5);
    Model all;
    play(all, history, 0, 5);
    BOOST_TEST((take_apart(device) == take_apart(all)));
    BOOST_TEST((device.value(*device.find("o"), "f") == Value{std::string("a")}));
}

BOOST_AUTO_TEST_CASE(its_size_follows_what_changed_and_not_how_often) {
    auto const size = [](std::size_t objects, std::size_t rounds) {
        auto const now = updated(objects, rounds);
        return encode_delta(delta_of(now, where(Seq{objects}))).size();
    };
    auto const once = size(1'000, 1);
    BOOST_TEST(once < 1'000U);
    BOOST_TEST(size(1'000, 500) <= once + 50);  // larger numbers take a byte or two more
    BOOST_TEST(size(4'000, 1) <= once + 50);
}

BOOST_AUTO_TEST_CASE(of_a_long_text_only_what_was_typed_is_told) {
    TrailedModel now;
    std::uint64_t seq = 0;
    auto const edit = [&](std::vector<Op> ops) {
        ++seq;
        now.apply({std::move(ops), {}}, at(seq, 1, seq - 1), Counter{seq});
    };
    edit(
        {{.kind = OpKind::insert, .object = "n", .type = "Note"},
         {.kind = OpKind::splice, .object = "n", .field = "t", .value = std::string(50'000, 'x')}});
    for (std::uint64_t n = 0; n < 300; ++n) {
        edit({{.kind = OpKind::splice,
               .object = "n",
               .field = "t",
               .value = std::string("y"),
               .at = 20'000 + n}});
    }
    BOOST_TEST(encode_delta(delta_of(now, where(Seq{1}))).size() < 700U);
    // Far more than is remembered: the text itself.
    for (std::uint64_t n = 0; n < kTrailEditsMax; ++n) {
        edit({{.kind = OpKind::splice,
               .object = "n",
               .field = "t",
               .value = std::string("z"),
               .at = 3 * n}});
    }
    auto const whole = encode_delta(delta_of(now, where(Seq{1}))).size();
    BOOST_TEST(whole > 50'000U);
    BOOST_TEST(encode_delta(delta_of(now, where(Seq{seq - 10}))).size() < 1'000U);
}

/// One of each kind of change, told to a device that was at seq 3.
BOOST_AUTO_TEST_CASE(golden_bytes) {
    TrailedModel now;
    Model device;
    std::uint64_t seq = 0;
    auto const apply = [&](std::size_t author, std::vector<Op> const& ops) {
        ++seq;
        now.apply({ops, {}}, at(seq, author, seq > 4 ? seq - 4 : 0), Counter{10 + seq});
        if (seq <= 3) {
            device.apply({ops, {}}, at(seq, author), nullptr);
        }
    };
    apply(
        1,
        {{.kind = OpKind::insert, .object = "a", .type = "Note"},
         {.object = "a", .field = "title", .value = std::string("first")},
         {.object = "a", .field = "stays", .value = true},
         {.kind = OpKind::set_add, .object = "a", .field = "tags", .value = std::string("x")},
         {.kind = OpKind::add, .object = "a", .field = "count", .value = std::int64_t{1}},
         {.kind = OpKind::splice, .object = "a", .field = "body", .value = std::string("Größe")}});
    apply(1, {{.kind = OpKind::insert, .object = "b", .type = "Note"}});
    apply(2, {{.kind = OpKind::insert, .object = "c", .type = "Note"}});
    apply(2, {{.object = "a", .field = "title", .value = std::string("second")}});
    apply(3,
          {{.kind = OpKind::set_remove, .object = "a", .field = "tags", .value = std::string("x")},
           {.kind = OpKind::add, .object = "a", .field = "count", .value = std::int64_t{2}},
           {.kind = OpKind::splice,
            .object = "a",
            .field = "body",
            .value = std::string("e"),
            .at = 4,
            .count = 1}});
    apply(3, {{.kind = OpKind::remove, .object = "b"}});
    apply(1,
          {{.kind = OpKind::remove, .object = "c"},
           {.kind = OpKind::insert, .object = "c", .type = "Other"},
           {.object = "c", .field = "v", .value = std::int64_t{-5}}});
    auto const delta = delta_of(now, where(Seq{3}));
    check_golden("engine/folded_delta", encode_delta(delta));
    BOOST_REQUIRE(apply_delta(device, delta).has_value());
    BOOST_TEST((take_apart(device) == take_apart(now.model)));
}

/// A trail is the same after it was stored.
RC_BOOST_PROP(trails_are_read_as_they_were_written, ()) {
    auto const history = any_history();
    auto const now = trailed(history, history.size());
    for (auto const& [id, trail] : now.trails.all()) {
        if (Object const* const object = now.model.find(id)) {
            Bytes bytes;
            append_trail(bytes, trail, Seq{object->inserted.seq});
            auto const again = read_trail(bytes, Seq{object->inserted.seq});
            RC_ASSERT(again.has_value());
            RC_ASSERT(again.value() == trail);
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
