// One device's model, case by case.
#include <boost/test/unit_test.hpp>

#include "history.hpp"
#include "replica_device.hpp"

namespace {

using namespace capstan;
using namespace capstan::test;
using sync::WriteState;

constexpr char kStream[] = "acme/room/1";

/// One device that starts offline, and the server that it will meet.
struct Bed {
    Dice dice{7};
    TestServer server{dice, {}, &fold_internal::decide<fold_internal::AllRules>};
    ReplicaDevice device{"a", dice, server, {}, kStream};
    std::map<std::uint64_t, std::vector<WriteState>> states;  // of each write

    Bed() {
        device.on_write = [this](sync::WriteMoved const& moved) {
            states[moved.mutation.value].push_back(moved.state);
        };
    }

    sync::MutationId write(std::vector<Op> ops, sync::MutateOptions const& options = {}) {
        auto const id = device.mutate({std::move(ops), {}}, options);
        BOOST_REQUIRE(id.has_value());
        device.run();
        return *id;
    }
    Errc refuses(std::vector<Op> ops) {
        auto const id = device.replica().mutate({std::move(ops), {}});
        BOOST_REQUIRE(!id);
        BOOST_TEST(device.replica().status().pending == pending_before);
        return id.error().code;
    }
    void settle() {
        for (int round = 0; round < 200 && !(device.idle() && device.has_read_all()); ++round) {
            device.advance(std::chrono::milliseconds(500));
            while (device.deliver_to_server() || server.fold_one()) {
            }
            server.push();
            while (device.receive()) {
            }
        }
        BOOST_TEST(device.idle());
        BOOST_TEST(device.has_read_all());
        BOOST_TEST(device.wrong().empty(), device.wrong());
    }
    bool was_refused(sync::MutationId id) { return states[id.value].back() == WriteState::refused; }

