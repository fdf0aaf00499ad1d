#include <rapidcheck.h>
#include <rapidcheck/boost_test.h>

#include <boost/test/unit_test.hpp>
#include <capstan/schema/stream_position.hpp>

namespace capstan {
namespace {

using Kind = StreamPosition::Kind;
constexpr std::int64_t kSecond = 1'000'000;
constexpr std::int64_t kHour = 3'600 * kSecond;

}  // namespace

BOOST_AUTO_TEST_SUITE(stream_position)

struct GoodRow {
    std::string text;
    StreamPosition position;
    std::string shortest;
};

BOOST_AUTO_TEST_CASE(each_form_of_the_grammar_is_read) {
    constexpr std::int64_t ten = 1'795'168'800 * kSecond;  // 2026-11-20T10:00:00Z
    for (auto const& row : {
             GoodRow{"first", {.kind = Kind::first}, "first"},
             GoodRow{"last", {.kind = Kind::last}, "last"},
             GoodRow{"tail", {.kind = Kind::tail}, "tail"},
             GoodRow{"snapshot", {.kind = Kind::snapshot}, "snapshot"},
             GoodRow{"118", {.kind = Kind::seq, .seq = Seq{118}}, "118"},
             GoodRow{"007", {.kind = Kind::seq, .seq = Seq{7}}, "7"},
             GoodRow{"9007199254740991", {.kind = Kind::seq, .seq = kSeqMax}, "9007199254740991"},
             GoodRow{"-10", {.kind = Kind::back, .count = 10}, "-10"},
             GoodRow{"@2026-11-20T10:00:00Z",
                     {.kind = Kind::time, .micros = ten},
                     "@2026-11-20T10:00:00Z"},
             GoodRow{"@2026-11-20T11:30+01:30",
                     {.kind = Kind::time, .micros = ten},
                     "@2026-11-20T10:00:00Z"},
             GoodRow{"@2026-11-20T09:00:00.25-01:00",
                     {.kind = Kind::time, .micros = ten + 250'000},
                     "@2026-11-20T10:00:00.25Z"},
             GoodRow{"@2026-11-20T10:00:00.123456789Z",
                     {.kind = Kind::time, .micros = ten + 123'456},
                     "@2026-11-20T10:00:00.123456Z"},
             GoodRow{"@2026-11-20",
                     {.kind = Kind::time, .micros = ten - 10 * kHour},
                     "@2026-11-20T00:00:00Z"},
             GoodRow{"@1969-12-31T23:59:59.5Z",
                     {.kind = Kind::time, .micros = -500'000},
                     "@1969-12-31T23:59:59.5Z"},
             GoodRow{"@-1h", {.kind = Kind::age, .micros = kHour}, "@-1h"},
             GoodRow{"@-1w2d3h4m5s6ms",
                     {.kind = Kind::age, .micros = (9 * 24 + 3) * kHour + 245 * kSecond + 6'000},
                     "@-1w2d3h4m5s6ms"},
             GoodRow{"@-90m", {.kind = Kind::age, .micros = 90 * 60 * kSecond}, "@-1h30m"},
             GoodRow{"@-0s", {.kind = Kind::age, .micros = 0}, "@-0s"},
         }) {
        BOOST_TEST_CONTEXT(row.text) {
            auto const position = StreamPosition::parse(row.text);
            BOOST_TEST_REQUIRE(position.has_value());
            BOOST_TEST((position.value() == row.position));
            BOOST_TEST(to_string(position.value()) == row.shortest);
        }
    }
}

BOOST_AUTO_TEST_CASE(everything_else_is_refused) {
    for (std::string const text : {
             "",
             "0",
             "-0",
             "-",
             "--1",
             "+5",
             " 5",
             "5 ",
             "1.5",
             "0x10",
             "First",
             "end",
             "9007199254740992",
             "18446744073709551617",
             "@",
             "@-",
             "@-h",
             "@-5",
             "@-1x",
             "@-1m1h",
             "@-1h1h",
             "@-99999999999999999w",
             "@-999999999999999w",
             "@1",
             "@2026-13-01",
             "@2026-02-30",
             "@2026-11-20T",
             "@2026-11-20T24:00Z",
             "@2026-11-20T10:60Z",
             "@2026-11-20T10:00:00",
             "@2026-11-20T10:00:00z",
             "@2026-11-20T10:00:00.Z",
             "@2026-11-20 10:00:00Z",
             "@2026-11-20T10:00:00+1:00",
             "@2026-11-20T10:00:00Zx",
             "@0000-01-01",
             "@26-11-20",
             "@tail",
         }) {
        BOOST_TEST_CONTEXT(text) {
            auto const position = StreamPosition::parse(text);
            BOOST_TEST(!position.has_value());
            BOOST_TEST((position.has_value() || position.error().code == Errc::position_invalid));
        }
    }
}

struct ResolveRow {
    std::string text;
    std::uint64_t tape_first;
    std::uint64_t head;
    std::uint64_t wanted;  // 0: only a look into the stream tells
};

BOOST_AUTO_TEST_CASE(a_position_is_the_first_event_wanted) {
    for (auto const& row : {
             ResolveRow{"first", 1, 119, 1},
             ResolveRow{"first", 40, 119, 40},
             ResolveRow{"last", 1, 119, 119},
             ResolveRow{"last", 1, 0, 1},
             ResolveRow{"tail", 1, 119, 120},
             ResolveRow{"tail", 1, 0, 1},
             ResolveRow{"118", 1, 119, 118},
             ResolveRow{"500", 1, 119, 500},
             ResolveRow{"-1", 1, 119, 119},
             ResolveRow{"-10", 1, 119, 110},
             ResolveRow{"-119", 1, 119, 1},
             ResolveRow{"-120", 1, 119, 1},
             ResolveRow{"-100", 40, 119, 40},
             ResolveRow{"-10", 1, 0, 1},
             ResolveRow{"snapshot", 1, 119, 0},
             ResolveRow{"@-1h", 1, 119, 0},
             ResolveRow{"@2026-11-20", 1, 9, 0},
         }) {
        BOOST_TEST_CONTEXT(row.text << " of " << row.tape_first << ".." << row.head) {
            auto const seq =
                StreamPosition::parse(row.text).value().resolve(Seq{row.tape_first}, Seq{row.head});
            BOOST_TEST(seq.value_or(Seq{0}).value == row.wanted);
        }
    }
}

RC_BOOST_PROP(a_time_is_read_back_as_it_was_written, (std::int64_t draw)) {
    auto const span = 8'000LL * 365 * 24 * kHour;  // the year 9999 is the last that can be written
    WallTime const time{draw % span};
    if (time.micros > -1'900LL * 365 * 24 * kHour) {
        RC_ASSERT(parse_time(to_string(time)).value() == time);
    }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace capstan
