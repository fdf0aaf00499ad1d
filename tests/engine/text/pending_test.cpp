// Devices with pending edits: after everything that they receive, a text reads as the trunk with
// the pending edits put in on top, by the model that forgets nothing. Refusals and rebases too.
#include <boost/test/unit_test.hpp>
#include <capstan/engine/text.hpp>
#include <cstdlib>
#include <deque>
#include <memory>

#include "sequencer/dice.hpp"
#include "text_rig.hpp"

namespace {

using namespace capstan;
using namespace capstan::test;

std::uint64_t networks() {
    char const* const value = std::getenv("CAPSTAN_HISTORIES");
    return value == nullptr ? 300 : std::strtoull(value, nullptr, 10);
}

/// An edit of a device on its way to the server.
struct Outgoing {
    std::uint64_t number;
    NaiveEvent event;
};

struct Device {
    explicit Device(EditTuning const& tuning) : rig(tuning) {}
    TextRig rig;
    std::uint64_t cursor = 0;
    std::uint64_t number_last = 0;
    std::deque<Outgoing> unsent;
    std::deque<Outgoing> unanswered;           // sent or not
    std::deque<std::uint64_t> early_verdicts;  // seqs told ahead of the cursor, not yet passed
};

struct Accepted {
    NaiveEvent event;
    std::uint64_t number;
};

struct Counts {
    std::size_t checks = 0;
    std::size_t with_pending = 0;
    std::size_t early = 0;
    std::size_t refusals = 0;
    std::size_t rebases = 0;
};

/// A server, devices, and a network that delays everything but reorders nothing.
class Network {
  public:
    Network(std::uint64_t seed, Counts& counts) : dice_(seed), counts_(counts) {
        for (auto count = 2 + dice_.below(3); count > 0; --count) {
            devices_.push_back(
                std::make_unique<Device>(dice_.one_in(2) ? kTinyTuning : kEditTuning));
        }
    }

    std::string run() {
        for (auto steps = 30 + dice_.below(120); steps > 0 && wrong_.empty(); --steps) {
            step(static_cast<std::uint32_t>(dice_.below(devices_.size())));
        }
        for (std::uint32_t device = 0; device < devices_.size(); ++device) {
            while (!devices_[device]->unsent.empty()) {
                sequence(device);
            }
        }
        for (std::uint32_t device = 0; device < devices_.size() && wrong_.empty(); ++device) {
            while (devices_[device]->cursor < log_.size() && wrong_.empty()) {
                receive(device);
            }
        }
        return wrong_;
    }

  private:
    void step(std::uint32_t device) {
        switch (dice_.below(12)) {
            case 0:
            case 1:
            case 2:
            case 3:
                return edit(device);
            case 4:
            case 5:
                return devices_[device]->unsent.empty() ? void() : sequence(device);
            case 6:
                return dice_.one_in(3) ? refuse(device) : hear_early(device);
            case 7:
                return dice_.one_in(4) ? rebase(device, {}) : void();
            default:
                return devices_[device]->cursor < log_.size() ? receive(device) : void();
        }
    }

    void edit(std::uint32_t device) {
        auto& it = *devices_[device];
        auto const items = it.rig.text.content().size().points;
        NaiveEdit made;
        if (items > 0 && dice_.below(10) < 4) {
            made.at = dice_.below(items);
            made.removed = 1 + dice_.below(std::min<std::uint64_t>(items - made.at, 4));
        } else {
            made.at = dice_.one_in(3) ? std::min<std::uint64_t>(items, 1) : dice_.below(items + 1);
        }
        for (auto count = made.removed == 0 ? 1 + dice_.below(3) : dice_.below(2); count > 0;
             --count) {
            made.inserted += static_cast<char>('a' + device * 6 + dice_.below(6));
        }
        ++it.number_last;
        NaiveEvent const event{Stamp::pending(it.number_last).value, it.cursor, device, {made}};
        check(it.rig.apply(event, marks_[it.cursor]) == EditVerdict::applied, device, "verdict");
        it.unsent.push_back({it.number_last, event});
        it.unanswered.push_back({it.number_last, event});
        compare(device);
    }

