#include <fcntl.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <capstan/engine/os/system_clock.hpp>
#include <capstan/engine/sim/sim_clock.hpp>
#include <capstan/server/log/event_limiter.hpp>
#include <capstan/server/log/log.hpp>
#include <thread>

namespace {

using namespace capstan;
using namespace std::chrono_literals;

constexpr WallTime kTime{1'763'632'800'123'456};  // 2025-11-20T10:00:00.123456Z

struct Pipe {
    Pipe() { BOOST_REQUIRE(::pipe2(ends, O_NONBLOCK) == 0); }
    ~Pipe() {
        ::close(ends[0]);
        ::close(ends[1]);
    }
    std::string read_all() const {
        std::string out;
        char part[4'096];
        for (ssize_t n; (n = ::read(ends[0], part, sizeof part)) > 0;) {
            out.append(part, static_cast<std::size_t>(n));
        }
        return out;
    }
    int ends[2];
};

LogOptions generous() {
    LogOptions options;
    options.events_per_second = 1'000'000;
    options.events_burst = 1'000'000;
    return options;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(logging)

BOOST_AUTO_TEST_CASE(line_is_json_with_fixed_keys_first) {
    LogLine const line{LogLevel::warn,
                       "session_ended",
                       "the peer said \"no\"\n",
                       {{"stream", "acme/room"}, {"seq", std::uint64_t{7}}, {"clean", false}}};
    BOOST_TEST(format_line(LogFormat::json, kTime, line, 0) ==
               "{\"ts\":\"2025-11-20T10:00:00.123456Z\",\"level\":\"warn\","
               "\"event\":\"session_ended\",\"msg\":\"the peer said \\\"no\\\"\\u000a\","
               "\"stream\":\"acme/room\",\"seq\":7,\"clean\":false}");
}

BOOST_AUTO_TEST_CASE(line_for_people_quotes_what_could_mislead) {
    LogLine const line{
        LogLevel::info, "bound", "listening", {{"err", "a b"}, {"code", "x\x1b[2J"}}};
    BOOST_TEST(format_line(LogFormat::text, kTime, line, 3) ==
               "2025-11-20T10:00:00.123456Z info  bound: listening err=\"a b\" "
               "code=\"x\\u001b[2J\" suppressed=3");
}

BOOST_AUTO_TEST_CASE(field_that_does_not_fit_is_left_out_of_a_json_line) {
    std::string const large(5'000, 'x');
    LogLine const line{LogLevel::info, "e", "m", {{"err", large}, {"code", std::int64_t{-1}}}};
    auto const text = format_line(LogFormat::json, kTime, line, 0);
    BOOST_TEST(text.size() < kLogLineBytesMax);
    BOOST_TEST(text.ends_with("\"msg\":\"m\",\"code\":-1}"));
}

BOOST_AUTO_TEST_CASE(event_that_comes_too_often_is_held_back_and_counted) {
    EventLimiter limiter(10, 3);  // three at once, then one in 100 ms
    SimClock clock;
    for (int i = 0; i < 3; ++i) {
        BOOST_TEST(limiter.admit("storm", clock.now()).value() == 0U);
    }
    BOOST_TEST(!limiter.admit("storm", clock.now()));
    BOOST_TEST(!limiter.admit("storm", clock.now()));
    BOOST_TEST(limiter.admit("calm", clock.now()).has_value());
    clock.advance(100ms);
    BOOST_TEST(limiter.admit("storm", clock.now()).value() == 2U);
    BOOST_TEST(!limiter.admit("storm", clock.now()));
}

BOOST_AUTO_TEST_CASE(level_below_the_chosen_one_is_not_written) {
    Pipe pipe;
    SystemClock clock;
    auto log = open_log(pipe.ends[1], generous(), clock);
    log->debug("quiet", "not shown");
    log->info("loud", "shown");
    log.reset();
    auto const text = pipe.read_all();
    BOOST_TEST(text.find("quiet") == std::string::npos);
    BOOST_TEST(text.find("\"event\":\"loud\"") != std::string::npos);
    BOOST_TEST(text.back() == '\n');
}

BOOST_AUTO_TEST_CASE(F68_blocked_sink_drops_and_counts_and_nobody_waits) {
    Pipe pipe;  // nobody reads
    SystemClock clock;
    auto log = open_log(pipe.ends[1], generous(), clock);
    std::string const large(1'000, 'x');
    constexpr std::size_t kLines = 1'000;  // a pipe holds about 60 of them
    for (std::size_t i = 0; i < kLines; ++i) {
        log->info("line", large);
    }
    // The thread that writes may still be at it; it never waits for the pipe, so this ends.
    while (log->dropped() < 800) {
        std::this_thread::yield();
    }
    log.reset();
    auto const text = pipe.read_all();
    auto const written = std::ranges::count(text, '\n');
    BOOST_TEST(written > 10);
    BOOST_TEST(written < 200);
}

BOOST_AUTO_TEST_SUITE_END()
