// Texts against the naive model after every event of random histories.
#include <boost/test/unit_test.hpp>
#include <capstan/engine/text.hpp>
#include <cstdlib>
#include <optional>

#include "sequencer/dice.hpp"
#include "text_rig.hpp"

namespace {

using namespace capstan;
using namespace capstan::test;

/// CAPSTAN_HISTORIES=100000 looks further than the daily run.
std::uint64_t histories() {
    char const* const value = std::getenv("CAPSTAN_HISTORIES");
    return value == nullptr ? 400 : std::strtoull(value, nullptr, 10);
}

/// Some devices that see each other's events late, at random.
class RandomAuthors {
  public:
    explicit RandomAuthors(std::uint64_t seed)
        : dice_(seed), seen_(1 + dice_.below(5), 0), eagerness_(1 + dice_.below(8)) {}

    /// The next event; its author had applied `seen` of the events before it.
    NaiveEvent next(NaiveText const& text, std::uint64_t seq) {
        catch_up(seq - 1);
        auto const device = static_cast<std::uint32_t>(dice_.below(seen_.size()));
        NaiveEvent event{seq, seen_[device], device, {}};
        auto items = std::uint64_t{text.visible(event.p, device)};
        for (auto count = dice_.one_in(5) ? 3 : 1; count > 0; --count) {
            event.edits.push_back(edit(items, device));
            items += event.edits.back().inserted.size() - event.edits.back().removed;
        }
        if (dice_.one_in(40)) {
            event.edits.back().at = items + 1 + dice_.below(3);
        }
        return event;
    }

    /// All later events have a p that is at least this.
    std::uint64_t mark() const { return std::ranges::min(seen_); }
    Dice& dice() { return dice_; }

  private:
    void catch_up(std::uint64_t head) {
        for (auto& seen : seen_) {
            if (dice_.below(10) < eagerness_ && dice_.below(3) > 0) {
                seen += dice_.below(head - seen + 1);
            }
        }
        if (dice_.one_in(12)) {
            for (auto& seen : seen_) {
                seen = dice_.one_in(4) ? seen : head;
            }
        }
    }

    NaiveEdit edit(std::uint64_t items, std::uint32_t device) {
        NaiveEdit edit;
        bool const removes = items > 0 && dice_.below(10) < 4;
        if (removes) {
            edit.at = dice_.below(items);
            edit.removed = 1 + dice_.below(std::min<std::uint64_t>(items - edit.at, 6));
        } else {
            edit.at = dice_.one_in(4) ? std::min<std::uint64_t>(items, 2) : dice_.below(items + 1);
            edit.at = typing_at_ && dice_.below(3) > 0 ? std::min(*typing_at_, items) : edit.at;
        }
        if (!removes || dice_.one_in(4)) {
            for (auto count = 1 + (dice_.one_in(2) ? 0 : dice_.below(4)); count > 0; --count) {
                edit.inserted += static_cast<char>('a' + device * 5 + dice_.below(5));
            }
        }
        typing_at_ = edit.at + edit.inserted.size();
        return edit;
    }

    Dice dice_;
    std::vector<std::uint64_t> seen_;
    std::uint64_t eagerness_;
    std::optional<std::uint64_t> typing_at_;
};

struct Counts {
    std::size_t events = 0;
    std::size_t in_window = 0;
    std::size_t outside = 0;
    std::size_t windows = 0;
};

/// Through its snapshot, which another snapshot of what comes out equals.
Text restore(Text const& text, std::uint64_t mark) {
    auto const snapshot = text.snapshot(Seq{mark});
    auto restored = Text::restore(snapshot.content, snapshot.window);
    BOOST_TEST_REQUIRE(restored.has_value(), (restored ? "" : restored.error().detail));
    BOOST_TEST_REQUIRE((restored.value().snapshot(Seq{mark}) == snapshot));
    return std::move(restored).value();
}

/// Replicas that differ in all that must not matter: sizes, when and how far they collect, and
/// whether they began with a snapshot. They read the same, and are the same bytes.
std::string run_history(std::uint64_t seed, Counts& counts) {
    RandomAuthors authors(seed);
    NaiveText naive;
    TextRig tiny(kTinyTuning);
    TextRig usual;
    EditTuning const patient{.far_seqs = 1'000'000};
    TextRig keeps_all(patient);
    TextRig restored;
    std::uint64_t mark = 0;
    auto const events = 20 + authors.dice().below(140);
    for (std::uint64_t seq = 1; seq <= events; ++seq) {
        auto const event = authors.next(naive, seq);
        bool const fits = naive.apply(event);
        auto const expected = fits ? EditVerdict::applied : EditVerdict::outside_view;
        auto const want = naive.text();
        auto const late_mark = authors.dice().below(mark + 1);
        auto const tiny_verdict = tiny.apply(event, mark);
        auto const usual_verdict = usual.apply(event, late_mark);
        auto const kept_verdict = keeps_all.apply(event, 0);
        auto const restored_verdict = restored.apply(event, mark);
        for (auto* rig : {&tiny, &usual, &keeps_all, &restored}) {
            rig->text.check_invariants();
            if (rig->str() != want || rig->reader != want) {
                return "seq " + std::to_string(seq) + ": want " + want + ", have " + rig->str() +
                       ", effects give " + rig->reader;
            }
        }
        if (tiny_verdict != expected || usual_verdict != expected || kept_verdict != expected ||
            restored_verdict != expected) {
            return "seq " + std::to_string(seq) + ": verdict";
        }
        mark = std::max(mark, authors.mark());
        if (authors.dice().one_in(3)) {
            tiny.text.collect(Seq{mark});
            tiny.text.check_invariants();
        }
        if (authors.dice().one_in(6)) {
            auto const& from = authors.dice().one_in(2) ? usual : keeps_all;
            restored.text = restore(from.text, mark);
            counts.windows += restored.text.at_rest() ? 0 : 1;
        }
        auto const bytes = keeps_all.text.snapshot(Seq{mark}).window;
        for (auto* rig : {&tiny, &usual, &restored}) {
            if (rig->text.snapshot(Seq{mark}).window != bytes) {
                return "seq " + std::to_string(seq) + ": another window";
            }
        }
        ++counts.events;
        counts.outside += fits ? 0 : 1;
        counts.in_window += usual.text.window().spans() > 0 ? 1 : 0;
    }
    return {};
}

}  // namespace

BOOST_AUTO_TEST_CASE(texts_read_as_the_model_that_forgets_nothing) {
    Counts counts;
    for (std::uint64_t seed = 1; seed <= histories(); ++seed) {
        auto const wrong = run_history(seed, counts);
        BOOST_TEST_REQUIRE(wrong.empty(), "seed " << seed << ": " << wrong);
    }
    BOOST_TEST(counts.in_window > counts.events / 4);
    BOOST_TEST(counts.outside > 0U);
    BOOST_TEST(counts.windows > 0U);
}
