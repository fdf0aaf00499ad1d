// The window section of snapshots: its bytes, and what is refused.
#include <boost/test/unit_test.hpp>
#include <capstan/engine/text.hpp>

#include "support/golden.hpp"
#include "text_rig.hpp"

namespace {

using namespace capstan;
using namespace capstan::test;

/// Every kind of span: known, dead to all, dying, shared, keystrokes, origins in and outside.
TextRig busy_text() {
    TextRig rig;
    rig.apply({1, 0, 0, {{0, 0, "one two three"}}}, 0);
    rig.apply({2, 1, 0, {{4, 4, ""}}}, 0);
    rig.apply({3, 1, 1, {{8, 0, "and "}}}, 0);
    rig.apply({4, 2, 2, {{0, 3, ""}}}, 0);
    rig.apply({5, 2, 1, {{0, 3, ""}}}, 0);
    rig.apply({6, 4, 2, {{0, 0, "a"}}}, 0);
    rig.apply({7, 4, 2, {{1, 0, "b"}}}, 0);
    rig.apply({8, 7, 0, {{0, 0, "zero"}}}, 0);
    rig.apply({9, 4, 2, {{2, 0, "!"}}}, 0);
    return rig;
}

bool is_refused(std::string_view content, ByteView window) {
    auto const text = Text::restore(content, window);
    return !text && text.error().code == Errc::malformed;
}

}  // namespace

BOOST_AUTO_TEST_CASE(window_sections_keep_their_bytes) {
    auto const rig = busy_text();
    check_golden("engine/text_window", rig.text.snapshot(Seq{2}).window);
}

BOOST_AUTO_TEST_CASE(a_text_at_rest_has_no_window_section) {
    auto const rig = busy_text();
    BOOST_TEST(rig.text.snapshot(Seq{9}).window.empty());
}

BOOST_AUTO_TEST_CASE(every_part_and_every_changed_bit_of_a_section_is_refused_or_means_itself) {
    auto const rig = busy_text();
    auto const snapshot = rig.text.snapshot(Seq{2});
    BOOST_REQUIRE(!is_refused(snapshot.content, snapshot.window));
    for (std::size_t bytes = 1; bytes < snapshot.window.size(); ++bytes) {
        BOOST_TEST(is_refused(snapshot.content, ByteView(snapshot.window).first(bytes)));
    }
    for (std::size_t bit = 0; bit < 8 * snapshot.window.size(); ++bit) {
        auto changed = snapshot.window;
        changed[bit / 8] ^= std::byte{1} << (bit % 8);
        if (auto const text = Text::restore(snapshot.content, changed)) {
            text.value().check_invariants();
            auto const mark = std::to_integer<std::uint64_t>(changed[1]);
            BOOST_TEST((text.value().snapshot(Seq{mark}).window == changed));
        }
    }
}

BOOST_AUTO_TEST_CASE(a_section_beside_other_content_is_refused) {
    auto const snapshot = busy_text().text.snapshot(Seq{2});
    BOOST_TEST(is_refused(snapshot.content + "x", snapshot.window));
    auto longer = snapshot.window;
    longer.push_back(std::byte{0});
    BOOST_TEST(is_refused(snapshot.content, longer));
}

BOOST_AUTO_TEST_CASE(pending_edits_are_not_in_a_snapshot) {
    auto rig = busy_text();
    auto const before = rig.text.snapshot(Seq{2});
    rig.apply({Stamp::pending(1).value, 9, 3, {{2, 3, "mine"}}}, 2);
    BOOST_TEST(rig.str() != before.content);
    BOOST_TEST((rig.text.snapshot(Seq{2}) == before));
}
