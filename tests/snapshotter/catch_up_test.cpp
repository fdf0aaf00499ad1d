#include <rapidcheck.h>
#include <rapidcheck/boost_test.h>

#include <boost/test/unit_test.hpp>
#include <capstan/snapshotter/catch_up.hpp>
#include <capstan/snapshotter/past.hpp>

namespace {

using namespace capstan;

Generation const kNow{30};
Generation const kOld{20};
Generation const kOlder{10};
EndedGeneration const kEnded[] = {{kOlder, Seq{5}}, {kOld, Seq{8}}};

/// The chain hash at a seq of the one history that the stream has.
Hash128 chain_at(std::uint64_t seq) {
    return {seq * 7 + 1, seq};
}

StreamHistory stream_with(std::uint64_t head, std::uint64_t tape_first = 1) {
    return {.generation = kNow,
            .ended = kEnded,
            .head = Seq{head},
            .chain = chain_at(head),
            .tape_first = Seq{tape_first},
            .event_bytes = 100};
}

/// As the caller does it: reads the chain hash where the choice needs it.
CatchUp choose(StreamHistory const& stream, HeldCursor const& held) {
    auto const seq = chain_needed(stream, held);
    BOOST_TEST((!seq || *seq <= stream.head));
    return choose_catch_up(stream, held, seq ? std::optional(chain_at(seq->value)) : std::nullopt);
}

HeldCursor cursor(Generation generation, std::uint64_t seq) {
    return {generation, Seq{seq}, chain_at(seq)};
}
HeldCursor other_chain(Generation generation, std::uint64_t seq) {
    return {generation, Seq{seq}, chain_at(seq + 1'000)};
}
HeldCursor bare(Generation generation, std::uint64_t seq) {
    return {generation, Seq{seq}, std::nullopt};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(catch_up)

BOOST_AUTO_TEST_CASE(each_cursor_has_its_way) {
    using enum fb::Verdict;
    struct Row {
        char const* name;
        std::uint64_t head;
        HeldCursor held;
        fb::Verdict verdict;
        std::uint64_t after;
    };
    Row const rows[] = {
        {"nothing known, no events", 0, {}, up_to_date, 0},
        {"nothing known", 9, {}, delta, 0},
        {"at the head", 9, cursor(kNow, 9), up_to_date, 9},
        {"behind", 9, cursor(kNow, 4), delta, 4},
        {"holds nothing of this generation", 9, cursor(kNow, 0), delta, 0},
        {"holds nothing, nothing there", 0, cursor(kNow, 0), up_to_date, 0},
        {"above the head", 9, cursor(kNow, 10), reset, 0},
        {"another chain", 9, other_chain(kNow, 4), reset, 0},
        {"another chain at the head", 9, other_chain(kNow, 9), reset, 0},
        {"a generation that never was", 9, cursor(Generation{99}, 4), reset, 0},
        {"an unknown generation, nothing held", 9, cursor(Generation{99}, 0), reset, 0},
        {"before the restore", 9, cursor(kOld, 6), delta, 6},
        {"where the restore was", 9, cursor(kOld, 8), delta, 8},
        {"where it was, and no event since", 8, cursor(kOld, 8), up_to_date, 8},
        {"past the restore's head", 9, cursor(kOld, 9), reset, 0},
        {"past an older restore's head", 9, cursor(kOlder, 6), reset, 0},
        {"two restores ago", 9, cursor(kOlder, 5), delta, 5},
        {"an old generation, another chain", 9, other_chain(kOld, 6), reset, 0},
        {"no chain to compare", 9, bare(kNow, 4), delta, 4},
        {"no chain, above the head", 9, bare(kNow, 10), reset, 0},
    };
    for (auto const& row : rows) {
        BOOST_TEST_CONTEXT(row.name) {
            auto const way = choose(stream_with(row.head), row.held);
            BOOST_TEST((way.verdict == row.verdict));
            BOOST_TEST(way.after.value == row.after);
            BOOST_TEST(way.events == row.head - row.after);
            BOOST_TEST(way.bytes == way.events * 100);
            BOOST_TEST(!way.why.has_value());
        }
    }
}

BOOST_AUTO_TEST_CASE(what_the_tape_no_longer_holds_is_denied) {
    for (auto const& held : {HeldCursor{}, cursor(kNow, 3), other_chain(kNow, 9)}) {
        auto const way = choose(stream_with(9, 5), held);
        BOOST_TEST((way.verdict == fb::Verdict::denied));
        BOOST_TEST((way.why == Errc::trimmed));
        BOOST_TEST(way.events == 0U);
    }
    BOOST_TEST((choose(stream_with(9, 5), cursor(kNow, 4)).verdict == fb::Verdict::delta));
}

BOOST_AUTO_TEST_CASE(a_snapshot_is_chosen_where_it_is_less_to_send) {
    SnapshotOffer offer{.generation = kNow, .seq = Seq{900}, .event_bytes = 90'000};
    offer.manifest_bytes = 1'000;
    offer.chunk_bytes = 9'000;
    auto stream = stream_with(1'000);
    stream.snapshot = &offer;
    auto const takes = [](HeldCursor held) {
        held.snapshots = true;
        return held;
    };
    auto const is_snapshot = [](CatchUp const& way) {
        return way.verdict == fb::Verdict::snapshot;
    };
    auto const cold = choose(stream, takes(HeldCursor{}));
    BOOST_TEST(is_snapshot(cold));
    BOOST_TEST((cold.after == offer.seq));
    BOOST_TEST(cold.events == 100U);
    BOOST_TEST(cold.bytes == 10'000U + 100 * 100);
    BOOST_TEST(is_snapshot(choose(stream, takes(cursor(kNow, 799)))));
    // 200 events are as much.
    BOOST_TEST((choose(stream, takes(cursor(kNow, 800))).verdict == fb::Verdict::delta));
    BOOST_TEST((choose(stream, takes(cursor(kNow, 950))).verdict == fb::Verdict::delta));
    BOOST_TEST((choose(stream, HeldCursor{}).verdict == fb::Verdict::delta));
    BOOST_TEST((choose(stream, takes(other_chain(kNow, 5))).verdict == fb::Verdict::reset));
    // What the tape no longer holds has no other way, however large the snapshot is.
    stream.tape_first = Seq{850};
    BOOST_TEST(is_snapshot(choose(stream, takes(cursor(kNow, 810)))));
    BOOST_TEST(is_snapshot(choose_catch_up(stream, takes(cursor(kNow, 810)), std::nullopt)));
    offer.generation = kOld;
    BOOST_TEST((choose(stream, takes(cursor(kNow, 810))).verdict == fb::Verdict::denied));
}

/// 900 events of 100 bytes changed ten objects of 1,000 bytes, one at each hundredth seq.
BOOST_AUTO_TEST_CASE(a_folded_delta_is_chosen_where_it_is_less_to_send_than_both) {
    Manifest manifest;
    manifest.seq = Seq{1'000};
    Past past;
    for (std::uint64_t n = 1; n <= 10; ++n) {
        ObjectChunkRef ref{.chunk = {.id = {}, .bytes = 1'000, .packed_bytes = 1'000}};
        ref.max_seq = Seq{100 * n};
        manifest.object_chunks.push_back(ref);
        past.objects.push_back({.trails = {}, .recent = {1'000}});
    }
    SnapshotOffer offer{.generation = kNow, .seq = Seq{1'000}, .event_bytes = 100'000};
    offer.manifest_bytes = 1'000;
    offer.chunk_bytes = 10'100;
    offer.window_bytes = 100;
    offer.folds_from = Seq{150};
    offer.changed = ChangedBytes(manifest, past);
    auto stream = stream_with(1'010);
    stream.snapshot = &offer;
    auto const choose_for = [&](std::uint64_t seq, bool folds) {
        auto held = cursor(kNow, seq);
        held.snapshots = true;
        held.folds = folds;
        return choose(stream, held);
    };
    auto const way = choose_for(500, true);
    BOOST_TEST((way.verdict == fb::Verdict::folded_delta));
    BOOST_TEST((way.after == offer.seq));
    BOOST_TEST(way.events == 10U);
    // Five objects changed since, and what there is once.
    BOOST_TEST(way.bytes >= 100U + 4'000 + 10 * 100);
    BOOST_TEST(way.bytes <= 100U + 6'100 + 10 * 100);
    BOOST_TEST((choose_for(500, false).verdict == fb::Verdict::snapshot));
    // Below what is remembered of deaths.
    BOOST_TEST((choose_for(149, true).verdict == fb::Verdict::snapshot));
    BOOST_TEST((choose_for(150, true).verdict == fb::Verdict::folded_delta));
    BOOST_TEST((choose_for(990, true).verdict == fb::Verdict::delta));
    BOOST_TEST((choose_for(1'005, true).verdict == fb::Verdict::delta));
    // What is held is taken on trust: a delta of it would not be.
    auto trusted = bare(kNow, 500);
    trusted.snapshots = trusted.folds = true;
    BOOST_TEST((choose(stream, trusted).verdict == fb::Verdict::snapshot));
    // Also below what the tape holds, as long as it tells the chain hash.
    stream.tape_first = Seq{995};
    BOOST_TEST((choose_for(500, true).verdict == fb::Verdict::folded_delta));
}

BOOST_AUTO_TEST_CASE(a_chain_that_the_tape_cannot_tell_is_denied) {
    auto const way = choose_catch_up(stream_with(9), cursor(kNow, 4), std::nullopt);
    BOOST_TEST((way.verdict == fb::Verdict::denied));
    BOOST_TEST((way.why == Errc::trimmed));
}

BOOST_AUTO_TEST_CASE(the_head_needs_no_look_at_the_tape) {
    BOOST_TEST(!chain_needed(stream_with(9), cursor(kNow, 9)).has_value());
    BOOST_TEST(!chain_needed(stream_with(9), cursor(kNow, 0)).has_value());
    BOOST_TEST(!chain_needed(stream_with(9), cursor(kNow, 10)).has_value());
    BOOST_TEST(!chain_needed(stream_with(9), bare(kNow, 4)).has_value());
    BOOST_TEST((chain_needed(stream_with(9), cursor(kNow, 4)) == Seq{4}));
}

/// What a cursor holds and what it is sent are together the stream, or it is told that they are
/// not.
RC_BOOST_PROP(held_and_sent_make_the_whole, ()) {
    auto const head = *rc::gen::inRange<std::uint64_t>(0, 20);
    auto const seq = *rc::gen::inRange<std::uint64_t>(0, 25);
    auto const generation = *rc::gen::element(kNow, kOld, kOlder, Generation{99}, Generation{});
    auto const is_mine = *rc::gen::arbitrary<bool>();
    auto const held = is_mine ? cursor(generation, seq) : other_chain(generation, seq);
    auto const way = choose(stream_with(head), held);
    RC_ASSERT(way.after.value + way.events == head);
    bool const goes_on = way.verdict != fb::Verdict::reset && generation != Generation{};
    if (goes_on) {
        RC_ASSERT(way.after == held.seq);
        RC_ASSERT(seq == 0 || is_mine);
    } else {
        RC_ASSERT(way.after == Seq{});
    }
}

BOOST_AUTO_TEST_SUITE_END()
