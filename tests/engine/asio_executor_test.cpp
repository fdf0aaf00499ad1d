#include <boost/asio/io_context.hpp>
#include <boost/test/unit_test.hpp>
#include <capstan/engine/asio/asio_executor.hpp>
#include <future>
#include <vector>

namespace capstan {

BOOST_AUTO_TEST_SUITE(asio_executor)

BOOST_AUTO_TEST_CASE(a_thread_runs_what_was_posted_in_order_before_it_ends) {
    std::vector<int> ran;
    {
        AsioThread thread("worker");
        for (int i = 0; i < 100; ++i) {
            thread.post([&ran, i] { ran.push_back(i); });
        }
    }
    BOOST_TEST(ran.size() == 100u);
    BOOST_TEST(std::is_sorted(ran.begin(), ran.end()));
}

BOOST_AUTO_TEST_CASE(a_thread_ends_with_timers_pending) {
    AsioThread thread("worker");
    std::promise<std::unique_ptr<Timer>> made;
    thread.post([&] { made.set_value(thread.after(std::chrono::hours(1), [] {})); });
    BOOST_TEST(made.get_future().get() != nullptr);
}

BOOST_AUTO_TEST_CASE(a_timer_that_is_destroyed_never_runs) {
    boost::asio::io_context context;
    AsioExecutor executor(context);
    std::vector<int> ran;
    auto const kept = executor.after(Duration{0}, [&] { ran.push_back(1); });
    auto dropped = executor.after(Duration{0}, [&] { ran.push_back(2); });
    dropped.reset();
    context.run();
    BOOST_TEST(ran == std::vector<int>{1});
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace capstan
