// What two authors had both seen before they wrote, from the newest events.
#include <boost/test/unit_test.hpp>
#include <capstan/engine/sync/recent_past.hpp>

namespace {

using namespace capstan;
using namespace capstan::sync;

DeviceId device(std::uint8_t number) {
    DeviceId id;
    id.bytes[0] = static_cast<std::byte>(number);
    return id;
}

Changes wrote(std::optional<Value> before, std::optional<Value> after) {
    Changes changes;
    Change change{.kind = Change::Kind::update, .object = "x", .type = "T", .field = "f"};
    change.before = std::move(before);
    change.after = std::move(after);
    changes.changes.push_back(std::move(change));
    return changes;
}

Value text(char const* letters) {
    return std::string(letters);
}

ConflictSide side(std::uint64_t seq, std::uint64_t a, std::uint8_t author) {
    return {Seq{seq}, Seq{a}, device(author), text("side")};
}

ValuePlace const kPlace{"x", "f", FieldKind::reg, {}};

}  // namespace

BOOST_AUTO_TEST_SUITE(recent_past)

BOOST_AUTO_TEST_CASE(the_base_is_the_newest_write_that_all_sides_know) {
    RecentPast past;
    past.note(Seq{1}, Seq{0}, device(1), wrote({}, text("one")));
    past.note(Seq{2}, Seq{1}, device(2), wrote(text("one"), text("two")));
    past.note(Seq{3}, Seq{1}, device(1), wrote(text("two"), text("three")));
    past.note(Seq{4}, Seq{3}, device(3), wrote(text("three"), text("four")));
    struct Row {
        char const* name;
        std::vector<ConflictSide> sides;
        Seq seq;
        std::optional<Value> value;
    };
    Row const rows[] = {
        {"both saw a prefix", {side(5, 2, 8), side(6, 3, 9)}, Seq{2}, text("two")},
        {"one of them wrote what the other one saw",
         {side(5, 1, 2), side(6, 2, 9)},
         Seq{2},
         text("two")},
        {"one of them had seen nothing", {side(5, 0, 8), side(6, 3, 9)}, Seq{0}, std::nullopt},
        {"three sides", {side(5, 2, 8), side(6, 3, 9), side(7, 1, 7)}, Seq{1}, text("one")},
    };
    for (Row const& row : rows) {
        BOOST_TEST_CONTEXT(row.name) {
            auto const base = past.base_of(kPlace, row.sides, text("four"));
            BOOST_REQUIRE(base.has_value());
            BOOST_TEST((base->seq == row.seq));
            BOOST_TEST((base->value == row.value));
        }
    }
}

BOOST_AUTO_TEST_CASE(what_is_forgotten_is_not_guessed) {
    RecentPast past({.changes_max = 2, .bytes_max = 10'000, .events_max = 2});
    for (std::uint64_t seq = 1; seq <= 4; ++seq) {
        past.note(Seq{seq}, Seq{seq - 1}, device(1), wrote(text("before"), text("after")));
    }
    std::vector const old{side(5, 1, 8), side(6, 1, 9)};
    BOOST_TEST(!past.base_of(kPlace, old, text("after")).has_value());
    std::vector const recent{side(5, 2, 8), side(6, 2, 9)};
    BOOST_TEST((past.base_of(kPlace, recent, text("after")) ==
                std::optional(ConflictBase{Seq{2}, text("before")})));
    BOOST_TEST((past.seen_by(Seq{4}) == std::optional(Seq{3})));
    BOOST_TEST(!past.seen_by(Seq{2}).has_value());
}

BOOST_AUTO_TEST_CASE(a_place_that_nobody_touched_holds_what_it_holds) {
    RecentPast past;
    past.begin(Seq{10});
    past.note(Seq{11}, Seq{10}, device(1), {});
    std::vector const sides{side(12, 10, 8), side(13, 11, 9)};
    BOOST_TEST((past.base_of(kPlace, sides, text("here")) ==
                std::optional(ConflictBase{Seq{10}, text("here")})));
    std::vector const older{side(12, 9, 8), side(13, 11, 9)};
    BOOST_TEST(!past.base_of(kPlace, older, text("here")).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
