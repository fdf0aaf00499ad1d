// Own mutations taken back and made again, with what others do in between.
#include <boost/test/unit_test.hpp>
#include <capstan/engine/model.hpp>
#include <capstan/engine/model/view.hpp>

#include "history.hpp"

namespace {

using namespace capstan;
using namespace capstan::test;

/// A user, and somebody else, at one object.
struct Desk {
    Desk() { confirm({{.kind = OpKind::insert, .object = "x", .type = "T"}}); }

    /// What the other one does, in what is confirmed.
    void confirm(std::vector<Op> ops) {
        auto const before = text();
        Seq const seq{model.head().value + 1};
        Event const event{std::move(ops), {}};
        Changes changes;
        model.apply(event, {seq, Seq{seq.value - 1}, seq, Seq{}, device_of(1)}, &changes);
        overlay.touched(event);
        stack.changed(as_seen(before, text()));
    }
    Changes make(Event const& event) {
        Changes changes;
        overlay.add(event, model.head(), &changes);
        return changes;
    }
    void act(std::vector<Op> ops) {
        Event const event{std::move(ops), {}};
        auto removed = removed_by(view, event);
        stack.made(make(event), std::move(removed));
    }
    /// All that is pending here is confirmed.
    void settle_own() {
        for (std::uint64_t local = 1; overlay.pending() > 0; ++local) {
            Event const event = overlay.event(local);
            Seq const seq{model.head().value + 1};
            model.apply(event, {seq, Seq{seq.value - 1}, seq, Seq{}, device_of(0)}, nullptr);
            overlay.remove(local);
            overlay.touched(event);
        }
    }
    bool undo() {
        auto const contrary = stack.undo(view);
        if (contrary) {
            auto removed = removed_by(view, contrary->event);
            stack.took_back(make(contrary->event), std::move(removed));
            skipped = contrary->skipped;
        }
        return contrary.has_value();
    }
    bool redo() {
        auto const contrary = stack.redo(view);
        if (contrary) {
            auto removed = removed_by(view, contrary->event);
            stack.made_again(make(contrary->event), std::move(removed));
            skipped = contrary->skipped;
        }
        return contrary.has_value();
    }

    std::string text() { return overlay.text("x", "t"); }
    /// All that the user sees.
    std::string shown() {
        if (!view.type("x")) {
            return "none";
        }
        std::string out = text() + "/";
        for (Value const& value : overlay.list("x", "l")) {
            out += std::get<std::string>(value);
        }
        auto const reg = view.value("x", "r");
        out += "/" + (reg ? std::get<std::string>(*reg) : "absent");
        out += "/" + std::to_string(view.counter("x", "c")) + "/";
        for (Value const& value : view.elements("x", "s")) {
            out += std::get<std::string>(value);
        }
        for (auto const& [key, value] : view.entries("x", "m")) {
            out += "/" + key + std::get<std::string>(value);
        }
        return out;
    }

    /// How one text became another, as one effect.
    static Changes as_seen(std::string const& before, std::string const& after) {
        std::size_t same = 0;
        while (same < std::min(before.size(), after.size()) && before[same] == after[same]) {
            ++same;
        }
        std::size_t end = 0;
        while (end < std::min(before.size(), after.size()) - same &&
               before[before.size() - 1 - end] == after[after.size() - 1 - end]) {
            ++end;
        }
        Changes changes;
        Change change{.kind = Change::Kind::update, .object = "x", .type = "T", .field = "t"};
        change.field_kind = FieldKind::text;
        change.text.push_back({same,
                               before.substr(same, before.size() - same - end),
                               after.substr(same, after.size() - same - end)});
        changes.changes.push_back(std::move(change));
        return changes;
    }

