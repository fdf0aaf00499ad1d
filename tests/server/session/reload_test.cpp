// A host that takes other limits and other tokens while its sessions go on.
#include <boost/test/unit_test.hpp>

#include "session_bed.hpp"

using namespace capstan;
using namespace capstan::test;

namespace {

/// A peer that counts what it hears.
struct Reader {
    Reader(SessionBed& bed, std::string const& name, std::string const& stream) {
        peer = bed.connect([this](ByteView payload) {
            each_message(payload, [this]<class T>(T const* message) {
                if constexpr (std::is_same_v<T, fb::Notice>) {
                    notices.push_back(message->code());
                }
                events += std::is_same_v<T, fb::Events> ? 1 : 0;
            });
        });
        auto hello = hello_of(name);
        add_stream(hello, stream);
        BOOST_TEST_REQUIRE(peer->send(hello).has_value());
    }
    std::unique_ptr<SessionBed::Peer> peer;
    std::vector<std::uint16_t> notices;
    std::size_t events = 0;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(session_reload)

BOOST_AUTO_TEST_CASE(sessions_of_a_withdrawn_token_end_and_others_hear_on) {
    FakeBed bed;
    append(bed, {"acme/a"});
    Reader ann(bed, "ann", "acme/a");
    Reader bob(bed, "bob", "acme/a");
    auto const silent = bed.connect([](ByteView) {});
    bed.host->check_principals();
    bed.run();
    BOOST_TEST((ann.notices.empty() && bob.notices.empty()));

    bed.authenticator.withdrawn = "bob";
    bed.host->check_principals();
    bed.run();
    BOOST_TEST_REQUIRE(bob.notices.size() == 1U);
    BOOST_TEST(bob.notices[0] == static_cast<std::uint16_t>(Errc::not_ready));
    BOOST_TEST((bob.peer->session().ending() == Ending::after_writes));
    BOOST_TEST((silent->session().ending() == Ending::none));  // it has not said who it is
    auto const heard = ann.events;
    append(bed, {"acme/a"});
    BOOST_TEST(ann.events == heard + 1);
    BOOST_TEST(ann.notices.empty());
}

BOOST_AUTO_TEST_CASE(a_session_whose_token_has_other_rights_is_told_to_connect_again) {
    FakeBed bed;
    append(bed, {"acme/a"});
    Reader before(bed, "ann", "acme/a");
    bed.authenticator.withdrawn = "ann";  // the principal that it was, that is
    bed.host->check_principals();
    bed.run();
    BOOST_TEST_REQUIRE(before.notices.size() == 1U);
    BOOST_TEST(
        (find_error(before.notices[0])->reaction != Reaction::fix));  // it does not stay away
    Reader again(bed, "ann", "acme/a");
    auto const heard = again.events;
    append(bed, {"acme/a"});
    BOOST_TEST(again.events == heard + 1);
}

BOOST_AUTO_TEST_CASE(other_limits_go_for_sessions_that_are_open) {
    FakeBed bed;
    append(bed, {"acme/a"});
    Reader ann(bed, "ann", "acme/a");
    SessionOptions options;
    options.silence_max = std::chrono::seconds(5);
    bed.host->set_options(options);
    bed.clock.advance(std::chrono::seconds(6));
    bed.host->on_tick(bed.clock.now());
    bed.run();
    BOOST_TEST((ann.peer->session().ending() != Ending::none));
}

BOOST_AUTO_TEST_SUITE_END()
