// What readers behind the head get: pages whose size suits the connection, read by another thread
// where they are large.
#include <boost/test/unit_test.hpp>
#include <capstan/schema/run.hpp>

#include "page_pace.hpp"
#include "session_bed.hpp"

using namespace capstan;
using namespace capstan::test;
using std::chrono::milliseconds;

namespace {

constexpr std::size_t kEventBytes = 1'000;

/// A stream of 100 events of 1,000 bytes, and readers whose pages of more than 3,000 bytes are read
/// elsewhere.
struct PagesBed {
    FakeBed bed{{.page_bytes = 16'000, .page_bytes_first = 2'000, .read_here_bytes = 3'000}};

    PagesBed() {
        for (int i = 0; i < 100; ++i) {
            append(bed, {"acme/long"}, std::string(kEventBytes, 'x'));
        }
    }
};

/// Counts what it gets, and that nothing is missing, comes twice or out of order.
struct Reader {
    explicit Reader(FakeBed& of, std::string const& name = "reader", std::uint64_t holds = 0)
        : bed(of), last(holds), peer(of.connect([this](ByteView payload) { hear(payload); })) {
        peer->waits = true;
        auto hello = hello_of(name, 100'000'000);
        add_stream(hello, "acme/long");
        if (holds > 0) {
            hello.streams.back()->generation =
                of.partition().stat("acme/long").value()->generation.value;
            hello.streams.back()->seq = holds;
        }
        BOOST_TEST_REQUIRE(peer->send(hello).has_value());
    }

    void hear(ByteView payload) {
        each_message(payload, [&]<class T>(T const* message) {
            if constexpr (std::is_same_v<T, fb::Events>) {
                BOOST_TEST(message->first() == last + 1);
                last = message->last();
                pages.push_back(message->runs()->size());
            } else if constexpr (std::is_same_v<T, fb::Notice>) {
                notices.push_back(message->code());
            } else if constexpr (std::is_same_v<T, fb::Welcome>) {
                handle = message->streams()->Get(0)->stream();
            }
        });
    }

    /// Takes one payload after another, each in so long.
    void take(std::size_t payloads, Duration each) {
        for (std::size_t i = 0; i < payloads; ++i) {
            peer->take(1);
            bed.clock.advance(each);
            bed.run();
        }
    }

    /// Takes what there is until a page is being read elsewhere.
    void take_until_reading() {
        for (auto before = ~std::size_t{0}; pages.size() != before;) {
            bed.clock.advance(milliseconds(1));
            before = pages.size();
            peer->take(1);
        }
    }

    FakeBed& bed;
    std::uint64_t last;
    std::uint32_t handle = 0;
    std::vector<std::size_t> pages;  // bytes of each
    std::vector<std::uint16_t> notices;
    std::unique_ptr<SessionBed::Peer> peer;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(pages)

BOOST_AUTO_TEST_CASE(pace_grows_with_what_is_taken_quickly_and_falls_with_what_is_not) {
    PagePace pace(1'000, 8'000);
    struct Row {
        std::size_t bytes;
        Duration time;
        std::size_t then;
    };
    Row const rows[] = {
        {1'000, milliseconds(1), 2'000},
        {100, milliseconds(1), 2'000},  // too little to tell
        {1'900, milliseconds(99), 4'000},
        {4'000, milliseconds(500), 4'000},
        {4'000, milliseconds(1), 8'000},
        {8'000, milliseconds(1), 8'000},
        {8'000, milliseconds(1'001), 4'000},
        {100, milliseconds(5'000), 2'000},
        {2'000, milliseconds(5'000), 1'000},
        {1'000, milliseconds(5'000), 1'000},
    };
    for (auto const& row : rows) {
        pace.took(row.bytes, row.time);
        BOOST_TEST(pace.bytes() == row.then);
        BOOST_TEST(pace.is_full() == (row.then == 8'000));
    }
    BOOST_TEST(PagePace(1'000, 300).bytes() == 300U);
}

BOOST_AUTO_TEST_CASE(quick_reader_soon_gets_the_largest_pages_and_all_of_them) {
    PagesBed world;
    Reader reader(world.bed);
    reader.take(40, milliseconds(1));
    BOOST_TEST(reader.last == 100U);
    BOOST_TEST(reader.pages.front() <= 2'000U);
    auto const largest = *std::ranges::max_element(reader.pages);
    BOOST_TEST(largest > 14'000U);
    BOOST_TEST(largest <= 16'000U);
    append(world.bed, {"acme/long"});
    reader.take(1, milliseconds(1));
    BOOST_TEST(reader.last == 101U);  // it is live
}

BOOST_AUTO_TEST_CASE(slow_reader_keeps_small_pages) {
    PagesBed world;
    Reader reader(world.bed);
    reader.take(200, milliseconds(2'000));
    BOOST_TEST(reader.last == 100U);
    BOOST_TEST(*std::ranges::max_element(reader.pages) <= 2'000U);
}

/// Its connection ends when less than a whole page of the usual size has come through.
BOOST_AUTO_TEST_CASE(reader_whose_connection_dies_within_a_page_gets_on) {
    PagesBed world;
    std::uint64_t last = 0;
    for (int connections = 0; connections < 100 && last < 100; ++connections) {
        Reader reader(world.bed, "reader", last);
        reader.take(2, milliseconds(1));  // Welcome, and one page
        BOOST_TEST_REQUIRE(reader.last > last);
        BOOST_TEST(reader.pages.front() <= 2'000U);
        last = reader.last;
    }
    BOOST_TEST(last == 100U);
}

BOOST_AUTO_TEST_CASE(large_page_is_read_elsewhere_and_wakes_the_session) {
    PagesBed world;
    Reader reader(world.bed);
    reader.take_until_reading();
    auto const before = reader.last;
    auto const wakes = reader.peer->wakes;
    BOOST_TEST(before < 100U);
    BOOST_TEST(!reader.peer->session().wants_write());  // it is no slow reader while the disk works
    world.bed.run();
    BOOST_TEST(reader.peer->wakes == wakes + 1);
    reader.peer->take(1);
    BOOST_TEST(reader.last > before);
}

BOOST_AUTO_TEST_CASE(page_that_nobody_wants_any_more_is_dropped) {
    PagesBed world;
    Reader reader(world.bed);
    reader.take_until_reading();
    auto const before = reader.last;
    fb::UnsubscribeT unsubscribe;
    unsubscribe.stream = reader.handle;
    BOOST_TEST(reader.peer->send(unsubscribe).has_value());  // then the page comes
    reader.take(3, milliseconds(1));
    BOOST_TEST(reader.last == before);
    BOOST_TEST(reader.notices.empty());
}

BOOST_AUTO_TEST_CASE(session_that_ends_while_its_page_is_read_is_gone) {
    PagesBed world;
    Reader reader(world.bed);
    reader.take_until_reading();
    reader.peer->close();
    world.bed.run();
    BOOST_TEST(world.bed.host->session_count() == 0U);
}

BOOST_AUTO_TEST_CASE(page_that_cannot_be_read_is_told_and_ends_the_subscription_for_now) {
    PagesBed world;
    Reader reader(world.bed);
    reader.take_until_reading();
    world.bed.partition().load_error = Error{Errc::journal_corrupt, "segment 1"};
    world.bed.run();
    reader.take(2, milliseconds(1));
    BOOST_TEST(reader.notices ==
                   std::vector<std::uint16_t>{static_cast<std::uint16_t>(Errc::journal_corrupt)},
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(readers_who_want_the_page_that_is_being_read_share_it) {
    PagesBed world;
    Reader one(world.bed, "one");
    Reader two(world.bed, "two");
    one.take_until_reading();
    two.take_until_reading();
    BOOST_TEST_REQUIRE(one.last == two.last);
    auto const read = world.bed.host->counters().pages_read;
    world.bed.run();
    one.peer->take(1);
    two.peer->take(1);
    BOOST_TEST(one.last == two.last);
    BOOST_TEST(world.bed.host->counters().pages_read == read + 1);
}

BOOST_AUTO_TEST_CASE(next_page_is_read_while_a_quick_reader_takes_one) {
    PagesBed world;
    Reader reader(world.bed);
    for (std::size_t largest = 0; largest < 14'000; largest = reader.pages.back()) {
        reader.take(1, milliseconds(1));
    }
    BOOST_TEST_REQUIRE(reader.last < 80U);
    BOOST_TEST(reader.peer->session().queued_bytes() > 14'000U);  // it is there already
    reader.peer->take(1);  // and while it is written, the one behind it is read
    world.bed.run();
    BOOST_TEST(reader.peer->session().queued_bytes() > 14'000U);
}

BOOST_AUTO_TEST_SUITE_END()
