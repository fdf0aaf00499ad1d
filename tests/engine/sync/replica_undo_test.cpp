// Undo and redo on a device: offline, with others at work, across refusals and an opening.
#include <boost/test/unit_test.hpp>

#include "replica_bed.hpp"

namespace {

using namespace capstan;
using namespace capstan::test;

struct UndoPair : Pair {
    UndoPair() {
        a.prepare = [](sync::Replica& replica) { replica.keep_undo(); };
        a.prepare(a.replica());
        write(b, {insert("x"), splice("x", 0, 0, "one two"), set("x", "f", std::string("old"))});
        settle();
    }
    std::optional<Value> value() { return a.view().value("x", "f"); }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(replica_undo)

BOOST_AUTO_TEST_CASE(what_was_done_offline_is_taken_back_and_made_again_offline) {
    UndoPair pair;
    pair.a.break_connection();
    pair.write(pair.a, {splice("x", 4, 3, "three"), set("x", "f", std::string("new"))});
    BOOST_TEST(pair.a.undo());
    BOOST_TEST(pair.text(pair.a) == "one two");
    BOOST_TEST((pair.value() == Value{std::string("old")}));
    BOOST_TEST(pair.a.redo());
    BOOST_TEST(pair.text(pair.a) == "one three");
    BOOST_TEST(!pair.a.redo());
    pair.settle();
    BOOST_TEST(pair.text(pair.b) == "one three");
    BOOST_TEST(pair.a.undo());
    pair.settle();
    BOOST_TEST(pair.text(pair.b) == "one two");
    BOOST_TEST(pair.a.replica().state_hash() == pair.b.replica().state_hash());
}

BOOST_AUTO_TEST_CASE(what_others_wrote_since_stays_and_is_said) {
    UndoPair pair;
    pair.write(pair.a, {splice("x", 3, 0, " and a half"), set("x", "f", std::string("own"))});
    pair.settle();
    pair.write(pair.b, {splice("x", 7, 0, " whole"), set("x", "f", std::string("theirs"))});
    pair.settle();
    auto const undone = pair.a.replica().undo();
    BOOST_REQUIRE((undone && undone.value()));
    BOOST_TEST((undone.value()->skipped ==
                std::vector<UndoSkip>{{.object = "x", .field = "f", .key = {}}}));
    BOOST_TEST(pair.text(pair.a) == "one whole two");
    BOOST_TEST((pair.value() == Value{std::string("theirs")}));
    pair.a.run();
    pair.settle();
    BOOST_TEST(pair.text(pair.b) == "one whole two");
    BOOST_TEST(pair.a.redo());
    BOOST_TEST(pair.text(pair.a) == "one and whole a half two");
}

/// An object that somebody edited is not simply gone with the user who began it.
BOOST_AUTO_TEST_CASE(an_insert_is_taken_back_with_all_that_it_has_become) {
    UndoPair pair;
    pair.write(pair.a, {insert("y"), set("y", "f", true)});
    pair.settle();
    pair.write(pair.b, {set("y", "g", true)});
    pair.settle();
    BOOST_TEST(pair.a.undo());
    pair.settle();
    BOOST_TEST(!pair.b.view().type("y"));
    BOOST_TEST(pair.a.redo());
    pair.settle();
    BOOST_TEST((pair.b.view().value("y", "f") == Value{true}));
    BOOST_TEST((pair.b.view().value("y", "g") == Value{true}));
}

BOOST_AUTO_TEST_CASE(a_refused_mutation_is_no_step) {
    UndoPair pair;
    pair.write(pair.a, {set("x", "f", std::string("first"))});
    pair.settle();
    auto const guarded =
        pair.a.mutate({{set("x", "f", std::string("refused")), splice("x", 0, 7, "")}, {}},
                      {.expect_head = Seq{99}});
    BOOST_REQUIRE(guarded.has_value());
    pair.a.run();
    BOOST_TEST(pair.a.replica().undo_steps() == 2U);
    pair.settle();
    BOOST_TEST(pair.text(pair.a) == "one two");
    BOOST_TEST(pair.a.replica().undo_steps() == 1U);
    BOOST_TEST(pair.a.undo());
    BOOST_TEST((pair.value() == Value{std::string("old")}));
    BOOST_TEST(pair.text(pair.a) == "one two");
}

BOOST_AUTO_TEST_CASE(steps_are_those_of_one_opening_and_of_whoever_keeps_them) {
    UndoPair pair;
    pair.write(pair.a, {set("x", "f", std::string("new"))});
    BOOST_TEST(!pair.b.undo());  // it keeps none
    pair.settle();
    pair.a.crash();
    BOOST_TEST(!pair.a.undo());
    pair.settle();
    BOOST_TEST((pair.value() == Value{std::string("new")}));
}

BOOST_AUTO_TEST_SUITE_END()
