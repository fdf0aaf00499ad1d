// A model as bytes: one form for one state, and a model that was restored from them goes on as if
// it had applied all events itself.
#include <boost/test/unit_test.hpp>

#include "history.hpp"
#include "model_parts.hpp"
#include "support/golden.hpp"

namespace {

using namespace capstan;
using namespace capstan::test;

NaiveRules random_rules() {
    return {static_cast<RegisterRule>(*rc::gen::inRange(0, 6)),
            static_cast<SetRule>(*rc::gen::inRange(0, 2)),
            static_cast<DeleteRule>(*rc::gen::inRange(0, 3))};
}

Model restored(ModelParts const& parts) {
    auto model = put_together(
        parts,
        *rc::gen::inRange(0, 2) == 0 ? Model::Collect::as_applied : Model::Collect::when_told);
    RC_ASSERT(model.has_value());
    model.value().check_invariants();
    return std::move(model).value();
}

EventStamp at(std::uint64_t seq, std::uint64_t p, std::size_t device, std::uint64_t mark = 0) {
    return {Seq{seq}, Seq{p}, Seq{seq}, Seq{mark}, device_of(device)};
}

Value blob() {
    BlobReference blob;
    blob.sha256.fill(std::byte{0xab});
    blob.size_bytes = 70'000;
    blob.media_type = "image/png";
    return blob;
}

/// One of everything: values of every kind, two lives, what is contested, and facts of each kind
/// above the mark.
Model one_of_everything() {
    Model model;
    auto const apply = [&](std::vector<Op> ops, EventStamp const& stamp) {
        model.apply({std::move(ops), {}}, stamp, nullptr);
    };
    auto const policy = [](std::string const& id,
                           std::string const& type,
                           std::string const& aspect,
                           std::string const& word) -> std::vector<Op> {
        return {{.kind = OpKind::insert, .object = id, .type = std::string(kPolicyType)},
                {.object = id, .field = "type", .value = type},
                {.object = id, .field = aspect, .value = word}};
    };
    apply(policy("p1", "Note", "delete", "surfaced"), at(1, 0, 0));
    apply(policy("p2", "Tag", "set", "remove_wins"), at(2, 1, 0));
    apply(policy("p3", "Choice", "register", "multi"), at(3, 2, 0));
    apply(policy("p4", "Draft", "delete", "update_wins"), at(4, 3, 0));
    apply({{.kind = OpKind::insert, .object = "a", .type = "Icon"},
           {.object = "a", .field = "title", .value = std::string("Größe 😀")},
           {.object = "a", .field = "none", .value = {}},
           {.object = "a", .field = "yes", .value = true},
           {.object = "a", .field = "no", .value = false},
           {.object = "a", .field = "int", .value = std::int64_t{-300}},
           {.object = "a", .field = "real", .value = -0.5},
           {.object = "a", .field = "bytes", .value = Bytes(20, std::byte{7})},
           {.object = "a", .field = "to", .value = Reference{"b"}},
           {.object = "a", .field = "blob", .value = blob()},
           {.kind = OpKind::add, .object = "a", .field = "count", .value = std::int64_t{3}},
           {.kind = OpKind::set_add, .object = "a", .field = "set", .value = std::int64_t{-1}},
           {.kind = OpKind::set_add, .object = "a", .field = "set", .value = std::string("x")},
           {.kind = OpKind::map_put, .object = "a", .field = "map", .value = true, .key = "k"}},
          at(5, 4, 1));
    apply({{.kind = OpKind::insert, .object = "b", .type = "Choice"},
           {.object = "b", .field = "v", .value = std::string("one")},
           {.kind = OpKind::insert, .object = "n", .type = "Note"},
           {.kind = OpKind::insert, .object = "d", .type = "Draft"},
           {.object = "d", .field = "title", .value = std::string("kept")},
           {.kind = OpKind::insert, .object = "t", .type = "Tag"},
           {.kind = OpKind::set_add, .object = "t", .field = "s", .value = std::string("x")}},
          at(6, 5, 1));
    apply({{.object = "b", .field = "v", .value = std::string("two")},
           {.object = "a", .field = "title", .value = std::string("lost")},
           {.kind = OpKind::unset, .object = "a", .field = "yes"},
           {.kind = OpKind::counter_set, .object = "a", .field = "count", .value = std::int64_t{9}},
           {.object = "n", .field = "title", .value = std::string("changed")},
           {.kind = OpKind::set_remove, .object = "t", .field = "s", .value = std::string("x")}},
          at(7, 6, 2, 4));
    apply({{.object = "b", .field = "v", .value = std::string("three")},
           {.object = "a", .field = "title", .value = std::string("won")},
           {.kind = OpKind::add, .object = "a", .field = "count", .value = std::int64_t{-4}},
           {.kind = OpKind::map_put, .object = "a", .field = "map", .value = false, .key = "l"},
           {.kind = OpKind::remove, .object = "n"},
           {.kind = OpKind::remove, .object = "d"}},
          at(8, 6, 3, 4));
    apply({{.kind = OpKind::remove, .object = "a"},
           {.kind = OpKind::insert, .object = "a", .type = "Icon"},
           {.object = "a", .field = "title", .value = std::string("second life")},
           {.kind = OpKind::map_put, .object = "a", .field = "map", .value = true, .key = "l"},
           {.kind = OpKind::splice, .object = "a", .field = "body", .value = std::string("grün")},
           {.kind = OpKind::list_insert, .object = "a", .field = "list", .value = std::int64_t{7}},
           {.kind = OpKind::list_insert, .object = "a", .field = "list", .value = true, .at = 1},
           {.kind = OpKind::add, .object = "a", .field = "count", .value = std::int64_t{1}}},
          at(9, 8, 3, 4));
    apply({{.object = "a", .field = "title", .value = std::string("older")},
           {.kind = OpKind::map_put, .object = "a", .field = "map", .value = {}, .key = "l"},
           {.kind = OpKind::splice, .object = "a", .field = "body", .at = 1, .count = 2},
           {.kind = OpKind::list_remove, .object = "a", .field = "list", .at = 0, .count = 1},
           {.kind = OpKind::insert, .object = "e", .type = "Icon"},
           {.kind = OpKind::remove, .object = "e"}},
          at(10, 9, 4, 5));
    apply({{.object = "a", .field = "title", .value = std::string("better")},
           {.kind = OpKind::splice,
            .object = "a",
            .field = "body",
            .value = std::string("ö"),
            .at = 2},
           {.kind = OpKind::map_put, .object = "a", .field = "map", .value = true, .key = "l"}},
          at(11, 9, 3, 5));
    return model;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(model_canonical)

RC_BOOST_PROP(a_restored_model_goes_on_as_the_replayed_one, ()) {
    auto const history =
        random_history({.rules = random_rules(), .content = *rc::gen::arbitrary<bool>()});
    RC_LOG() << to_text(history);
    auto const cut = *rc::gen::inRange<std::size_t>(0, history.size() + 1);
    Model replayed;
    for (std::size_t i = 0; i < cut; ++i) {
        apply(replayed, history[i].event, history[i].stamp);
    }
    Model from_bytes = restored(take_apart(replayed));
    RC_ASSERT(from_bytes.head() == replayed.head());
    RC_ASSERT(from_bytes.state_hash() == replayed.state_hash());
    for (std::size_t i = cut; i < history.size(); ++i) {
        RC_ASSERT(apply(from_bytes, history[i].event, history[i].stamp) ==
                  apply(replayed, history[i].event, history[i].stamp));
        RC_ASSERT(from_bytes.state_hash() == replayed.state_hash());
        from_bytes.check_invariants();
    }
    RC_ASSERT(take_apart(from_bytes) == take_apart(replayed));
}

RC_BOOST_PROP(bytes_depend_on_the_events_alone, ()) {
    auto const history =
        random_history({.rules = random_rules(), .content = *rc::gen::arbitrary<bool>()});
    RC_LOG() << to_text(history);
    Model eager;
    Model never(Model::Collect::when_told);
    Model random(Model::Collect::when_told);
    for (PastEvent const& event : history) {
        apply(eager, event.event, event.stamp);
        apply(never, event.event, event.stamp);
        apply(random, event.event, event.stamp);
        if (*rc::gen::inRange(0, 3) == 0) {
            random.collect();
        }
        if (*rc::gen::inRange(0, 5) == 0) {
            random = restored(take_apart(random));
        }
        auto const parts = take_apart(never);
        RC_ASSERT(take_apart(eager) == parts);
        RC_ASSERT(take_apart(random) == parts);
        RC_ASSERT(take_apart(restored(take_apart(never))) == parts);
    }
}

/// Whoever knows which objects an event names needs to write no others again.
RC_BOOST_PROP(an_objects_bytes_change_only_with_its_last_change, ()) {
    auto const history = random_history({.rules = random_rules()});
    Model model;
    std::map<std::string, std::pair<Seq, Bytes>> before;
    for (PastEvent const& event : history) {
        apply(model, event.event, event.stamp);
        for (std::string const id : {"x", "y", "policy"}) {
            Object const* const object = model.find(id);
            if (object == nullptr) {
                before.erase(id);
                continue;
            }
            Bytes bytes;
            append_object(bytes, *object, model.tables());
            auto const head = read_object_head(bytes);
            RC_ASSERT(head.has_value());
            RC_ASSERT(head.value().id == id);
            RC_ASSERT(head.value().type == model.tables().names.str(object->type));
            RC_ASSERT(head.value().last_changed == last_changed(*object));
            auto const at = before.find(id);
            if (at != before.end() && at->second.second != bytes) {
                RC_ASSERT(last_changed(*object) == model.head());
                RC_ASSERT(at->second.first < model.head());
            }
            before.insert_or_assign(id, std::pair(last_changed(*object), bytes));
        }
    }
}

RC_BOOST_PROP(rows_written_at_different_marks_make_the_same_model, ()) {
    auto const history =
        random_history({.rules = random_rules(), .content = *rc::gen::arbitrary<bool>()});
    RC_LOG() << to_text(history);
    Model model(Model::Collect::when_told);
    struct Row {
        Bytes object;
        Bytes facts;
    };
    std::map<std::string, Row> rows;
    for (PastEvent const& event : history) {
        auto const mark = model.mark();
        apply(model, event.event, event.stamp);
        for (Op const& op : event.event.ops) {
            auto const slot = model.objects().find(op.object);
            Row row;
            if (slot != ObjectTable::kNone) {
                Object const& object = model.objects().at(slot);
                if (object.alive()) {
                    append_object(row.object, object, model.tables());
                }
                append_window_entry(row.facts, object, model.tables(), mark);
            }
            rows[op.object] = std::move(row);
        }
    }
    ModelRestore restore;
    RC_ASSERT(restore.devices(encode_devices(model.tables().devices)).has_value());
    for (auto const& [id, row] : rows) {
        RC_ASSERT(row.object.empty() || restore.object(row.object).has_value());
        RC_ASSERT(row.facts.empty() || restore.window_entry(row.facts, Seq{0}).has_value());
    }
    auto from_rows = std::move(restore).finish(model.head(), model.mark());
    RC_ASSERT(from_rows.has_value());
    RC_ASSERT(take_apart(from_rows.value()) == take_apart(model));
}

RC_BOOST_PROP(cut_and_changed_bytes_are_refused_or_mean_something_else, ()) {
    auto const history = random_history({.rules = random_rules()});
    Model model;
    for (PastEvent const& event : history) {
        apply(model, event.event, event.stamp);
    }
    auto parts = take_apart(model);
    std::vector<Bytes*> all{&parts.devices, &parts.window};
    for (Bytes& object : parts.objects) {
        all.push_back(&object);
    }
    Bytes& bytes = *all[*rc::gen::inRange<std::size_t>(0, all.size())];
    RC_PRE(!bytes.empty());
    auto const place = *rc::gen::inRange<std::size_t>(0, bytes.size());
    if (*rc::gen::inRange(0, 2) == 0) {
        bytes.resize(place);
    } else {
        bytes[place] ^= static_cast<std::byte>(*rc::gen::inRange(1, 256));
    }
    if (auto read = put_together(parts)) {
        read.value().check_invariants();
        auto again = take_apart(read.value());
        std::ranges::sort(parts.objects);
        std::ranges::sort(again.objects);
        RC_ASSERT(again == parts);
    }
}

BOOST_AUTO_TEST_CASE(everything_has_golden_bytes) {
    auto const model = one_of_everything();
    auto const parts = take_apart(model);
    Bytes objects;
    for (Bytes const& object : parts.objects) {
        ByteWriter(objects).put(static_cast<std::uint16_t>(object.size())).put(ByteView(object));
    }
    check_golden("engine/model_objects", objects);
    check_golden("engine/model_window", parts.window);
    check_golden("engine/model_devices", parts.devices);
    auto const again = put_together(parts);
    BOOST_REQUIRE(again.has_value());
    BOOST_TEST(again.value().state_hash() == model.state_hash());
    BOOST_TEST((take_apart(again.value()) == parts));
    auto const window = read_window(parts.window).value();
    std::vector<std::string_view> alive;
    for (WindowEntry const& entry : window.entries) {
        if (entry.alive) {
            alive.push_back(entry.id);
        }
    }
    BOOST_TEST((alive == std::vector<std::string_view>{"a", "t"}));
    BOOST_TEST((make_window(window) == parts.window));
}

BOOST_AUTO_TEST_CASE(an_empty_model_is_a_header) {
    auto const parts = take_apart(Model());
    BOOST_TEST(parts.devices.empty());
    BOOST_TEST(parts.objects.empty());
    BOOST_TEST(parts.window.size() == 4U);
    BOOST_TEST(put_together(parts).has_value());
}

BOOST_AUTO_TEST_CASE(what_no_model_writes_is_refused) {
    auto const good = take_apart(one_of_everything());
    auto const refused = [&](auto change) {
        auto parts = good;
        change(parts);
        return put_together(parts).has_error();
    };
    BOOST_TEST(!refused([](ModelParts&) {}));
    BOOST_TEST(refused([](ModelParts& it) { it.objects.push_back(it.objects[0]); }));
    BOOST_TEST(refused([](ModelParts& it) { it.objects.clear(); }));  // facts without their object
    BOOST_TEST(refused([](ModelParts& it) { it.devices.resize(16); }));
    BOOST_TEST(refused([](ModelParts& it) { it.devices.resize(it.devices.size() - 1); }));
    BOOST_TEST(refused([](ModelParts& it) {
        std::copy_n(it.devices.begin(), 16, it.devices.begin() + 16);  // twice in the table
    }));
    BOOST_TEST(refused([](ModelParts& it) { it.window[0] = std::byte{2}; }));   // version
    BOOST_TEST(refused([](ModelParts& it) { it.window[1] = std::byte{10}; }));  // head
    BOOST_TEST(refused([](ModelParts& it) { it.window[2] = std::byte{9}; }));   // mark
    BOOST_TEST(refused([](ModelParts& it) { it.window[3] ^= std::byte{1}; }));  // count
    BOOST_TEST(refused([](ModelParts& it) { it.objects[0].push_back(std::byte{0}); }));
    BOOST_TEST(refused([](ModelParts& it) { it.window.push_back(std::byte{0}); }));
}

/// A count or length of 2^63 in four bytes must not become an allocation.
BOOST_AUTO_TEST_CASE(counts_are_held_against_the_bytes_that_are_there) {
    Bytes huge;
    for (int i = 0; i < 8; ++i) {
        huge.push_back(std::byte{0xff});
    }
    huge.push_back(std::byte{0x7f});
    auto const good = take_apart(one_of_everything());
    for (std::size_t at = 0; at < good.objects[0].size(); ++at) {
        auto parts = good;
        auto& bytes = parts.objects[0];
        bytes.resize(at);
        bytes.insert(bytes.end(), huge.begin(), huge.end());
        BOOST_TEST(put_together(parts).has_error());
    }
    for (std::size_t at = 0; at < good.window.size(); ++at) {
        auto parts = good;
        parts.window.resize(at);
        parts.window.insert(parts.window.end(), huge.begin(), huge.end());
        BOOST_TEST(put_together(parts).has_error());
    }
}

BOOST_AUTO_TEST_SUITE_END()
