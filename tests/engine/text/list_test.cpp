// Lists: elements keep their identity while devices insert and remove around each other.
#include <boost/test/unit_test.hpp>
#include <capstan/engine/text.hpp>
#include <map>

#include "naive_text.hpp"
#include "sequencer/dice.hpp"
#include "text_rig.hpp"

namespace {

using namespace capstan;
using namespace capstan::test;

/// One element for each letter: its id is that of the letter, its value the letter as a text.
std::vector<ListItem> items(std::string_view letters) {
    std::vector<ListItem> elements;
    for (auto const letter : letters) {
        elements.push_back(
            {{static_cast<unsigned char>(letter)}, StoredValue(Value{std::string(1, letter)})});
    }
    return elements;
}

std::string letters(std::span<ListItem const> elements) {
    std::string text;
    for (auto const& [id, value] : elements) {
        BOOST_TEST_REQUIRE(static_cast<unsigned char>(as_text(value.payload())[0]) == id.value);
        text += as_text(value.payload());
    }
    return text;
}

/// A list under test, its effects' reader, and what it says it removed.
struct ListRig {
    explicit ListRig(EditTuning const& tuning = kEditTuning) : list(tuning) {}

    EditVerdict apply(NaiveEvent const& event, std::uint64_t mark) {
        std::vector<std::vector<ListItem>> inserted;
        for (auto const& edit : event.edits) {
            inserted.push_back(items(edit.inserted));
        }
        std::vector<ListSplice> splices;
        for (std::size_t i = 0; i < event.edits.size(); ++i) {
            splices.push_back({event.edits[i].at, event.edits[i].removed, inserted[i]});
        }
        EditStamp const stamp{Stamp{event.seq}, Seq{event.p}, DeviceIndex{event.device}, Seq{mark}};
        std::vector<ListSplice> effects;
        std::vector<ListItem> gone;
        auto const verdict = list.apply(stamp, splices, effects, &gone);
        for (auto const& effect : effects) {
            removed_by_reader += reader.substr(effect.at, effect.removed);
            reader.replace(effect.at, effect.removed, letters(effect.inserted));
        }
        removed += letters(gone);
        return verdict;
    }

    std::string str() const { return letters(list.content().all()); }

    List list;
    std::string reader;
    std::string removed;
    std::string removed_by_reader;
};

NaiveEvent random_event(Dice& dice,
                        NaiveText const& naive,
                        std::uint64_t seq,
                        std::uint64_t (&seen)[3]) {
    auto const device = static_cast<std::uint32_t>(dice.below(3));
    seen[device] += dice.one_in(2) ? dice.below(seq - seen[device]) : 0;
    NaiveEvent event{seq, seen[device], device, {{}}};
    auto const items = naive.visible(event.p, device);
    auto& edit = event.edits[0];
    edit.at = dice.below(items + 1);
    edit.removed = dice.below(3) == 0 ? dice.below(items - edit.at + 1) % 5 : 0;
    for (auto count = dice.below(4); count > 0; --count) {
        edit.inserted += static_cast<char>('a' + dice.below(26));
    }
    return event;
}

}  // namespace

BOOST_AUTO_TEST_CASE(lists_read_as_the_model_that_forgets_nothing) {
    for (std::uint64_t seed = 1; seed <= 200; ++seed) {
        Dice dice(seed);
        NaiveText naive;
        static constexpr EditTuning kSmallLeaves{.leaf_bytes = 40};
        ListRig rigs[] = {ListRig(kTinyTuning), ListRig(), ListRig(kSmallLeaves)};
        std::uint64_t seen[3] = {};
        for (std::uint64_t seq = 1; seq <= 120; ++seq) {
            auto const mark = std::ranges::min(seen);
            auto const event = random_event(dice, naive, seq, seen);
            BOOST_TEST_REQUIRE(naive.apply(event));
            for (auto& rig : rigs) {
                BOOST_TEST_REQUIRE((rig.apply(event, mark) == EditVerdict::applied));
                rig.list.check_invariants();
                BOOST_TEST_REQUIRE(rig.str() == naive.text(), "seed " << seed << ", seq " << seq);
                BOOST_TEST_REQUIRE(rig.reader == naive.text());
                BOOST_TEST_REQUIRE(rig.removed == rig.removed_by_reader);
            }
        }
    }
}