    std::size_t pending_before = 0;
};

Op insert(std::string id) {
    return {.kind = OpKind::insert, .object = std::move(id), .type = "Thing"};
}
Op set(std::string id, std::string field, Value value) {
    return {.kind = OpKind::set,
            .object = std::move(id),
            .field = std::move(field),
            .value = std::move(value)};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(replica)

BOOST_AUTO_TEST_CASE(bad_input_is_refused_as_a_whole_and_changes_nothing) {
    Bed bed;
    bed.write(
        {insert("x"),
         {.kind = OpKind::add, .object = "x", .field = "n", .value = Value{std::int64_t{1}}}});
    bed.pending_before = bed.device.replica().status().pending;

    std::vector<Op> too_many(1'000'000, set("x", "f", true));
    struct Row {
        char const* name;
        std::vector<Op> ops;
        Errc code;
    };
    Row const rows[] = {
        {"no operations", {}, Errc::request_invalid},
        {"an object that is not there", {set("y", "f", true)}, Errc::not_found},
        {"an object that the event itself removed",
         {{.kind = OpKind::remove, .object = "x"}, set("x", "f", true)},
         Errc::not_found},
        {"an id that is there", {insert("x")}, Errc::request_invalid},
        {"a register where there is a counter", {set("x", "n", true)}, Errc::request_invalid},
        {"two kinds in one event",
         {set("x", "f", true),
          {.kind = OpKind::set_add, .object = "x", .field = "f", .value = Value{true}}},
         Errc::request_invalid},
        {"a counter that takes a text",
         {{.kind = OpKind::add, .object = "x", .field = "n", .value = Value{std::string("1")}}},
         Errc::request_invalid},
        {"no UTF-8", {set("x", "f", std::string("\xff"))}, Errc::request_invalid},
        {"an empty id", {insert("")}, Errc::request_invalid},
        {"an id that is too long", {insert(std::string(256, 'i'))}, Errc::request_invalid},
        {"ten megabytes", {set("x", "f", std::string(10'000'000, 'a'))}, Errc::too_large},
        {"a million operations", std::move(too_many), Errc::too_large},
        {"good ones before a bad one",
         {insert("z"), set("z", "f", true), set("y", "f", true)},
         Errc::not_found},
    };
    for (Row const& row : rows) {
        BOOST_TEST_CONTEXT(row.name) {
            BOOST_TEST((bed.refuses(row.ops) == row.code));
            BOOST_TEST(!bed.device.view().type("z"));
        }
    }
    bed.settle();
    BOOST_TEST(bed.server.tape(kStream).size() == 1U);
}

BOOST_AUTO_TEST_CASE(writes_behind_a_refused_one_go_on_unless_they_need_what_it_was_to_insert) {
    Bed bed;
    auto const first = bed.write({insert("old")});
    bed.settle();
    // Somebody else was faster: the guard fails.
    auto const guarded = bed.write({insert("x"), set("x", "f", true)}, {.expect_head = Seq{7}});
    auto const dependant = bed.write({set("x", "f", false)});
    auto const chain = bed.write({insert("y"), set("x", "g", true)});
    auto const chained = bed.write({set("y", "f", true)});
    auto const other = bed.write({set("old", "f", true)});
    auto const anew = bed.write({insert("z")});
    BOOST_TEST(bed.device.view().type("y").has_value());
    bed.settle();

    BOOST_TEST(!bed.was_refused(first));
    for (auto const id : {guarded, dependant, chain, chained}) {
        BOOST_TEST(bed.was_refused(id));
    }
    BOOST_TEST(!bed.was_refused(other));
    BOOST_TEST(!bed.was_refused(anew));
    BOOST_TEST(!bed.device.view().type("x"));
    BOOST_TEST(!bed.device.view().type("y"));
    BOOST_TEST((bed.device.view().value("old", "f") == Value{true}));
    BOOST_TEST(bed.device.view().type("z").has_value());
}

BOOST_AUTO_TEST_CASE(what_was_refused_can_be_tried_again) {
    Bed bed;
    bed.write({insert("old")});
    bed.settle();
    auto const refused = bed.write({insert("x")}, {.expect_head = Seq{7}});
    bed.settle();
    BOOST_TEST(bed.was_refused(refused));
    auto const again = bed.device.replica().retry(refused);
    require_ok(again);
    BOOST_TEST(bed.device.view().type("x").has_value());
    bed.device.run();
    bed.settle();
    BOOST_TEST(bed.device.view().type("x").has_value());
    BOOST_TEST(bed.device.client().outbox(kStream)->counts().refused == 0U);
    BOOST_TEST((bed.device.replica().retry(refused).error().code == Errc::not_found));
}

BOOST_AUTO_TEST_CASE(a_guard_waits_for_own_writes) {
    Bed bed;
    bed.write({insert("x")});
    auto const guarded =
        bed.device.replica().mutate({{set("x", "f", true)}, {}}, {.expect_head = Seq{1}});
    BOOST_REQUIRE(!guarded);
    BOOST_TEST((guarded.error().code == Errc::not_ready));
    bed.settle();
    bed.write({set("x", "f", true)}, {.expect_head = Seq{1}});
    bed.settle();
    BOOST_TEST(bed.server.tape(kStream).size() == 2U);
}

BOOST_AUTO_TEST_CASE(assigning_a_whole_value_says_what_differs) {
    Bed bed;
    bed.write({insert("x"), set("x", "a", true), set("x", "b", true)});
    auto whole = *bed.device.view().get("x");
    auto const nothing = bed.device.replica().assign("x", whole);
    require_ok(nothing);
    BOOST_TEST(!nothing.value());
    whole.fields["b"] = Value{false};
    auto const something = bed.device.replica().assign("x", whole);
    require_ok(something);
    bed.device.run();
    auto const entries = bed.device.client().outbox(kStream)->entries();
    auto const event = decode_event(entries.back().mutation.events.front()).value();
    BOOST_TEST((event.ops == std::vector<Op>{set("x", "b", false)}));
}

BOOST_AUTO_TEST_SUITE_END()
