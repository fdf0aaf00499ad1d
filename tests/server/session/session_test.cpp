// What scripts cannot show well: identity of bytes, sizes, counts.
#include <boost/test/unit_test.hpp>
#include <capstan/schema/limits.hpp>
#include <capstan/schema/run.hpp>
#include <capstan/server/session/authenticator.hpp>

#include "session_bed.hpp"

namespace {

using namespace capstan;
using namespace capstan::test;

void ignore(ByteView) {}

}  // namespace

BOOST_AUTO_TEST_SUITE(session_rules)

BOOST_AUTO_TEST_CASE(live_subscribers_share_one_message) {
    FakeBed bed;
    append(bed, {"acme/a"});
    auto const one = bed.connect(ignore);
    auto const two = bed.connect(ignore);
    for (auto const* peer : {&one, &two}) {
        auto hello = hello_of(peer == &one ? "one" : "two");
        add_stream(hello, "acme/a");
        BOOST_TEST((*peer)->send(hello).has_value());
        (*peer)->waits = true;
    }
    append(bed, {"acme/a"});
    auto const first = one->session().next_write(65'536);
    auto const second = two->session().next_write(65'536);
    BOOST_TEST(first.first != nullptr);
    BOOST_TEST(first.first.get() == second.first.get());
    BOOST_TEST(bed.host->counters().live_encoded == 1U);
    BOOST_TEST(bed.host->counters().live_deliveries == 2U);
}

BOOST_AUTO_TEST_CASE(F64_publisher_is_heard_while_a_crowd_is_written_to) {
    constexpr std::size_t kReaders = 10'000;
    FakeBed bed({.queued_bytes_soft = 10'000});
    append(bed, {"acme/a"});
    std::size_t delivered = 0;
    std::optional<std::size_t> when_heard;
    auto const count = [&](ByteView payload) {
        each_message(payload, [&]<class T>(T const*) {
            if (std::is_same_v<T, fb::Events> && ++delivered == kReaders) {
                bed.strand->post([&] { when_heard = delivered; });
            }
        });
    };
    std::uint64_t slow_has = 0;
    auto const slow_reads = [&](ByteView payload) {
        each_message(payload, [&]<class T>(T const* message) {
            if constexpr (std::is_same_v<T, fb::Events>) {
                BOOST_TEST(message->first() == slow_has + 1);
                slow_has = message->last();
            }
        });
    };
    auto const join = [&](std::string const& name, auto const& on_payload) {
        auto peer = bed.connect(on_payload);
        auto hello = hello_of(name);
        add_stream(hello, "acme/a");
        BOOST_TEST_REQUIRE(peer->send(hello).has_value());
        return peer;
    };
    auto const slow = join("slow", slow_reads);
    std::vector<std::unique_ptr<SessionBed::Peer>> peers;
    for (auto const& name : numbered("r", kReaders - 1)) {
        peers.push_back(join(name, count));
    }
    BOOST_TEST_REQUIRE(delivered == kReaders - 1);  // what was there before they came
    slow->waits = true;                             // takes nothing from here on

    append(bed, {"acme/a"});
    BOOST_TEST(bed.host->counters().live_encoded == 1U);
    BOOST_TEST(delivered == 2 * (kReaders - 1));
    // What a publisher says when the first one is written to is heard soon, not behind them all.
    BOOST_TEST(when_heard.value() < kReaders + 100);

    for (int i = 0; i < 20; ++i) {
        append(bed, {"acme/a"}, std::string(1'000, 'x'));
    }
    BOOST_TEST(delivered == 22 * (kReaders - 1));
    BOOST_TEST(slow->session().queued_bytes() < 12'000U);  // I26: the rest is on the tape
    BOOST_TEST(bed.host->counters().demotions == 1U);
    slow->take();
    BOOST_TEST(slow_has == 22U);
}

BOOST_AUTO_TEST_CASE(readers_behind_share_the_pages_that_they_read) {
    FakeBed bed;
    append(bed, {"acme/a"}, std::string(1'000, 'x'));
    auto const reads = bed.partition().reads;
    std::vector<std::unique_ptr<SessionBed::Peer>> peers;
    for (auto const& name : numbered("r", 20)) {
        peers.push_back(bed.connect(ignore));
        auto hello = hello_of(name);
        add_stream(hello, "acme/a");
        BOOST_TEST(peers.back()->send(hello).has_value());
    }
    // The first one was alone: nothing is kept for others where there are none.
    BOOST_TEST(bed.host->counters().pages_read == 2U);
    BOOST_TEST(bed.host->counters().pages_shared == 18U);
    // One read for the page, then each finds out by itself that it has reached the head.
    BOOST_TEST(bed.partition().reads - reads <= 20U);
}

BOOST_AUTO_TEST_CASE(small_messages_of_one_turn_travel_together) {
    FakeBed bed;
    auto const streams = numbered("acme/s", 20);
    append(bed, streams);
    std::size_t payloads = 0;
    std::size_t messages = 0;
    auto const peer = bed.connect([&](ByteView payload) {
        payloads += 1;
        each_message(payload, [&](auto const*) { messages += 1; });
    });
    auto hello = hello_of("reader");
    for (auto const& stream : streams) {
        add_stream(hello, stream);
    }
    BOOST_TEST(peer->send(hello).has_value());
    payloads = messages = 0;
    append(bed, streams);
    BOOST_TEST(messages == 20U);
    BOOST_TEST(payloads == 1U);
    BOOST_TEST(peer->wakes > 0U);
}

BOOST_AUTO_TEST_CASE(answers_of_one_batch_travel_in_one_message) {
    FakeBed bed;
    append(bed, {"acme/a"});
    std::size_t results = 0;
    std::size_t messages = 0;
    std::uint32_t handle = 0;
    auto const peer = bed.connect([&](ByteView payload) {
        each_message(payload, [&]<class T>(T const* message) {
            if constexpr (std::is_same_v<T, fb::Result>) {
                results += message->results()->size();
                messages += 1;
            } else if constexpr (std::is_same_v<T, fb::Welcome>) {
                handle = message->streams()->Get(0)->stream();
            }
        });
    });
    auto hello = hello_of("writer");
    add_stream(hello, "acme/a");
    hello.streams[0]->subscribe = false;
    BOOST_TEST(peer->send(hello).has_value());

    MessageWriter writer;
    auto const attempt = Attempt::of(1, 1);
    Link after;
    for (std::uint64_t i = 1; i <= 64; ++i) {
        auto const run = run_of(attempt, after, Seq{}, {"event"});
        writer.add(MessageWriter::Publish{.stream = StreamNumber{handle}, .run = run});
        after = {Counter{i}, attempt};
    }
    BOOST_TEST(peer->send(writer.payload()).has_value());
    bed.flush();
    BOOST_TEST(results == 64U);
    BOOST_TEST(messages == 1U);
}

/// G16: a device that follows 10,000 streams comes back and 10 have moved.
BOOST_AUTO_TEST_CASE(reconnect_that_follows_10000_streams_is_one_small_round_trip) {
    FakeBed bed;
    auto const streams = numbered("acme/user-17/stream-", 10'000);
    append(bed, streams);
    fb::HelloT hello = hello_of("phone");
    hello.patterns = {"acme/user-17/>"};
    auto const before = bed.connect([&](ByteView payload) {
        each_message(payload, [&]<class T>(T const* message) {
            if constexpr (std::is_same_v<T, fb::Welcome>) {
                hello.position = message->position();
                hello.position_chain = std::make_unique<fb::Hash>(*message->position_chain());
            }
        });
    });
    BOOST_TEST(before->send(hello).has_value());
    before->close();
    append(bed, {streams.begin() + 500, streams.begin() + 510});

    std::size_t bytes = 0;
    std::size_t named = 0;
    auto const phone = bed.connect([&](ByteView payload) {
        bytes += payload.size();
        each_message(payload, [&]<class T>(T const* message) {
            if constexpr (std::is_same_v<T, fb::Welcome>) {
                BOOST_TEST(!message->more());
                named += message->streams()->size();
            }
        });
    });
    MessageWriter writer;
    writer.add(hello);
    BOOST_TEST(phone->send(writer.payload()).has_value());
    BOOST_TEST(named == 10U);
    BOOST_TEST_MESSAGE("Hello " << writer.size() << " bytes, answer " << bytes << " bytes");
    BOOST_TEST(writer.size() + bytes <= 4'096U);
}

BOOST_AUTO_TEST_CASE(F26_a_message_larger_than_the_limit_ends_the_session) {
    FakeBed bed;
    auto const peer = bed.connect(ignore);
    Bytes const payload(kMessageBytesMax + 8);
    auto const result = peer->send(ByteView(payload));
    BOOST_TEST_REQUIRE(result.has_error());
    BOOST_TEST((result.error().code == Errc::too_large));
    BOOST_TEST(!peer->open());
}

BOOST_AUTO_TEST_CASE(F29_a_run_that_is_too_large_for_the_journal_is_turned_away) {
    FakeBed bed;
    std::vector<std::uint16_t> codes;
    auto const peer = bed.connect([&](ByteView payload) {
        each_message(payload, [&]<class T>(T const* message) {
            if constexpr (std::is_same_v<T, fb::Result>) {
                codes.push_back(message->results()->Get(0)->code());
            }
        });
    });
    BOOST_TEST(peer->send(hello_of("writer")).has_value());
    std::string const half(499'950, 'x');
    for (std::size_t surplus : {0U, 100U}) {
        MessageWriter writer;
        auto const run = run_of(Attempt::of(1, 1), {}, {}, {half, half.substr(surplus)});
        writer.add(MessageWriter::Publish{.name = "acme/a", .run = run});
        BOOST_TEST(peer->send(writer.payload()).has_value());
    }
    BOOST_TEST(bed.partition().queued() + codes.size() == 2U);
    BOOST_TEST_REQUIRE(codes.size() == 1U);
    BOOST_TEST(codes[0] == static_cast<std::uint16_t>(Errc::too_large));
}

BOOST_AUTO_TEST_CASE(F54_a_peer_that_is_silent_for_a_minute_is_gone) {
    FakeBed bed;
    auto const silent = bed.connect(ignore);
    auto const pongs = bed.connect(ignore);
    BOOST_TEST(silent->send(hello_of("silent")).has_value());
    BOOST_TEST(pongs->send(hello_of("pongs")).has_value());
    for (int seconds = 0; seconds < 61; ++seconds) {
        bed.clock.advance(std::chrono::seconds(1));
        pongs->session().on_alive(bed.clock.now());
        bed.host->on_tick(bed.clock.now());
        bed.run();
    }
    BOOST_TEST(!silent->open());
    BOOST_TEST(pongs->open());
}

/// One stream with many subscribers, one of which takes nothing: the others don't wait for it, and
/// what it makes the server keep is bounded.
BOOST_AUTO_TEST_CASE(F64_one_slow_reader_among_many_holds_nobody_up) {
    FakeBed bed({.queued_bytes_soft = 10'000});
    append(bed, {"acme/hot"});
    std::vector<std::unique_ptr<SessionBed::Peer>> peers;
    std::size_t events = 0;
    for (auto const& name : numbered("r", 300)) {
        peers.push_back(bed.connect([&](ByteView payload) {
            each_message(payload, [&]<class T>(T const*) {
                events += std::is_same_v<T, fb::Events> ? 1 : 0;
            });
        }));
        auto hello = hello_of(name, 100'000'000);
        add_stream(hello, "acme/hot");
        BOOST_TEST(peers.back()->send(hello).has_value());
    }
    events = 0;
    peers[7]->waits = true;
    std::string const event(2'000, 'x');
    for (int i = 0; i < 20; ++i) {
        append(bed, {"acme/hot"}, event);
        BOOST_TEST(peers[7]->session().queued_bytes() <= 10'000U + 2'500U);
    }
    BOOST_TEST(events == 299U * 20);
    peers[7]->waits = false;
    peers[7]->take();
    BOOST_TEST(peers[7]->session().queued_bytes() == 0U);
    events = 0;
    append(bed, {"acme/hot"});
    BOOST_TEST(events == 300U);
}

BOOST_AUTO_TEST_CASE(F65_a_session_has_so_many_streams_and_no_more) {
    FakeBed bed({.streams_max = 100});
    std::size_t denied = 0;
    auto const peer = bed.connect([&](ByteView payload) {
        each_message(payload, [&]<class T>(T const* message) {
            if constexpr (std::is_same_v<T, fb::Welcome>) {
                for (auto const* state : *message->streams()) {
                    denied += state->verdict() == fb::Verdict::denied ? 1 : 0;
                }
            }
        });
    });
    auto hello = hello_of("greedy");
    for (auto const& stream : numbered("acme/s", 1'000)) {
        add_stream(hello, stream);
    }
    BOOST_TEST(peer->send(hello).has_value());
    BOOST_TEST(denied == 900U);
    BOOST_TEST(peer->open());
}

/// A peer that asks and doesn't read is not read from, and cut off if it goes on.
BOOST_AUTO_TEST_CASE(answers_that_nobody_takes_are_bounded) {
    FakeBed bed({.queued_bytes_soft = 2'000, .queued_bytes_hard = 8'000});
    auto const peer = bed.connect(ignore);
    BOOST_TEST(peer->send(hello_of("asks")).has_value());
    peer->waits = true;
    fb::HeadT head;
    head.name = "acme/none";
    bool stopped_reading = false;
    std::size_t most = 0;
    while (peer->open() && peer->session().ending() == Ending::none) {
        BOOST_TEST(peer->send(head).has_value());
        stopped_reading = stopped_reading || !peer->session().wants_read();
        most = std::max(most, peer->session().queued_bytes());
    }
    BOOST_TEST(stopped_reading);
    BOOST_TEST(most <= 8'000U + 200U);
    BOOST_TEST((peer->session().ending() == Ending::at_once));
}

BOOST_AUTO_TEST_CASE(a_session_with_many_runs_under_way_reads_no_more) {
    FakeBed bed({.in_flight_max = 3});
    auto const peer = bed.connect(ignore);
    BOOST_TEST(peer->send(hello_of("writer")).has_value());
    Link after;
    auto const attempt = Attempt::of(1, 1);
    for (std::uint64_t i = 1; i <= 3; ++i) {
        BOOST_TEST(peer->session().wants_read());
        MessageWriter writer;
        auto const run = run_of(attempt, after, {}, {"event"});
        writer.add(MessageWriter::Publish{.name = "acme/a", .run = run});
        BOOST_TEST(peer->send(writer.payload()).has_value());
        after = {Counter{i}, attempt};
    }
    BOOST_TEST(!peer->session().wants_read());
    bed.flush();
    BOOST_TEST(peer->session().wants_read());
}

BOOST_AUTO_TEST_CASE(answers_for_a_connection_that_is_gone_reach_nobody_else) {
    FakeBed bed;
    auto gone = bed.connect(ignore);
    BOOST_TEST(gone->send(hello_of("gone")).has_value());
    MessageWriter writer;
    auto const run = run_of(Attempt::of(1, 1), {}, {}, {"event"});
    writer.add(MessageWriter::Publish{.name = "acme/a", .run = run});
    BOOST_TEST(gone->send(writer.payload()).has_value());
    gone.reset();

    std::size_t results = 0;
    auto const next = bed.connect([&](ByteView payload) {
        each_message(payload,
                     [&]<class T>(T const*) { results += std::is_same_v<T, fb::Result> ? 1 : 0; });
    });
    BOOST_TEST(next->send(hello_of("next")).has_value());
    bed.flush();
    BOOST_TEST(results == 0U);
    BOOST_TEST(bed.host->is_idle() == false);
    next->close();
    BOOST_TEST(bed.host->is_idle());
}

BOOST_AUTO_TEST_CASE(a_run_without_a_session_gets_its_verdict) {
    FakeBed bed;
    Principal const principal{.tenant = "acme", .subject = "http"};
    auto const run = run_of(Attempt::of(1, 1), {}, {}, {"one", "two"});
    std::vector<std::string> outcomes;
    auto const publish = [&](std::string const& stream, ByteView bytes) {
        bed.host->publish(
            {.principal = principal,
             .device = device_named("curl"),
             .stream = stream,
             .generation = {},
             .expect_head = std::nullopt,
             .run = bytes},
            bed.clock.now(),
            [&](RunAnswer const& answer) {
                outcomes.push_back(std::string(fb::EnumNameOutcome(answer.result.outcome())) +
                                   (answer.why ? ' ' + std::string(describe(answer.why->code).name)
                                               : std::string()));
            });
    };
    publish("acme/a", run);
    publish("acme/a", run);
    publish("other/a", run);
    publish("acme//", run);
    publish("acme/a", ByteView(run).first(20));
    bed.flush();
    std::vector<std::string> const expected{"turned_away denied",
                                            "turned_away stream_name_invalid",
                                            "turned_away malformed",
                                            "accepted",
                                            "duplicate"};
    BOOST_TEST(outcomes == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_watch_fires_once_when_its_stream_moves) {
    FakeBed bed;
    int fired = 0;
    int other = 0;
    bed.host->watch("acme/a", [&] { fired += 1; });
    auto const gone = bed.host->watch("acme/a", [&] { other += 1; });
    bed.host->watch("acme/b", [&] { other += 1; });
    bed.host->unwatch(gone);
    append(bed, {"acme/a"});
    append(bed, {"acme/a"});
    BOOST_TEST(fired == 1);
    BOOST_TEST(other == 0);
}

BOOST_AUTO_TEST_CASE(a_read_that_fails_stops_that_stream_alone) {
    FakeBed bed;
    append(bed, {"acme/a"});
    std::vector<std::uint16_t> notices;
    std::size_t events = 0;
    auto const peer = bed.connect([&](ByteView payload) {
        each_message(payload, [&]<class T>(T const* message) {
            if constexpr (std::is_same_v<T, fb::Notice>) {
                notices.push_back(message->code());
                BOOST_TEST(!message->closing());
            }
            events += std::is_same_v<T, fb::Events> ? 1 : 0;
        });
    });
    bed.partition().read_error = Error{Errc::journal_corrupt, {}};
    auto hello = hello_of("reader");
    add_stream(hello, "acme/a");
    add_stream(hello, "acme/b");
    BOOST_TEST(peer->send(hello).has_value());
    bed.partition().read_error.reset();
    append(bed, {"acme/a", "acme/b"});
    BOOST_TEST_REQUIRE(notices.size() == 1U);
    BOOST_TEST(notices[0] == static_cast<std::uint16_t>(Errc::journal_corrupt));
    BOOST_TEST(events == 1U);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(authenticators)

BOOST_AUTO_TEST_CASE(principals_may_use_what_their_tenant_and_grants_allow) {
    Principal const all{.tenant = "*", .subject = "admin"};
    Principal const ours{.tenant = "acme", .subject = "ann"};
    Principal const part{.tenant = "acme",
                         .subject = "bob",
                         .grants = {{StreamPattern::parse("acme/chat/>").value(), true, true},
                                    {StreamPattern::parse("acme/news").value(), true, false},
                                    {StreamPattern::parse("other/>").value(), true, true}}};
    BOOST_TEST((all.may_read("acme/x") && all.may_write("other")));
    BOOST_TEST((ours.may_read("acme/x") && ours.may_write("acme")));
    BOOST_TEST((!ours.may_read("acmeco/x") && !ours.may_write("other/acme")));
    BOOST_TEST((part.may_write("acme/chat/7") && !part.may_write("acme/x")));
    BOOST_TEST((part.may_read("acme/news") && !part.may_write("acme/news")));
    BOOST_TEST(!part.may_read("other/x"));
    BOOST_TEST(part.text() == "acme/bob");
}

BOOST_AUTO_TEST_CASE(the_dev_token_opens_and_no_other) {
    DevAuthenticator locked("secret");
    DevAuthenticator open("");
    BOOST_TEST(locked.authenticate("secret").has_value());
    for (auto const* wrong : {"", "secre", "secrets", "Secret"}) {
        BOOST_TEST(locked.authenticate(wrong).has_error());
        BOOST_TEST(open.authenticate(wrong).has_value());
    }
}

BOOST_AUTO_TEST_SUITE_END()