/// The hash of the same elements, put there in one piece.
std::uint64_t hash_at_once(ElementSequence const& elements) {
    auto const all = elements.all();
    return ElementSequence(all).hash();
}

BOOST_AUTO_TEST_CASE(hashes_tell_what_a_list_holds_and_not_how_it_came_about) {
    Dice dice(7);
    ElementSequence elements(std::span<ListItem const>{}, kTinyTuning);
    for (int step = 0; step < 300; ++step) {
        auto const at = dice.below(elements.items() + 1);
        if (dice.below(3) == 0) {
            elements.erase(at, std::min<std::uint64_t>(elements.items() - at, 3));
        } else {
            elements.insert(at, items("xyz"));
        }
        BOOST_TEST(elements.hash() == hash_at_once(elements));
    }
    BOOST_TEST(ElementSequence(items("ab")).hash() != ElementSequence(items("ba")).hash());
    BOOST_TEST(ElementSequence(items("ab")).hash() != ElementSequence(items("abb")).hash());
    auto other_value = items("ab");
    other_value[1].value = StoredValue(Value{std::string("c")});
    BOOST_TEST(ElementSequence(items("ab")).hash() != ElementSequence(other_value).hash());
}

BOOST_AUTO_TEST_CASE(a_copy_merges_as_the_original_does) {
    ListRig rig(kTinyTuning);
    rig.apply({1, 0, 0, {{0, 0, "abc"}}}, 0);
    rig.apply({2, 1, 1, {{1, 1, "x"}}}, 0);
    ListRig copy;
    copy.list = rig.list.clone();
    copy.reader = rig.reader;
    NaiveEvent const late{3, 1, 2, {{1, 2, "z"}}};
    rig.apply(late, 0);
    BOOST_TEST((copy.list.content().all() != rig.list.content().all()));
    copy.apply(late, 0);
    copy.list.check_invariants();
    BOOST_TEST((copy.list.content().all() == rig.list.content().all()));
}

BOOST_AUTO_TEST_CASE(elements_are_found_by_place) {
    auto const all = items("abcdefghijklmnopqrstuvwxyz");
    ElementSequence const elements(all, kTinyTuning);
    elements.check_invariants();
    for (std::uint64_t place = 0; place < all.size(); ++place) {
        BOOST_TEST((elements.at(place) == all[place]));
    }
}

BOOST_AUTO_TEST_CASE(a_refused_removal_puts_the_same_elements_back) {
    ListRig rig;
    rig.apply({1, 0, 0, {{0, 0, "abcde"}}}, 0);
    rig.apply({Stamp::pending(1).value, 1, 1, {{1, 3, "x"}}}, 0);
    BOOST_TEST(rig.str() == "axe");
    std::vector<Stamp> const refused{Stamp::pending(1)};
    std::vector<ListSplice> effects;
    BOOST_TEST(rig.list.rebase({refused, Seq{1}, Seq{0}, DeviceIndex{1}}, effects).empty());
    BOOST_TEST(rig.str() == "abcde");
}

BOOST_AUTO_TEST_CASE(a_list_goes_on_from_its_snapshot) {
    ListRig rig;
    rig.apply({1, 0, 0, {{0, 0, "abc"}}}, 0);
    rig.apply({2, 1, 1, {{1, 1, "x"}}}, 0);
    rig.apply({3, 1, 2, {{2, 0, "y"}}}, 0);
    auto const snapshot = rig.list.snapshot(Seq{1});
    auto restored = List::restore(snapshot.content, snapshot.window);
    BOOST_REQUIRE(restored.has_value());
    ListRig other;
    other.list = std::move(restored).value();
    other.reader = letters(snapshot.content);
    NaiveEvent const late{4, 1, 3, {{1, 1, "z"}}};
    rig.apply(late, 1);
    other.apply(late, 1);
    BOOST_TEST(other.str() == rig.str());
}
