#include <rapidcheck.h>
#include <rapidcheck/boost_test.h>

#include <boost/test/unit_test.hpp>
#include <capstan/engine/text/folded_text.hpp>
#include <string>
#include <vector>

namespace {

using namespace capstan;

std::string folded(std::string const& before, FoldedText const& text) {
    Rope rope(before);
    auto const splices = text.splices();
    BOOST_REQUIRE(apply_splices(rope, splices));
    return rope.str();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(folded_text)

BOOST_AUTO_TEST_CASE(the_example_of_the_header) {
    FoldedText text;
    text.add(4, 3, "three");
    text.add(3, 0, ",");
    text.add(5, 5, "");
    BOOST_TEST((text.splices() == std::vector<FoldedSplice>{{3, 0, ","}, {1, 3, ""}}));
    BOOST_TEST(folded("one two", text) == "one, ");
}

BOOST_AUTO_TEST_CASE(what_came_and_went_in_between_is_not_told) {
    FoldedText text;
    text.add(2, 0, "typed");
    text.add(4, 3, "");
    text.add(2, 2, "");
    BOOST_TEST(text.splices().empty());
}

BOOST_AUTO_TEST_CASE(splices_past_the_end_are_refused) {
    for (auto const& splice : {FoldedSplice{4, 0, "x"},
                               FoldedSplice{0, 4, ""},
                               FoldedSplice{2, 2, ""},
                               FoldedSplice{~std::uint64_t{0}, 1, ""}}) {
        Rope rope("abc");
        BOOST_TEST(!apply_splices(rope, std::vector{splice}));
    }
}

RC_BOOST_PROP(one_pass_does_what_all_splices_do, ()) {
    auto const before = *rc::gen::element<std::string>("", "grün", "a longer text, €€ and more");
    std::vector<std::string> const pieces{"", "x", "äö", "😀", "some words"};
    Rope now(before);
    FoldedText text;
    std::size_t inserted_bytes = 0;
    for (auto left = *rc::gen::inRange(0, 60); left > 0; --left) {
        auto const items = now.items();
        auto const at = *rc::gen::inRange<std::uint64_t>(0, items + 1);
        auto const removed =
            *rc::gen::inRange<std::uint64_t>(0, std::min<std::uint64_t>(items - at, 6) + 1);
        auto const piece = *rc::gen::elementOf(pieces);
        inserted_bytes += piece.size();
        now.erase(at, removed);
        now.insert(at, piece);
        text.add(at, removed, piece);
    }
    RC_ASSERT(folded(before, text) == now.str());
    // No more than is different, and no two where one would do.
    std::size_t told = 0;
    auto const splices = text.splices();
    for (std::size_t i = 0; i < splices.size(); ++i) {
        told += splices[i].inserted.size();
        RC_ASSERT(i == 0 || splices[i].retained > 0U);
        RC_ASSERT(splices[i].removed > 0U || !splices[i].inserted.empty());
    }
    RC_ASSERT(told <= inserted_bytes);
    RC_ASSERT(told <= now.str().size());
}

BOOST_AUTO_TEST_SUITE_END()
