// Same journal, same state: in one go, in pieces, with rows that leave memory, on any node.
#include <boost/test/unit_test.hpp>
#include <capstan/schema.hpp>
#include <fstream>

#include "fold_inputs.hpp"
#include "support/golden.hpp"

namespace {

using namespace capstan;
using namespace capstan::test;

/// What a node answers and holds at the end.
struct Outcome {
    std::vector<std::string> verdicts;
    Bytes decisions;  // the same, as bytes that no wording changes
    std::uint64_t state_hash = 0;
    Hash128 chain;
    friend bool operator==(Outcome const&, Outcome const&) = default;
};

std::string text_of(Verdict const& verdict, ByteView record) {
    auto const view = SubmissionView::decode(record);
    return std::string(to_string(verdict.outcome)) + " " + std::to_string(verdict.first.value) +
           " " + std::to_string(verdict.mark.value) + " " + to_string(verdict.last) + " " +
           (view ? detail(verdict, view.value()) : "");
}

/// `between` is called after each record.
template <class Between>
Outcome fold_all(std::vector<Bytes> const& journal, Between between) {
    FoldBed bed;
    Outcome outcome;
    for (auto const& record : journal) {
        auto const verdict = bed.fold(record);
        outcome.verdicts.push_back(text_of(verdict, record));
        ByteWriter(outcome.decisions)
            .put(static_cast<std::uint8_t>(verdict.outcome))
            .put(static_cast<std::uint16_t>(verdict.reason.value_or(Errc{})))
            .put(verdict.first.value)
            .put(verdict.mark.value);
        between(bed);
    }
    outcome.state_hash = bed.state_hash();
    BOOST_TEST(outcome.state_hash == bed.state_hash_recounted());
    outcome.chain = bed.partition.chain;
    return outcome;
}

Bytes read_golden(std::string const& name) {
    std::ifstream file("tests/golden/" + name + ".hex");
    Bytes bytes;
    std::string digits;
    while (file >> digits) {
        bytes.push_back(static_cast<std::byte>(std::stoul(digits, nullptr, 16)));
    }
    return bytes;
}

/// The records of a journal without frames: each says how long it is.
std::vector<Bytes> records_of(ByteView journal) {
    std::vector<Bytes> records;
    while (!journal.empty()) {
        auto const length = submission_length(journal).value();
        records.emplace_back(journal.begin(), journal.begin() + static_cast<long>(length));
        journal = journal.subspan(length);
    }
    return records;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(fold_state)

BOOST_AUTO_TEST_CASE(I14_state_is_the_same_however_rows_come_and_go) {
    for (std::uint64_t seed = 1; seed <= 12; ++seed) {
        BOOST_TEST_CONTEXT("seed " << seed) {
            auto const journal = random_journal(seed, 400);
            Dice dice(seed);
            auto const whole = fold_all(journal, [](FoldBed&) {});
            auto const evicted = fold_all(journal, [](FoldBed& bed) { bed.evict(); });
            auto const settled = fold_all(journal, [](FoldBed& bed) { bed.state_hash(); });
            auto const mixed = fold_all(journal, [&](FoldBed& bed) {
                if (dice.one_in(7)) {
                    bed.evict();
                }
                if (dice.one_in(5)) {
                    bed.state_hash();
                }
                for (auto& [name, stream] : bed.streams) {
                    if (dice.one_in(9)) {
                        catch_up(bed.partition, stream.row);
                    }
                }
            });
            BOOST_TEST((whole == evicted));
            BOOST_TEST((whole == settled));
            BOOST_TEST((whole == mixed));
        }
    }
}

BOOST_AUTO_TEST_CASE(random_journals_meet_every_verdict) {
    std::map<std::string, int> seen;
    for (std::uint64_t seed = 1; seed <= 12; ++seed) {
        for (auto const& text : fold_all(random_journal(seed, 400), [](FoldBed&) {}).verdicts) {
            ++seen[text.substr(0, text.find(' '))];
        }
    }
    for (auto const outcome : {Verdict::accepted,
                               Verdict::duplicate,
                               Verdict::settled,
                               Verdict::halted,
                               Verdict::counter_gap,
                               Verdict::behind_itself,
                               Verdict::refused,
                               Verdict::not_your_device,
                               Verdict::applied,
                               Verdict::ignored}) {
        BOOST_TEST(seen[std::string(to_string(outcome))] > 0, to_string(outcome));
    }
}

/// The hash compares streams, not how they met: order across streams and stream numbers are left
/// out.
BOOST_AUTO_TEST_CASE(streams_do_not_touch_one_another) {
    auto const journal = random_journal(3, 400);
    std::vector<Bytes> by_stream;
    for (auto const name : {"", "acme/room/2", "acme/room/0", "acme/room/1"}) {
        for (auto const& record : journal) {
            auto const view = SubmissionView::decode(record);
            auto const is_restore = view && view.value().kind == SubmissionKind::restore;
            if (view && view.value().stream == name && !is_restore) {
                by_stream.push_back(record);
            }
        }
    }
    std::vector<Bytes> without_restores;
    for (auto const& record : journal) {
        auto const view = SubmissionView::decode(record);
        if (view && view.value().kind != SubmissionKind::restore) {
            without_restores.push_back(record);
        }
    }
    BOOST_TEST(fold_all(by_stream, [](FoldBed&) {}).state_hash ==
               fold_all(without_restores, [](FoldBed&) {}).state_hash);
}

BOOST_AUTO_TEST_CASE(any_change_of_the_journal_changes_its_chain) {
    auto journal = random_journal(4, 60);
    auto const before = fold_all(journal, [](FoldBed&) {});
    std::swap(journal[20], journal[30]);
    BOOST_TEST((fold_all(journal, [](FoldBed&) {}).chain != before.chain));
}

/// Nodes note their state at the same positions, and one of them says what it had.
BOOST_AUTO_TEST_CASE(beacons_find_the_node_that_disagrees) {
    auto const journal = random_journal(5, 200);
    FoldBed good;
    FoldBed bad;
    Bytes beacon;
    for (auto const& record : journal) {
        good.fold(record);
        bad.fold(record);
        if (good.partition.position == Position{100}) {
            bad.streams.begin()->second.row.mark = Seq{};  // a bit rots, or a rule was forgotten
            bad.streams.begin()->second.row.policy = {1, 1, 1};
            good.state_hash();
            bad.state_hash();
            beacon = encode_beacon(note_state(good.partition));
            note_state(bad.partition);
        }
    }
    BOOST_TEST((good.fold(beacon).beacon == BeaconCheck::agrees));
    BOOST_TEST((bad.fold(beacon).beacon == BeaconCheck::disagrees));
    FoldBed other;
    other.fold(journal.front());
    BOOST_TEST((other.fold(beacon).beacon == BeaconCheck::unknown));
}

BOOST_AUTO_TEST_CASE(only_the_newest_state_marks_are_kept) {
    auto bed = FoldBed::started();
    for (std::size_t i = 0; i < 2 * kStateMarksMax; ++i) {
        bed.fold(encode_heartbeat());
        note_state(bed.partition);
        note_state(bed.partition);
    }
    BOOST_TEST(bed.partition.marks.size() == kStateMarksMax);
    BOOST_TEST((bed.partition.marks.back().position == bed.partition.position));
    BOOST_TEST(state_mark_due(Position{kStateMarkEvery}));
    BOOST_TEST(!state_mark_due(Position{kStateMarkEvery + 1}));
}

/// The decisions of fold version 1, for ever. Never record the journal again: add another one.
BOOST_AUTO_TEST_CASE(golden_journal_folds_to_its_recorded_state) {
    auto const journal = read_golden("sequencer/journal_v1");
    BOOST_TEST_REQUIRE(!journal.empty());
    auto const outcome = fold_all(records_of(journal), [](FoldBed&) {});
    Bytes state;
    ByteWriter(state).put(outcome.chain).put(outcome.state_hash).put(outcome.decisions);
    check_golden("sequencer/journal_v1_state", state);
}

BOOST_AUTO_TEST_SUITE_END()
