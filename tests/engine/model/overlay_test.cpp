// Pending mutations on top of a model show what replaying them would.
#include <boost/test/unit_test.hpp>
#include <capstan/engine/model/overlay.hpp>

#include "history.hpp"

namespace {

using namespace capstan;
using namespace capstan::test;

Field const* confirmed(Model const& model,
                       std::string const& id,
                       std::string const& name,
                       FieldKind kind) {
    Object const* const object = model.find(id);
    auto const number = model.tables().names.find(name);
    return object == nullptr || !number ? nullptr : object->fields.find(*number, kind);
}

constexpr std::array kFields{std::pair{"r", FieldKind::reg},
                             std::pair{"c", FieldKind::counter},
                             std::pair{"s", FieldKind::set},
                             std::pair{"m", FieldKind::map},
                             std::pair{"t", FieldKind::text},
                             std::pair{"l", FieldKind::list}};

/// What a field shows, stamps aside: pending ones have none yet.
std::string shown(Field const* field) {
    std::string out;
    if (field == nullptr) {
        return out;
    }
    std::vector<StampedValue> values;
    if (field->value.more) {
        values = field->value.more->entries;
    }
    values.push_back({field->value.value, field->value.write});
    for (auto const& [value, write] : values) {
        out += value.absent() ? "" : value.key() + ",";
    }
    if (field->text() != nullptr) {
        out += field->text()->content().str();
    }
    for (Value const& value : list_values(*field)) {
        out += std::get<std::string>(value);
    }
    if (field->more) {
        for (auto const& [key, element] : field->more->elements) {
            out += element.present() ? key + "=" + element.value.value.key() + "," : "";
        }
    }
    return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(pending_mutations)

/// The newest events of one device are pending at first and come in with their seqs one by one,
/// between those of others; the model with the overlay equals a replay of both at every step. Once
/// the mark has passed one that is pending, its author has to move it: no replay says what it is.
RC_BOOST_PROP(a_model_with_pending_mutations_equals_their_replay, ()) {
    NaiveRules const rules{static_cast<RegisterRule>(*rc::gen::inRange(0, 6)),
                           static_cast<SetRule>(*rc::gen::inRange(0, 2)),
                           static_cast<DeleteRule>(*rc::gen::inRange(0, 3))};
    auto const history = random_history({rules});
    auto const cut = *rc::gen::inRange<std::size_t>(0, history.size() + 1);
    DeviceId const own = device_of(*rc::gen::inRange<std::size_t>(0, 2));
    Model model;
    Overlay overlay(model, own);
    for (std::size_t i = 0; i < cut; ++i) {
        model.apply(history[i].event, history[i].stamp, nullptr);
    }
    std::vector<std::pair<std::uint64_t, PastEvent const*>> pending;
    for (std::size_t i = cut; i < history.size(); ++i) {
        // A device makes its mutations where its model stands: never below the mark there.
        if (history[i].stamp.device == own && history[i].stamp.preceding_seq >= model.mark()) {
            pending.emplace_back(overlay.add(history[i].event, history[i].stamp.preceding_seq),
                                 &history[i]);
        }
    }
    auto const refused = *rc::gen::inRange<std::size_t>(0, pending.size() + 1);
    PastEvent const* refused_event = nullptr;
    if (refused < pending.size()) {
        refused_event = pending[refused].second;
        overlay.remove(pending[refused].first);
        pending.erase(pending.begin() + static_cast<std::ptrdiff_t>(refused));
    }
    RC_LOG() << to_text(history) << "own " << static_cast<int>(own.bytes[0]) << " cut " << cut
             << " refused " << (refused_event == nullptr ? 0 : refused_event->seq());
    auto const check = [&](std::size_t confirmed_events) {
        Model replay(Model::Collect::when_told);
        for (std::size_t i = 0; i < confirmed_events; ++i) {
            bool const gone = &history[i] == refused_event;
            replay.apply(gone ? Event{} : history[i].event, history[i].stamp, nullptr);
        }
        for (auto const& [local, event] : pending) {
            if (event->seq() > confirmed_events) {
                EventStamp stamp = event->stamp;
                if (stamp.preceding_seq < replay.mark()) {
                    return;
                }
                stamp.seq.value = (std::uint64_t{1} << 63) + local;
                stamp.run_first.value = std::uint64_t{1} << 63;
                stamp.mark = replay.mark();
                replay.apply(event->event, stamp, nullptr);
            }
        }
        for (std::string const id : {"x", "y"}) {
            RC_ASSERT((overlay.find(id) == nullptr) == (replay.find(id) == nullptr));
            for (auto const& [name, kind] : kFields) {
                RC_ASSERT(shown(overlay.field(id, name, kind)) ==
                          shown(confirmed(replay, id, name, kind)));
            }
        }
    };
    check(cut);
    for (std::size_t i = cut; i < history.size(); ++i) {
        auto const mine =
            std::ranges::find(pending, &history[i], [](auto const& one) { return one.second; });
        bool const gone = &history[i] == refused_event;
        model.apply(gone ? Event{} : history[i].event, history[i].stamp, nullptr);
        overlay.touched(history[i].event);
        if (mine != pending.end()) {
            overlay.remove(mine->first);
        }
        check(i + 1);
    }
    RC_ASSERT(overlay.pending() == 0U);
    RC_ASSERT(overlay.touched_objects().empty());
}

/// What a user sees of both objects.
std::string seen_by_user(Overlay& overlay) {
    std::string out;
    for (std::string const id : {"x", "y"}) {
        out += overlay.find(id) == nullptr ? "dead " : "alive ";
        for (auto const& [name, kind] : kFields) {
            out += shown(overlay.field(id, name, kind)) + " ";
        }
    }
    return out;
}

/// Pending mutations of a device at some point of a history.
struct Offline {
    explicit Offline(HistoryOptions const& options)
        : history(random_history(options)), own(device_of(*rc::gen::inRange<std::size_t>(0, 2))) {
        auto const cut = *rc::gen::inRange<std::size_t>(0, history.size() + 1);
        auto const from = *rc::gen::inRange<std::size_t>(0, cut + 1);
        for (std::size_t i = 0; i < cut; ++i) {
            bool const mine = history[i].stamp.device == own && i >= from &&
                              history[i].stamp.preceding_seq >= model.mark() &&
                              history[i].stamp.preceding_seq <= model.head();
            if (mine) {
                locals.push_back(overlay.add(history[i].event, history[i].stamp.preceding_seq));
            }
            // What is pending did not come in; its seq stays empty.
            model.apply(mine ? Event{} : history[i].event, history[i].stamp, nullptr);
            overlay.touched(history[i].event);
        }
    }

    std::vector<PastEvent> history;
    DeviceId own;
    Model model{};
    Overlay overlay{model, own};
    std::vector<std::uint64_t> locals;
};

/// Sends what a rebase made of the pending mutations to a copy of the stream.
void send(Model& server, DeviceId const& own, std::vector<Overlay::Rebased> const& rebased) {
    for (auto const& [local, p, event, void_on] : rebased) {
        Seq const seq{server.head().value + 1};
        server.apply(event, {seq, p, seq, std::min(server.mark(), p), own}, nullptr);
    }
}

std::string letters(Model const& model, std::string const& id) {
    Object const* const object = model.find(id);
    std::string out = object == nullptr ? "dead" : model.text(*object, "t") + "/";
    if (object != nullptr) {
        for (Value const& value : model.list(*object, "l")) {
            out += std::get<std::string>(value);
        }
    }
    return out;
}

std::string letters(Overlay& overlay, std::string const& id) {
    std::string out =
        overlay.find(id) == nullptr ? std::string("dead") : overlay.text(id, "t") + "/";
    for (Value const& value : overlay.list(id, "l")) {
        out += std::get<std::string>(value);
    }
    return out;
}

/// Nothing is refused but for lateness: what the user sees stays, and is what all will see.
RC_BOOST_PROP(a_rebase_says_the_same_at_the_head, ()) {
    Offline device(HistoryOptions{.rules = {}, .authored_p = false});
    auto const before = letters(device.overlay, "x") + " " + letters(device.overlay, "y");
    auto const rebased = device.overlay.rebase({});
    RC_ASSERT(rebased.size() == device.locals.size());
    RC_ASSERT(letters(device.overlay, "x") + " " + letters(device.overlay, "y") == before);
    auto const expected = seen_by_user(device.overlay);
    send(device.model, device.own, rebased);
    for (auto const local : device.locals) {
        device.overlay.remove(local);
    }
    RC_ASSERT(device.overlay.pending() == 0U);
    RC_ASSERT(seen_by_user(device.overlay) == expected);
}

/// Whatever is refused, what is left is what the stream becomes once it is sent: a state that some
/// history explains.
RC_BOOST_PROP(refusals_leave_what_some_history_explains, ()) {
    NaiveRules const rules{RegisterRule::causal,
                           static_cast<SetRule>(*rc::gen::inRange(0, 2)),
                           static_cast<DeleteRule>(*rc::gen::inRange(0, 3))};
    Offline device(HistoryOptions{rules});
    std::vector<std::uint64_t> refused;
    for (auto const local : device.locals) {
        if (*rc::gen::inRange(0, 2) == 0) {
            refused.push_back(local);
        }
    }
    auto const rebased = device.overlay.rebase(refused);
    RC_ASSERT(rebased.size() == device.locals.size() - refused.size());
    auto const expected = seen_by_user(device.overlay);
    send(device.model, device.own, rebased);
    for (auto const local : device.locals) {
        device.overlay.remove(local);
    }
    RC_ASSERT(seen_by_user(device.overlay) == expected);
}

/// A model of one object, and a device that mutates it.
struct Notes {
    explicit Notes(std::string const& rule = "delete_wins") {
        confirm(
            {{.kind = OpKind::insert, .object = "p", .type = std::string(kPolicyType)},
             {.object = "p", .field = "delete", .value = rule},
             {.kind = OpKind::insert, .object = "x", .type = "T"},
             {.kind = OpKind::splice, .object = "x", .field = "t", .value = std::string("ab")}});
    }
    void confirm(std::vector<Op> ops, std::uint64_t mark = 0) {
        Seq const seq{model.head().value + 1};
        Event const event{std::move(ops), {}};
        model.apply(event, {seq, Seq{seq.value - 1}, seq, Seq{mark}, device_of(1)}, nullptr);
        overlay.touched(event);
    }
    std::uint64_t make(std::vector<Op> ops) {
        return overlay.add({std::move(ops), {}}, model.head());
    }
    static Op type(std::string const& text, std::uint64_t at) {
        return {.kind = OpKind::splice, .object = "x", .field = "t", .value = text, .at = at};
    }

    Model model{};
    Overlay overlay{model, device_of(0)};
};

BOOST_AUTO_TEST_CASE(an_edit_outlives_a_rebase_before_a_removal_that_is_refused) {
    Notes notes;
    notes.make({Notes::type("!", 2)});
    auto const removal = notes.make({{.kind = OpKind::remove, .object = "x"}});
    notes.confirm({Notes::type("- ", 0)});
    auto const rebased = notes.overlay.rebase({});
    BOOST_REQUIRE(rebased.size() == 2U);
    BOOST_REQUIRE(rebased[0].event.ops.size() == 1U);
    BOOST_TEST(rebased[0].event.ops[0].at == 4U);
    BOOST_TEST(notes.overlay.find("x") == nullptr);
    notes.overlay.rebase(std::array{removal});
    BOOST_TEST(notes.overlay.text("x", "t") == "- ab!");
}

BOOST_AUTO_TEST_CASE(what_is_void_before_a_rebase_is_void_after_it) {
    Notes notes;
    notes.make({Notes::type("!", 2), {.kind = OpKind::insert, .object = "x", .type = "T"}});
    notes.confirm({{.kind = OpKind::remove, .object = "x"}});
    notes.confirm({}, 2);
    BOOST_TEST(notes.overlay.find("x") == nullptr);
    auto const rebased = notes.overlay.rebase({});
    BOOST_TEST(rebased[0].event.ops.empty());
    BOOST_TEST(notes.overlay.find("x") == nullptr);
}

/// Somebody else was first to insert the object: what was typed into it is dropped, and an edit
/// behind that lies outside.
BOOST_AUTO_TEST_CASE(a_rebase_tells_on_which_objects_it_left_a_mutation_out) {
    Notes notes;
    notes.make(
        {{.kind = OpKind::insert, .object = "y", .type = "T"},
         {.kind = OpKind::splice, .object = "y", .field = "t", .value = std::string("own")}});
    notes.make(
        {{.kind = OpKind::set_add, .object = "y", .field = "s", .value = true},
         {.kind = OpKind::splice, .object = "y", .field = "t", .value = std::string("!"), .at = 3},
         Notes::type("!", 2)});
    notes.confirm({{.kind = OpKind::insert, .object = "y", .type = "T"}});
    auto const rebased = notes.overlay.rebase({});
    BOOST_TEST(rebased[0].void_on.empty());
    BOOST_TEST((rebased[1].void_on == std::vector<std::string>{"y"}));
    BOOST_TEST((rebased[1].event.ops == std::vector<Op>{Notes::type("!", 2)}));
}

/// The mark decides whether a tombstone counts, also where no event names its object.
BOOST_AUTO_TEST_CASE(a_mark_that_passes_a_tombstone_shows_in_what_is_pending) {
    Notes notes;
    notes.confirm({{.kind = OpKind::remove, .object = "x"}});
    notes.overlay.add({{{.kind = OpKind::insert, .object = "x", .type = "T"}}, {}}, Seq{1});
    BOOST_TEST(notes.overlay.find("x") == nullptr);
    notes.confirm({{.kind = OpKind::insert, .object = "y", .type = "T"}}, 2);
    BOOST_TEST(notes.overlay.find("x") != nullptr);
}

/// A device gets its number in the stream with its first event. What it had typed before,
/// elsewhere, stays its own.
BOOST_AUTO_TEST_CASE(what_is_pending_is_known_to_its_author_when_the_device_gets_its_number) {
    Notes notes;
    notes.confirm({{.kind = OpKind::insert, .object = "y", .type = "T"}});
    Event const first{{{.object = "y", .field = "n", .value = true}}, {}};
    auto const local = notes.overlay.add(first, notes.model.head());
    notes.make({Notes::type("c", 2)});
    BOOST_TEST(notes.overlay.text("x", "t") == "abc");
    notes.model.apply(first, {Seq{3}, Seq{2}, Seq{3}, Seq{0}, device_of(0)}, nullptr);
    notes.overlay.touched(first);
    notes.overlay.remove(local);
    notes.make({Notes::type("d", 3)});
    BOOST_TEST(notes.overlay.text("x", "t") == "abcd");
}

BOOST_AUTO_TEST_CASE(a_pending_policy_judges_what_is_pending_behind_it) {
    Notes notes;
    auto const write = [&](std::int64_t number) {
        notes.make({{.object = "x", .field = "n", .value = number}});
        return notes.model.value(*notes.overlay.find("x"), "n");
    };
    BOOST_TEST((write(5) == Value{std::int64_t{5}}));
    auto const policy =
        notes.make({{.object = "p", .field = "register", .value = std::string("max")}});
    BOOST_TEST((write(3) == Value{std::int64_t{5}}));
    notes.overlay.remove(policy);
    BOOST_TEST((notes.model.value(*notes.overlay.find("x"), "n") == Value{std::int64_t{3}}));
}

BOOST_AUTO_TEST_CASE(a_mutation_made_before_anything_was_seen_says_so_when_it_moves) {
    Model model;
    Overlay overlay(model, device_of(0));
    overlay.add({{{.object = "x", .field = "r", .value = true}}, {}}, Seq{0});
    auto const rebased = overlay.rebase({});
    BOOST_REQUIRE(rebased[0].event.authored_p.has_value());
    BOOST_TEST(rebased[0].event.authored_p->value == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
