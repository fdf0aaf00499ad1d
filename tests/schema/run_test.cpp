#include <rapidcheck/boost_test.h>

#include <boost/test/unit_test.hpp>
#include <capstan/schema/run.hpp>

#include "samples.hpp"

namespace capstan {

BOOST_AUTO_TEST_SUITE(runs)

BOOST_AUTO_TEST_CASE(a_run_keeps_its_bytes) {
    test::check_golden("schema/run", test::sample_run());
    test::check_golden("schema/floor_record", encode_run(test::sample_header(), {}));
}

RC_BOOST_PROP(a_decoded_run_is_what_was_encoded, (std::uint64_t random)) {
    auto const texts = *test::event_texts();
    auto header = test::sample_header();
    header.attempt.value = random | 1;
    auto const bytes = encode_run(header, test::views(texts));
    auto const run = RunView::decode(bytes);
    RC_ASSERT(run.has_value());
    RC_ASSERT(run.value().header() == header);
    RC_ASSERT(run.value().count() == texts.size());
    RC_ASSERT(run.value().is_floor() == texts.empty());
    for (std::uint32_t i = 0; i < texts.size(); ++i) {
        RC_ASSERT(as_text(run.value().event(i)) == texts[i]);
    }
}

BOOST_AUTO_TEST_CASE(counters_follow_from_after) {
    auto const bytes = test::sample_run();
    auto const run = RunView::decode(bytes).value();
    BOOST_TEST(run.first_counter().value == 8u);
    BOOST_TEST(run.last_counter().value == 10u);
    BOOST_TEST((run.last_link() == Link{Counter{10}, test::sample_header().attempt}));
    auto const floor_bytes = encode_run(test::sample_header(), {});
    BOOST_TEST((RunView::decode(floor_bytes).value().last_link() == test::sample_header().after));
}

struct BadRun {
    char const* name;
    std::size_t at;
    std::uint64_t value;
};

BOOST_AUTO_TEST_CASE(F29_a_run_of_semantic_nonsense_is_refused) {
    for (auto const& row : {
             BadRun{"attempt 0", 0, 0},
             BadRun{"after has a counter and no attempt", 16, 0},
             BadRun{"after has an attempt and no counter", 8, 0},
             BadRun{"counter above the largest", 8, std::uint64_t{1} << 60},
             BadRun{"preceding seq above the largest", 24, std::uint64_t{1} << 60},
             BadRun{"unknown flags, many events", 32, 0xffff'ffff},
         }) {
        auto bytes = test::sample_run();
        store(bytes.data() + row.at, row.value);
        BOOST_TEST_CONTEXT(row.name) {
            BOOST_TEST(!RunView::decode(bytes));
        }
    }
    auto empty_event = test::sample_run();
    store(empty_event.data() + RunView::kHeaderBytes + 4, std::uint32_t{3});
    BOOST_TEST(!RunView::decode(empty_event));
    auto floor_with_bytes = encode_run(test::sample_header(), {});
    floor_with_bytes.push_back(std::byte{1});
    BOOST_TEST(!RunView::decode(floor_with_bytes));
}

BOOST_AUTO_TEST_CASE(limits_are_refused_by_name) {
    Bytes const big(kEventBytesMax + 1);
    std::vector<ByteView> const one{big};
    BOOST_TEST(
        (RunView::decode(encode_run(test::sample_header(), one)).error().code == Errc::too_large));
    std::vector<ByteView> const most(kRunEventsMax, as_bytes("x"));
    BOOST_TEST(RunView::decode(encode_run(test::sample_header(), most)).has_value());
    auto more = encode_run(test::sample_header(), most);
    store(more.data() + 34, static_cast<std::uint16_t>(kRunEventsMax + 1));
    BOOST_TEST(!RunView::decode(more));
}

BOOST_AUTO_TEST_CASE(delivered_runs_are_taken_one_after_another) {
    Bytes bytes;
    encode_delivered_run(bytes, test::device(1), WallTime{-5}, test::sample_run());
    encode_delivered_run(bytes, test::device(2), WallTime{6}, test::sample_run());
    ByteReader reader(bytes);
    auto const first = DeliveredRunView::take(reader).value();
    auto const second = DeliveredRunView::take(reader).value();
    BOOST_TEST(reader.done());
    BOOST_TEST((first.device() == test::device(1)));
    BOOST_TEST(first.gateway_time().micros == -5);
    BOOST_TEST((second.device() == test::device(2)));
    BOOST_TEST(first.bytes().size() + second.bytes().size() == bytes.size());
    BOOST_TEST(!DeliveredRunView::take(reader));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace capstan