    Model model{};
    Overlay overlay{model, device_of(0)};
    View view{model, overlay};
    UndoStack stack{};
    std::vector<UndoSkip> skipped{};  // by the last undo or redo
};

Op type(std::uint64_t at, std::uint64_t count, std::string const& text) {
    return {.kind = OpKind::splice,
            .object = "x",
            .field = "t",
            .value = text,
            .at = at,
            .count = count};
}

Op random_op(std::uint64_t points, std::uint64_t elements) {
    std::string const letter(1, static_cast<char>('a' + *rc::gen::inRange(0, 26)));
    auto const at = *rc::gen::inRange<std::uint64_t>(0, points + 1);
    auto const place = *rc::gen::inRange<std::uint64_t>(0, elements + 1);
    Op op{.object = "x", .value = letter};
    switch (*rc::gen::weightedElement<int>({{6, 0}, {2, 1}, {2, 2}, {1, 3}, {1, 4}, {1, 5}})) {
        case 0: {
            auto const count = std::min(*rc::gen::inRange<std::uint64_t>(0, 4), points - at);
            return type(at, count, *rc::gen::inRange(0, 3) == 0 ? "" : letter + letter + letter);
        }
        case 1:
            op.kind = *rc::gen::inRange(0, 3) == 0 ? OpKind::list_remove : OpKind::list_insert;
            op.field = "l";
            op.at = place;
            op.count = std::min(*rc::gen::inRange<std::uint64_t>(0, 3), elements - place);
            return op;
        case 2:
            op.kind = *rc::gen::inRange(0, 4) == 0 ? OpKind::unset : OpKind::set;
            op.field = "r";
            return op;
        case 3:
            op.kind = OpKind::add;
            op.field = "c";
            op.value = std::int64_t{*rc::gen::inRange(-3, 4)};
            return op;
        case 4:
            op.kind = *rc::gen::inRange(0, 3) == 0 ? OpKind::set_remove : OpKind::set_add;
            op.field = "s";
            op.value = std::string(1, "ab"[letter[0] % 2]);
            return op;
        default:
            op.kind = *rc::gen::inRange(0, 3) == 0 ? OpKind::map_remove : OpKind::map_put;
            op.field = "m";
            op.key = std::string(1, "kl"[at % 2]);
            return op;
    }
}

/// One to three operations, each in what those before it leave.
std::vector<Op> random_ops(std::uint64_t points, std::uint64_t elements) {
    std::vector<Op> ops;
    for (auto rest = *rc::gen::inRange(1, 4); rest > 0; --rest) {
        Op op = random_op(points, elements);
        if (op.kind == OpKind::splice) {
            points = points - op.count + std::get<std::string>(op.value).size();
        } else if (op.field == "l") {
            elements = op.kind == OpKind::list_insert ? elements + 1 : elements - op.count;
        }
        ops.push_back(std::move(op));
    }
    return ops;
}

std::vector<Op> random_ops(Desk& desk) {
    return random_ops(desk.text().size(), desk.overlay.list("x", "l").size());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(undo)

RC_BOOST_PROP(every_step_is_taken_back_and_made_again, ()) {
    Desk desk;
    std::vector<std::string> shown{desk.shown()};
    for (auto rest = *rc::gen::inRange(0, 12); rest > 0; --rest) {
        desk.act(random_ops(desk));
        shown.push_back(desk.shown());
    }
    auto const last = shown.back();
    while (desk.undo()) {
        RC_ASSERT(std::ranges::find(shown, desk.shown()) != shown.end());
    }
    RC_ASSERT(desk.shown() == shown.front());
    while (desk.redo()) {
    }
    RC_ASSERT(desk.shown() == last);
}

RC_BOOST_PROP(undo_and_redo_leave_what_was_there_whatever_others_did, ()) {
    Desk desk;
    for (auto rest = *rc::gen::inRange(0, 16); rest > 0; --rest) {
        if (*rc::gen::inRange(0, 3) == 0) {
            Object const* const x = desk.model.find("x");
            auto const points = desk.model.size(*x, "t", FieldKind::text);
            auto const at = *rc::gen::inRange<std::uint64_t>(0, points + 1);
            auto const count = std::min(*rc::gen::inRange<std::uint64_t>(0, 4), points - at);
            desk.confirm({type(at, count, "XY")});
        } else {
            desk.act(random_ops(desk));
        }
    }
    auto const before = desk.shown();
    int steps = 0;
    for (auto rest = *rc::gen::inRange(0, 5); rest > 0 && desk.undo(); --rest) {
        ++steps;
    }
    // One that had no effect any more has none to make again: then there are fewer.
    while (steps-- > 0 && desk.redo()) {
    }
    RC_ASSERT(desk.shown() == before);
}

BOOST_AUTO_TEST_CASE(what_others_typed_into_it_stays) {
    Desk desk;
    desk.confirm({type(0, 0, "one two")});
    desk.act({type(4, 3, "three")});
    desk.confirm({type(0, 0, "> ")});
    BOOST_TEST(desk.text() == "> one three");
    BOOST_TEST(desk.undo());
    BOOST_TEST(desk.text() == "> one two");
    BOOST_TEST(desk.redo());
    BOOST_TEST(desk.text() == "> one three");
}

BOOST_AUTO_TEST_CASE(a_value_that_somebody_wrote_since_stays) {
    Desk desk;
    desk.act({{.object = "x", .field = "r", .value = std::string("own")}});
    desk.act({{.object = "x", .field = "r", .value = std::string("newer")}});
    desk.confirm({{.object = "x", .field = "other", .value = std::string("theirs")}});
    BOOST_TEST(desk.undo());
    BOOST_TEST((desk.view.value("x", "r") == Value{std::string("own")}));
    desk.act({{.object = "x", .field = "r", .value = std::string("again")}});
    BOOST_TEST(!desk.redo());
}

BOOST_AUTO_TEST_CASE(what_somebody_overwrote_is_left_out_and_said_and_the_rest_is_taken_back) {
    Desk desk;
    desk.act({{.object = "x", .field = "r", .value = std::string("own")}, type(0, 0, "text")});
    desk.act({{.object = "x", .field = "q", .value = std::string("own")}});
    desk.settle_own();
    desk.confirm({{.object = "x", .field = "r", .value = std::string("theirs")},
                  {.object = "x", .field = "q", .value = std::string("theirs")}});
    BOOST_TEST(desk.undo());
    BOOST_TEST((desk.view.value("x", "r") == Value{std::string("theirs")}));
    BOOST_TEST(desk.text().empty());
    // The newer step, of which nothing was left, and part of this one.
    BOOST_TEST((desk.skipped == std::vector<UndoSkip>{{.object = "x", .field = "q", .key = {}},
                                                      {.object = "x", .field = "r", .key = {}}}));
}

BOOST_AUTO_TEST_CASE(of_an_object_that_somebody_inserted_anew_nothing_is_taken_back) {
    Desk desk;
    desk.act({type(0, 0, "own words"), {.object = "x", .field = "r", .value = std::string("own")}});
    desk.settle_own();
    desk.confirm({{.kind = OpKind::remove, .object = "x"},
                  {.kind = OpKind::insert, .object = "x", .type = "T"},
                  type(0, 0, "their own words"),
                  {.object = "x", .field = "r", .value = std::string("own")}});
    Changes anew;
    anew.changes = {{.kind = Change::Kind::remove, .object = "x", .type = "T"},
                    {.kind = Change::Kind::insert, .object = "x", .type = "T"}};
    desk.stack.changed(anew);
    auto const before = desk.shown();
    BOOST_TEST(!desk.undo());
    BOOST_TEST(desk.shown() == before);
}

BOOST_AUTO_TEST_CASE(a_step_that_was_refused_has_nothing_to_take_back) {
    UndoStack stack;
    Desk desk;
    auto const wrote = [](char const* before, char const* after) {
        Changes changes;
        Change change{.kind = Change::Kind::update, .object = "x", .type = "T", .field = "r"};
        change.before = std::string(before);
        change.after = std::string(after);
        changes.changes.push_back(std::move(change));
        return changes;
    };
    desk.confirm({{.object = "x", .field = "r", .value = std::string("three")}});
    stack.made(wrote("one", "two"), {}, 1);
    stack.made(wrote("two", "three"), {}, 2);
    stack.refused(1);
    auto const contrary = stack.undo(desk.view);
    BOOST_REQUIRE(contrary.has_value());
    BOOST_TEST((contrary->event.ops ==
                std::vector<Op>{{.object = "x", .field = "r", .value = std::string("one")}}));
    stack.put_back();
    BOOST_TEST(stack.steps() == 1U);
}

BOOST_AUTO_TEST_CASE(a_removed_object_comes_back_with_what_it_held) {
    Desk desk;
    desk.act({type(0, 0, "text"), {.object = "x", .field = "r", .value = std::string("v")}});
    auto const before = desk.shown();
    desk.act({{.kind = OpKind::remove, .object = "x"}});
    BOOST_TEST(desk.shown() == "none");
    BOOST_TEST(desk.undo());
    BOOST_TEST(desk.shown() == before);
    BOOST_TEST(desk.redo());
    BOOST_TEST(desk.shown() == "none");
}

BOOST_AUTO_TEST_CASE(the_oldest_steps_are_forgotten) {
    UndoStack stack(2);
    Changes changes;
    for (int i = 0; i < 5; ++i) {
        stack.made(changes);
    }
    BOOST_TEST(stack.steps() == 2U);
}

BOOST_AUTO_TEST_SUITE_END()
