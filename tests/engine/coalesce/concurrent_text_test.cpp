// A coalesced text reads as if nothing had been merged, also to those who edited it meanwhile.
#include <rapidcheck/boost_test.h>

#include <boost/test/unit_test.hpp>
#include <capstan/engine/coalesce.hpp>
#include <capstan/engine/text.hpp>

#include "points.hpp"

namespace {

using namespace capstan;
using namespace capstan::test;

struct Choice {
    std::uint32_t at = 0;
    std::uint32_t removed = 0;
    std::uint32_t letter = 0;
    std::uint32_t letters = 0;
};

using Edits = std::vector<coalesce::Splice>;

/// The edits of one author who knows the base and his own work. Letters are the author's own, so
/// that a wrong order shows; places are mostly where he was before.
Edits edits_from(std::u32string view, std::vector<Choice> const& choices, char32_t first_letter) {
    Edits edits;
    std::uint64_t cursor = 0;
    for (auto const& choice : choices) {
        bool const jumps = choice.at % 3 == 0;
        auto const near = cursor + choice.at % 4;
        coalesce::Splice edit;
        edit.at = jumps ? choice.at % (view.size() + 1) : near - std::min<std::uint64_t>(near, 2);
        edit.at = std::min<std::uint64_t>(edit.at, view.size());
        edit.count = std::min<std::uint64_t>(choice.removed % 4, view.size() - edit.at);
        for (auto n = choice.letters % 3; n > 0; --n) {
            edit.content += utf8_of(std::u32string(1, first_letter + (choice.letter + n) % 8));
        }
        auto const content = points_of(edit.content);
        view.replace(edit.at, edit.count, content);
        cursor = edit.at + content.size();
        edits.push_back(std::move(edit));
    }
    return edits;
}

std::vector<Event> events_of(Edits const& edits) {
    std::vector<Event> events;
    for (auto const& edit : edits) {
        Op op{.kind = OpKind::splice, .object = "A", .field = "text", .value = edit.content};
        op.at = edit.at;
        op.count = edit.count;
        events.push_back({{std::move(op)}, {}});
    }
    return events;
}

/// A text with what several devices did to it who all knew the base alone.
class Tape {
  public:
    explicit Tape(std::string const& base) {
        TextSplice const all{0, 0, base};
        apply({&all, 1}, Seq{}, 0);
    }
    void publish(std::vector<Event> const& events, std::uint32_t device) {
        for (auto const& event : events) {
            std::vector<TextSplice> splices;
            for (auto const& op : event.ops) {
                splices.push_back({op.at, op.count, std::get<std::string>(op.value)});
            }
            apply(splices, Seq{1}, device);
        }
    }
    std::string str() const { return text_.content().str(); }

  private:
    void apply(std::span<TextSplice const> splices, Seq p, std::uint32_t device) {
        std::vector<TextSplice> effects;
        EditStamp const stamp{Stamp{++seq_}, p, DeviceIndex{device}, Seq{}};
        RC_ASSERT(text_.apply(stamp, splices, effects) == EditVerdict::applied);
    }

    Text text_;
    std::uint64_t seq_ = 0;
};

rc::Gen<std::vector<Choice>> choices() {
    auto const any = rc::gen::inRange<std::uint32_t>(0, 60);
    return rc::gen::container<std::vector<Choice>>(
        rc::gen::build<Choice>(rc::gen::set(&Choice::at, any),
                               rc::gen::set(&Choice::removed, any),
                               rc::gen::set(&Choice::letter, any),
                               rc::gen::set(&Choice::letters, any)));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(concurrent_texts)

RC_BOOST_PROP(coalesced_edits_meet_those_of_others_as_all_edits_do, ()) {
    std::u32string const base = U"0123456789";
    auto const events_by = [&base](char32_t letter) {
        return events_of(edits_from(base, *choices(), letter));
    };
    auto const before = events_by(U'a');
    auto const before_too = events_by(U'i');
    auto const own = events_by(U'A');
    auto const after = events_by(U'q');
    auto const after_too = events_by(U'I');
    auto const text_with = [&](std::vector<Event> const& mine) {
        Tape tape(utf8_of(base));
        tape.publish(before, 1);
        tape.publish(before_too, 2);
        tape.publish(mine, 3);
        tape.publish(after, 4);
        tape.publish(after_too, 5);
        return tape.str();
    };
    RC_ASSERT(text_with(coalesce::coalesce(own)) == text_with(own));
}

BOOST_AUTO_TEST_SUITE_END()
