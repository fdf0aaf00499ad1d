#include <rapidcheck/boost_test.h>

#include <boost/test/unit_test.hpp>
#include <capstan/schema/event.hpp>
#include <capstan/schema/limits.hpp>

#include "samples.hpp"

namespace capstan {
namespace {

Event sample_event() {
    BlobReference blob;
    blob.sha256.fill(std::byte{7});
    blob.size_bytes = 1'234;
    blob.media_type = "image/png";
    return {
        .ops = {{.kind = OpKind::insert, .object = "m1", .type = "Message"},
                {.object = "m1", .field = "text", .value = std::string("grüße")},
                {.object = "m1", .field = "done", .value = true},
                {.object = "m1", .field = "open", .value = false},
                {.object = "m1", .field = "none"},
                {.object = "m1", .field = "size", .value = std::int64_t{-9'007'199'254'740'993}},
                {.object = "m1", .field = "ratio", .value = 0.5},
                {.object = "m1", .field = "raw", .value = Bytes{std::byte{0}, std::byte{255}}},
                {.object = "m1", .field = "by", .value = Reference{"u1"}},
                {.object = "m1", .field = "picture", .value = blob},
                {.kind = OpKind::add, .object = "c", .field = "count", .value = std::int64_t{3}},
                {.kind = OpKind::map_put,
                 .object = "c",
                 .field = "map",
                 .value = std::string("v"),
                 .key = "k"},
                {.kind = OpKind::splice,
                 .object = "c",
                 .field = "body",
                 .value = std::string("x"),
                 .at = 4,
                 .count = 2},
                {.kind = OpKind::list_move, .object = "c", .field = "list", .at = 1, .to = 5},
                {.kind = OpKind::remove, .object = "m0"}},
        .authored_p = Seq{12}};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(events)

BOOST_AUTO_TEST_CASE(an_event_of_every_kind_reads_back_and_keeps_its_bytes) {
    auto const bytes = encode_event(sample_event());
    BOOST_TEST((decode_event(bytes).value() == sample_event()));
    test::check_golden("schema/event", bytes);
}

BOOST_AUTO_TEST_CASE(having_seen_nothing_is_not_the_same_as_saying_nothing_of_it) {
    Event event{.ops = {{.object = "todo", .field = "done", .value = true}}, .authored_p = Seq{0}};
    auto const read = decode_event(encode_event(event));
    BOOST_REQUIRE(read.has_value());
    BOOST_REQUIRE(read.value().authored_p.has_value());
    BOOST_TEST(read.value().authored_p->value == 0U);
    event.authored_p.reset();
    BOOST_TEST(!decode_event(encode_event(event)).value().authored_p.has_value());
}

// The bar for a device that ticks boxes: docs/on-disk-format.md, "What a small event costs".
BOOST_AUTO_TEST_CASE(setting_one_bool_takes_at_most_72_bytes) {
    Event const event{.ops = {{.object = "todo", .field = "done", .value = true}}};
    BOOST_TEST(encode_event(event).size() <= 72u);
}

RC_BOOST_PROP(values_read_back, (std::int64_t number, double real, std::vector<std::uint8_t> raw)) {
    RC_PRE(real == real);
    Bytes bytes;
    for (auto const byte : raw) {
        bytes.push_back(static_cast<std::byte>(byte));
    }
    Event const event{.ops = {{.object = "o", .field = "i", .value = number},
                              {.object = "o", .field = "r", .value = real},
                              {.object = "p", .field = "b", .value = bytes}}};
    RC_ASSERT(decode_event(encode_event(event)).value() == event);
}

BOOST_AUTO_TEST_CASE(F28_an_event_of_semantic_nonsense_is_refused) {
    auto const refused = [](Op op) {
        return !decode_event(encode_event({.ops = {std::move(op)}}));
    };
    BOOST_TEST(refused({.kind = static_cast<OpKind>(99), .object = "o", .field = "f"}));
    BOOST_TEST(refused({.object = "o", .field = "f", .value = std::string("\xff\xfe")}));
    BOOST_TEST(refused({.object = "\xc3", .field = "f"}));
    BOOST_TEST(refused({.object = std::string(kObjectIdBytesMax + 1, 'o'), .field = "f"}));
    BOOST_TEST(refused({.object = "", .field = "f"}));
    BOOST_TEST(refused({.object = "o", .field = ""}));
    BOOST_TEST(refused({.kind = OpKind::remove, .object = "o", .field = "f"}));
}

BOOST_AUTO_TEST_CASE(F24_damaged_events_are_refused_or_read_but_never_crash) {
    auto const whole = encode_event(sample_event());
    std::size_t refused = 0;
    for (std::size_t size = 0; size < whole.size(); ++size) {
        refused += decode_event(ByteView(whole).first(size)).has_value() ? 0 : 1;
    }
    BOOST_TEST(refused > whole.size() / 2);
    auto damaged = whole;
    for (std::size_t i = 0; i < damaged.size(); ++i) {
        for (auto const value : {0x00, 0x7f, 0x80, 0xff}) {
            damaged[i] = static_cast<std::byte>(value);
            if (auto const event = decode_event(damaged)) {
                BOOST_TEST(event.value().ops.size() <= kEventOpsMax);
            }
        }
        damaged[i] = whole[i];
    }
}

BOOST_AUTO_TEST_CASE(utf8_is_told_from_what_only_looks_like_it) {
    for (auto const* good : {"", "plain", "grüße", "日本", "\xf4\x8f\xbf\xbf"}) {
        BOOST_TEST_CONTEXT(good) {
            BOOST_TEST(is_utf8(good));
        }
    }
    for (auto const* bad :
         {"\x80", "\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xff"}) {
        BOOST_TEST_CONTEXT(bad) {
            BOOST_TEST(!is_utf8(bad));
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace capstan