    void sequence(std::uint32_t device) {
        auto& it = *devices_[device];
        auto next = it.unsent.front();
        it.unsent.pop_front();
        next.event.seq = log_.size() + 1;
        log_.push_back({next.event, next.number});
        marks_.push_back(std::max(marks_.back(), smallest_p()));
    }

    /// The least p that any device may still send.
    std::uint64_t smallest_p() const {
        auto least = ~std::uint64_t{0};
        for (auto const& device : devices_) {
            auto const& queue = device->unsent;
            least = std::min(least, queue.empty() ? device->cursor : queue.front().event.p);
        }
        return least;
    }

    /// The answer to what was published comes before the events in front of it.
    void hear_early(std::uint32_t device) {
        auto& it = *devices_[device];
        for (auto seq = it.cursor + 1; seq <= log_.size() && !it.unanswered.empty(); ++seq) {
            auto const& accepted = log_[seq - 1];
            if (accepted.event.device == device &&
                accepted.number == it.unanswered.front().number) {
                it.rig.text.acknowledge(Stamp::pending(accepted.number), Seq{seq});
                it.unanswered.pop_front();
                it.early_verdicts.push_back(seq);
                ++counts_.early;
                compare(device);
                return;
            }
        }
    }

    void receive(std::uint32_t device) {
        auto& it = *devices_[device];
        auto const& accepted = log_[it.cursor];
        auto const seq = ++it.cursor;
        if (accepted.event.device != device) {
            auto const verdict = it.rig.apply(accepted.event, marks_[seq - 1]);
            check(verdict == EditVerdict::applied, device, "verdict");
        } else if (!it.early_verdicts.empty() && it.early_verdicts.front() == seq) {
            it.early_verdicts.pop_front();
        } else {
            bool const known = it.rig.text.acknowledge(Stamp::pending(accepted.number), Seq{seq});
            check(known, device, "an own event is pending");
            it.unanswered.pop_front();
        }
        if (dice_.one_in(2)) {
            it.rig.text.collect(Seq{marks_[seq]});
        }
        compare(device);
    }

    /// What follows in the device's queue was halted with it.
    void refuse(std::uint32_t device) {
        auto& it = *devices_[device];
        if (it.unsent.empty() || it.unsent.size() != it.unanswered.size()) {
            return;  // the verdicts of what was sent come first
        }
        std::vector<Stamp> refused{Stamp::pending(it.unsent.front().number)};
        for (std::size_t i = 1; i < it.unsent.size(); ++i) {
            if (dice_.one_in(6)) {
                refused.push_back(Stamp::pending(it.unsent[i].number));
            }
        }
        ++counts_.refusals;
        rebase(device, refused);
    }

    void rebase(std::uint32_t device, std::vector<Stamp> const& refused) {
        auto& it = *devices_[device];
        if (it.unsent.size() != it.unanswered.size()) {
            return;
        }
        auto const before = it.rig.str();
        std::vector<TextSplice> effects;
        auto const edits = it.rig.text.rebase(
            {refused, Seq{it.cursor}, Seq{marks_[it.cursor]}, DeviceIndex{device}}, effects);
        it.rig.read(effects);
        check(
            !refused.empty() || it.rig.str() == before, device, "a rebase changes nothing visible");
        it.unsent.clear();
        for (auto const& edit : edits) {
            NaiveEvent event{edit.stamp.value, it.cursor, device, {}};
            for (auto const& splice : edit.splices) {
                event.edits.push_back({splice.at, splice.removed, splice.inserted});
            }
            if (!event.edits.empty()) {
                it.unsent.push_back({edit.stamp.value - Stamp::kPendingBase, event});
            }
        }
        it.unanswered = it.unsent;
        ++counts_.rebases;
        compare(device);
    }

