// Ropes against a plain string: any edit, every measure, the hash.
#include <rapidcheck.h>
#include <rapidcheck/boost_test.h>

#include <boost/test/unit_test.hpp>
#include <capstan/engine/text.hpp>

#include "sequencer/dice.hpp"
#include "text_rig.hpp"

namespace {

using namespace capstan;
using namespace capstan::test;

std::string utf8(std::u32string const& points) {
    std::string text;
    for (auto const point : points) {
        if (point < 0x80) {
            text += static_cast<char>(point);
            continue;
        }
        auto const followers = point < 0x800 ? 1U : point < 0x10000 ? 2U : 3U;
        text += static_cast<char>((0xFF00U >> (followers + 1) & 0xFF) | point >> (6 * followers));
        for (auto i = followers; i > 0; --i) {
            text += static_cast<char>(0x80U | (point >> (6 * (i - 1)) & 0x3F));
        }
    }
    return text;
}

TextSize measured_one_by_one(std::u32string const& points) {
    TextSize size{utf8(points).size(), points.size(), 0, 0};
    for (auto const point : points) {
        size.utf16 += point > 0xFFFF ? 2 : 1;
        size.lines += point == U'\n' ? 1 : 0;
    }
    return size;
}

std::u32string random_points(Dice& dice, std::size_t count) {
    static constexpr char32_t kSome[] = {
        U'a', U'\n', U'é', U'€', U'😀', U'\x7FF', U'\xFFFD', U'\x10FFFF'};
    std::u32string points;
    for (auto const plain = dice.one_in(2); count > 0; --count) {
        points += plain ? static_cast<char32_t>(U'a' + dice.below(20)) : kSome[dice.below(8)];
    }
    return points;
}

void require_alike(Rope const& rope, std::u32string const& want) {
    rope.check_invariants();
    RC_ASSERT(rope.str() == utf8(want));
    RC_ASSERT(rope.size() == measured_one_by_one(want));
    RC_ASSERT(rope.hash() == Rope(utf8(want)).hash());
}

void require_conversions(Rope const& rope, std::u32string const& want, std::size_t point) {
    auto const size = measured_one_by_one(want.substr(0, point));
    RC_ASSERT(rope.before(point) == size);
    RC_ASSERT(rope.point_of_byte(size.bytes) == point);
    RC_ASSERT(rope.point_of_utf16(size.utf16) == point);
    auto const line_start = point == 0 ? std::u32string::npos : want.rfind(U'\n', point - 1);
    auto const first = line_start == std::u32string::npos ? 0 : line_start + 1;
    RC_ASSERT(rope.point_of_line(size.lines) == first);
}

void edit_at_random(Dice& dice, std::size_t insert_max, EditTuning const& tuning) {
    std::u32string want = random_points(dice, dice.below(2 * insert_max));
    Rope rope(utf8(want), tuning);
    for (auto steps = 30; steps > 0; --steps) {
        auto const at = dice.below(want.size() + 1);
        auto const removed =
            dice.one_in(2) ? dice.below(want.size() - at + 1) / (1 + dice.below(3)) : 0;
        auto const inserted =
            random_points(dice, dice.one_in(4) ? dice.below(insert_max) : dice.below(4));
        RC_ASSERT(rope.slice(at, removed) == utf8(want.substr(at, removed)));
        rope.erase(at, removed);
        rope.insert(at, utf8(inserted));
        want.replace(at, removed, inserted);
        require_alike(rope, want);
        require_conversions(rope, want, dice.below(want.size() + 1));
    }
}

}  // namespace

RC_BOOST_PROP(ropes_of_tiny_leaves_read_as_strings, (std::uint64_t seed)) {
    Dice dice(seed);
    edit_at_random(dice, 400, kTinyTuning);
}

RC_BOOST_PROP(ropes_read_as_strings, (std::uint64_t seed)) {
    Dice dice(seed);
    edit_at_random(dice, 6'000, kEditTuning);
}

BOOST_AUTO_TEST_CASE(measures_count_what_utf8_says) {
    auto const text = utf8(U"aé€😀\n");
    BOOST_TEST((measure(text) == TextSize{11, 5, 6, 1}));
    BOOST_TEST((measure("") == TextSize{}));
    std::string const long_text(5'000, '\n');
    BOOST_TEST((measure(long_text) == TextSize{5'000, 5'000, 5'000, 5'000}));
}

BOOST_AUTO_TEST_CASE(places_past_the_end_are_the_end) {
    Rope const rope("one\ntwo");
    BOOST_TEST(rope.point_of_byte(99) == 7U);
    BOOST_TEST(rope.point_of_utf16(99) == 7U);
    BOOST_TEST(rope.point_of_line(0) == 0U);
    BOOST_TEST(rope.point_of_line(1) == 4U);
    BOOST_TEST(rope.point_of_line(2) == 7U);
}

BOOST_AUTO_TEST_CASE(a_hash_tells_order_and_zeros_apart) {
    BOOST_TEST(Rope("ab").hash() != Rope("ba").hash());
    BOOST_TEST(Rope(std::string_view("\0", 1)).hash() != Rope("").hash());
    BOOST_TEST(Rope(std::string_view("\0\0", 2)).hash() != Rope(std::string_view("\0", 1)).hash());
}

/// Decoders let no such text in; what slips through still harms nothing.
RC_BOOST_PROP(bytes_that_are_no_utf8_do_no_harm, (std::string const& one, std::string const& two)) {
    Rope rope(one, kTinyTuning);
    rope.insert(rope.size().points / 2, two);
    rope.erase(0, rope.size().points / 3);
    rope.insert(rope.size().points, one);
    RC_ASSERT(rope.str().size() == rope.size().bytes);
}