    /// The trunk up to the cursor, own events that were told early, and the pending ones on top.
    void compare(std::uint32_t device) {
        auto& it = *devices_[device];
        NaiveText want;
        for (std::size_t i = 0; i < it.cursor; ++i) {
            want.apply(log_[i].event);
        }
        for (auto const seq : it.early_verdicts) {
            want.apply(log_[seq - 1].event);
        }
        for (auto const& pending : it.unanswered) {
            want.apply(pending.event);
        }
        it.rig.text.check_invariants();
        ++counts_.checks;
        counts_.with_pending += it.unanswered.empty() ? 0 : 1;
        check(
            it.rig.str() == want.text(), device, "want " + want.text() + ", have " + it.rig.str());
        check(it.rig.reader == it.rig.str(), device, "effects give " + it.rig.reader);
    }

    void check(bool fine, std::uint32_t device, std::string const& what) {
        if (!fine && wrong_.empty()) {
            wrong_ = "device " + std::to_string(device) + " at " +
                     std::to_string(devices_[device]->cursor) + ": " + what;
        }
    }

    Dice dice_;
    Counts& counts_;
    std::vector<std::unique_ptr<Device>> devices_;
    std::vector<Accepted> log_;
    std::vector<std::uint64_t> marks_{0};  // after seq i
    std::string wrong_;
};

}  // namespace

BOOST_AUTO_TEST_CASE(a_device_reads_the_trunk_with_its_pending_edits_on_top) {
    Counts counts;
    for (std::uint64_t seed = 1; seed <= networks(); ++seed) {
        auto const wrong = Network(seed, counts).run();
        BOOST_TEST_REQUIRE(wrong.empty(), "seed " << seed << ": " << wrong);
    }
    BOOST_TEST(counts.with_pending > counts.checks / 4);
    BOOST_TEST(counts.early > 0U);
    BOOST_TEST(counts.refusals > 0U);
    BOOST_TEST(counts.rebases > counts.refusals);
}

BOOST_AUTO_TEST_CASE(a_refusal_puts_back_what_was_removed_and_keeps_what_came_after) {
    TextRig rig;
    rig.apply({1, 0, 0, {{0, 0, "one two three"}}}, 0);
    rig.apply({Stamp::pending(1).value, 1, 1, {{4, 4, ""}}}, 0);
    rig.apply({Stamp::pending(2).value, 1, 1, {{4, 0, "2 "}}}, 0);
    BOOST_TEST(rig.str() == "one 2 three");
    std::vector<Stamp> const refused{Stamp::pending(1)};
    std::vector<TextSplice> effects;
    auto const edits = rig.text.rebase({refused, Seq{1}, Seq{0}, DeviceIndex{1}}, effects);
    BOOST_REQUIRE_EQUAL(effects.size(), 1U);
    BOOST_TEST(effects[0].inserted == "two ");
    BOOST_REQUIRE_EQUAL(edits.size(), 1U);
    BOOST_TEST((edits[0].stamp == Stamp::pending(2)));
    BOOST_REQUIRE_EQUAL(edits[0].splices.size(), 1U);
    BOOST_TEST(edits[0].splices[0].inserted == "2 ");
    BOOST_TEST(rig.str().size() == 15U);
    BOOST_TEST(rig.text.pending().size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_rebase_can_give_the_pending_edits_to_another_device) {
    TextRig rig;
    rig.apply({1, 0, 0, {{0, 0, "ab"}}}, 0);
    rig.apply({Stamp::pending(1).value, 1, 1, {{1, 0, "x"}}}, 0);
    std::vector<TextSplice> effects;
    auto const edits = rig.text.rebase({{}, Seq{1}, Seq{0}, DeviceIndex{7}}, effects);
    BOOST_REQUIRE_EQUAL(edits.size(), 1U);
    // What the old device had sent after all comes as foreign, and does not know the edit.
    rig.apply({2, 1, 1, {{1, 0, "y"}}}, 0);
    BOOST_TEST(rig.str() == "ayxb");
}
