// The client as a whole, where numbers matter more than stories.
#include <boost/test/unit_test.hpp>
#include <capstan/engine/sync/client.hpp>
#include <capstan/schema/wire.hpp>

#include "test_device.hpp"

namespace {

using namespace capstan;
using namespace capstan::sync;
using namespace capstan::test;
using namespace std::chrono_literals;

StreamName named(std::string const& name) {
    return StreamName::parse(name).value();
}

std::vector<Bytes> events(std::size_t count, std::size_t bytes) {
    return std::vector<Bytes>(count, Bytes(bytes, std::byte{'x'}));
}

/// A client whose effects are taken apart: what it sends, and what it tells.
struct Bench {
    explicit Bench(ClientOptions options = {}) {
        client = Client::open(std::move(options), {}, random).value();
    }
    void go_live() {
        client->start(now);
        take();
        be_greeted();
    }
    void be_greeted() {
        client->on_opened(connection, now);
        take();
        fb::WelcomeT welcome;
        welcome.version = kProtocolVersion;
        receive(welcome);
    }
    /// The connection breaks; if there is another one within `patience`, it is greeted.
    void break_and_come_back(Duration patience) {
        auto const before = connection;
        client->on_closed(connection, Error{Errc::connection_closed, "reset"}, now);
        take();
        now = now.plus(patience);
        client->tick(now);
        take();
        if (connection != before) {
            be_greeted();
        }
    }
    void take() {
        auto effects = client->take(now);
        client->check_invariants();
        records_written += effects.transaction.size();
        for (auto& effect : effects.then) {
            if (auto* send = std::get_if<Send>(&effect)) {
                sent.push_back(std::move(send->message));
            } else if (auto* connect = std::get_if<Connect>(&effect)) {
                connection = connect->connection;
            } else {
                told.push_back(std::move(effect));
            }
        }
    }
    template <class Message>
    void receive(Message const& message) {
        MessageWriter writer;
        writer.add(message);
        receive(writer.take());
    }
    void receive(Bytes const& message) {
        client->on_message(connection, message, now);
        take();
    }
    /// Calls `visit(T const&)` for each message of this type in what was sent.
    template <class T, class Visit>
    void each_sent(Visit&& visit) const {
        for (Bytes const& payload : sent) {
            MessageReader reader(payload);
            for (auto next = reader.next(); next.value(); next = reader.next()) {
                if (auto const* const* message = std::get_if<T const*>(&*next.value())) {
                    visit(**message);
                }
            }
        }
    }
    template <class T>
    std::size_t count_sent() const {
        std::size_t count = 0;
        each_sent<T>([&](T const&) { ++count; });
        return count;
    }
    std::size_t count_told(WriteState state) const {
        return static_cast<std::size_t>(std::ranges::count_if(told, [&](Effect const& effect) {
            auto const* moved = std::get_if<WriteMoved>(&effect);
            return moved != nullptr && moved->state == state;
        }));
    }

    Dice dice{1};
    DiceRandom random{dice};
    std::unique_ptr<Client> client;
    Instant now;
    std::uint64_t connection = 0;
    std::vector<Bytes> sent;
    std::vector<Effect> told;
    std::size_t records_written = 0;
};

RunView run_of(fb::Publish const& publish) {
    auto const* raw = reinterpret_cast<std::byte const*>(publish.run()->data());
    return RunView::decode({raw, publish.run()->size()}).value();
}

/// Answers all runs that were sent, in order, as accepted.
struct Acceptor {
    std::uint64_t seq = 0;
    std::size_t runs = 0;
    std::uint64_t last_counter = 0;

    void answer(Bench& bench) {
        fb::ResultT result;
        bench.each_sent<fb::Publish>([&](fb::Publish const& publish) {
            auto const run = run_of(publish);
            BOOST_TEST_REQUIRE(run.header().after.counter.value == last_counter);
            last_counter = run.last_counter().value;
            auto const attempt = run.header().attempt.value;
            result.results.emplace_back(attempt,
                                        run.first_counter().value,
                                        seq + 1,
                                        last_counter,
                                        attempt,
                                        attempt,
                                        0U,
                                        1U,
                                        static_cast<std::uint16_t>(run.count()),
                                        std::uint16_t{0},
                                        fb::Outcome::accepted,
                                        false);
            result.name = "acme/room";
            seq += run.count();
            ++runs;
        });
        bench.sent.clear();
        bench.receive(result);
    }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(client)

BOOST_AUTO_TEST_CASE(F51_a_day_of_offline_edits_goes_up_in_order_in_bounded_runs_and_messages) {
    Bench bench;
    std::size_t const kEdits = 20'000;
    for (std::size_t n = 0; n < kEdits; ++n) {
        BOOST_TEST_REQUIRE(bench.client->publish(named("acme/room"), events(1, 200)).has_value());
        if (n % 100 == 0) {
            bench.take();
        }
    }
    bench.go_live();
    Acceptor server;
    std::size_t rounds = 0;
    while (!bench.sent.empty()) {
        std::size_t bytes = 0;
        for (Bytes const& message : bench.sent) {
            BOOST_TEST_REQUIRE(message.size() <= kMessageBytesMax);
        }
        bench.each_sent<fb::Publish>([&](fb::Publish const& publish) {
            BOOST_TEST_REQUIRE(publish.run()->size() <= kRunBytesTarget);
            bytes += publish.run()->size();
        });
        BOOST_TEST_REQUIRE(bytes <= ClientOptions{}.flight_bytes_max + kRunBytesTarget);
        server.answer(bench);
        ++rounds;
    }
    BOOST_TEST(server.seq == kEdits);
    BOOST_TEST(bench.count_told(WriteState::confirmed) == kEdits);
    BOOST_TEST(server.runs < 40U);
    BOOST_TEST(rounds < 10U);
    BOOST_TEST(bench.client->outbox("acme/room")->idle());
    BOOST_TEST(bench.client->outbox("acme/room")->bytes() == 0U);
}

BOOST_AUTO_TEST_CASE(writes_that_come_while_runs_are_under_way_share_the_next_run) {
    Bench bench;
    bench.go_live();
    bench.sent.clear();
    for (int n = 0; n < 100; ++n) {
        bench.client->publish(named("acme/room"), events(1, 20)).value();
        bench.take();
    }
    // One run each until kRunsInFlightMax are under way; then they gather.
    BOOST_TEST(bench.count_sent<fb::Publish>() == kRunsInFlightMax);
    Acceptor server;
    server.answer(bench);
    BOOST_TEST(bench.count_sent<fb::Publish>() == 1U);
    server.answer(bench);
    BOOST_TEST(bench.count_told(WriteState::confirmed) == 100U);
}

BOOST_AUTO_TEST_CASE(hello_names_what_one_message_holds_and_subscribe_the_rest) {
    Bench bench;
    std::size_t const kStreams = 20'000;
    for (std::size_t n = 0; n < kStreams; ++n) {
        bench.client->subscribe(named("acme/" + std::string(100, 's') + std::to_string(n)));
    }
    bench.client->start(bench.now);
    bench.take();
    bench.client->on_opened(bench.connection, bench.now);
    bench.take();
    std::size_t named_by_hello = 0;
    bench.each_sent<fb::Hello>(
        [&](fb::Hello const& hello) { named_by_hello = hello.streams()->size(); });
    BOOST_TEST(named_by_hello > 1'000U);
    BOOST_TEST(named_by_hello <= kHelloStreamsMax);
    fb::WelcomeT welcome;
    welcome.version = kProtocolVersion;
    bench.receive(welcome);
    std::size_t named_by_subscribe = 0;
    bench.each_sent<fb::Subscribe>(
        [&](fb::Subscribe const& subscribe) { named_by_subscribe += subscribe.streams()->size(); });
    BOOST_TEST(named_by_hello + named_by_subscribe == kStreams);
    for (Bytes const& message : bench.sent) {
        BOOST_TEST(message.size() <= kMessageBytesMax);
    }
}

BOOST_AUTO_TEST_CASE(full_outbox_refuses_until_it_drains) {
    Bench bench(ClientOptions{.outbox_bytes_max = 10'000});
    std::size_t taken = 0;
    for (; taken < 100; ++taken) {
        auto const done = bench.client->publish(named("acme/room"), events(1, 1'000));
        if (!done) {
            BOOST_CHECK(done.error().code == Errc::overloaded);
            break;
        }
    }
    BOOST_TEST(taken == 10U);
    bench.go_live();
    Acceptor server;
    server.answer(bench);
    BOOST_TEST(bench.client->publish(named("acme/room"), events(1, 1'000)).has_value());
}

BOOST_AUTO_TEST_CASE(stuck_upload_stops_neither_other_streams_nor_events) {
    Bench bench;
    bench.client->subscribe(named("acme/room"));
    bench.go_live();
    bench.client->publish(named("acme/room"), events(1, 10)).value();
    bench.take();
    // Never answered; another stream goes on, and so do the events of this one.
    bench.sent.clear();
    bench.client->publish(named("acme/other"), events(1, 10)).value();
    bench.take();
    BOOST_TEST(bench.count_sent<fb::Publish>() == 1U);

    fb::WelcomeT welcome;
    welcome.version = kProtocolVersion;
    welcome.streams.push_back(std::make_unique<fb::StreamStateT>());
    welcome.streams.back()->name = "acme/room";
    welcome.streams.back()->stream = 1;
    welcome.streams.back()->generation = 1;
    bench.receive(welcome);
    Bytes delivered;
    auto const event = as_bytes("hello");
    auto const run = encode_run({Attempt{1}, Link{}, Seq{}, 0}, std::vector<ByteView>{event});
    DeviceId other;
    other.bytes[0] = std::byte{9};
    encode_delivered_run(delivered, other, WallTime{1}, run);
    MessageWriter::Events message;
    message.stream = StreamNumber{1};
    message.generation = Generation{1};
    message.first = message.last = message.head = Seq{1};
    message.chain = chain_next(chain_start("acme/room"), Dot{other, Counter{1}}, Seq{}, 0, event);
    std::vector<ByteView> const runs{delivered};
    message.runs = runs;
    MessageWriter writer;
    writer.add(message);
    bench.receive(writer.take());
    BOOST_TEST(std::ranges::any_of(
        bench.told, [](Effect const& effect) { return std::holds_alternative<Delivery>(effect); }));
    BOOST_TEST(bench.client->outbox("acme/room")->counts().frozen == 1U);
}

BOOST_AUTO_TEST_CASE(retries_are_held_back_when_the_budget_is_spent_and_first_sendings_never) {
    Bench bench;
    bench.go_live();
    bench.sent.clear();
    std::size_t const kStreams = 15;
    auto const turn_all_away = [&] {
        std::vector<Bytes> sent;
        sent.swap(bench.sent);
        for (Bytes const& payload : sent) {
            MessageReader reader(payload);
            for (auto next = reader.next(); next.value(); next = reader.next()) {
                auto const* const* publish = std::get_if<fb::Publish const*>(&*next.value());
                if (publish == nullptr) {
                    continue;
                }
                auto const run = run_of(**publish);
                fb::ResultT result;
                result.results.emplace_back(run.header().attempt.value,
                                            run.first_counter().value,
                                            0U,
                                            0U,
                                            0U,
                                            0U,
                                            0U,
                                            0U,
                                            std::uint16_t{1},
                                            static_cast<std::uint16_t>(Errc::overloaded),
                                            fb::Outcome::turned_away,
                                            false);
                result.name = (*publish)->name()->str();
                bench.receive(result);
            }
        }
    };
    for (std::size_t n = 0; n < kStreams; ++n) {
        bench.client->publish(named("acme/r" + std::to_string(n)), events(1, 10)).value();
        bench.take();
    }
    BOOST_TEST(bench.sent.size() == kStreams);
    turn_all_away();
    // A minute of a server that turns everything away: the burst, the refill, and a tenth.
    std::size_t retries = 0;
    for (int ms = 0; ms < 60'000; ms += 10) {
        bench.now = bench.now.plus(10ms);
        bench.client->tick(bench.now);
        bench.take();
        retries += bench.sent.size();
        turn_all_away();
    }
    BOOST_TEST(retries >= 15U);
    BOOST_TEST(retries <= kRetryBurst + 10 + kStreams / 10 + 1);
    bench.client->publish(named("acme/fresh"), events(1, 10)).value();
    bench.take();
    BOOST_TEST(bench.count_sent<fb::Publish>() == 1U);
}

BOOST_AUTO_TEST_CASE(reader_writes_nothing_but_its_cursor_and_who_it_is) {
    Bench bench;
    bench.client->subscribe(named("acme/room"));
    bench.go_live();
    BOOST_TEST(bench.records_written == 0U);
}

BOOST_AUTO_TEST_CASE(store_without_a_device_is_not_opened) {
    auto const key = cursor_key("acme/room");
    auto const value = encode(key, StoredCursor{Generation{1}, Seq{2}, std::nullopt});
    std::vector<StoredRecord> const records{{key, value}};
    Dice dice(1);
    DiceRandom random(dice);
    auto const opened = Client::open({}, records, random);
    BOOST_TEST_REQUIRE(!opened.has_value());
    BOOST_CHECK(opened.error().code == Errc::malformed);
}

BOOST_AUTO_TEST_CASE(log_of_transitions_is_bounded) {
    Bench bench;
    bench.client->start(bench.now);
    for (int n = 0; n < 2'000; ++n) {
        bench.take();
        bench.client->on_closed(bench.connection, Error{Errc::unavailable, "no route"}, bench.now);
        bench.take();
        bench.client->retry(bench.now);
    }
    auto const& log = bench.client->transitions();
    BOOST_TEST(log.entries().size() == TransitionLog::kEntriesMax);
    BOOST_TEST(log.text().ends_with("waiting retry -> connecting\n"));
}

BOOST_AUTO_TEST_CASE(a_status_says_the_catalogued_reason_while_it_tries_on) {
    Bench bench;
    bench.client->start(bench.now);
    bench.take();
    bench.told.clear();
    bench.client->on_closed(bench.connection, Error{Errc::tls_failed, "self-signed"}, bench.now);
    bench.take();
    BOOST_REQUIRE(bench.told.size() == 1U);
    auto const& changed = std::get<StatusChanged>(bench.told.front());
    BOOST_TEST((changed.status == Status::offline));
    BOOST_TEST(changed.code == static_cast<std::uint16_t>(Errc::tls_failed));
    BOOST_TEST(changed.detail == "self-signed");

    // Of an attempt that has only begun there is nothing to say.
    bench.client->retry(bench.now);
    bench.take();
    BOOST_TEST(std::get<StatusChanged>(bench.told.back()).code == 0U);
}

BOOST_AUTO_TEST_CASE(F53_connection_that_got_a_run_confirmed_is_no_failure_however_short_it_was) {
    Bench bench;
    Acceptor server;
    bench.go_live();
    for (std::uint64_t n = 1; n <= 12; ++n) {
        BOOST_TEST_REQUIRE(bench.client->publish(named("acme/room"), events(1, 10)).has_value());
        bench.take();
        server.answer(bench);
        BOOST_TEST_REQUIRE(bench.count_told(WriteState::confirmed) == n);
        bench.break_and_come_back(200ms);
        BOOST_TEST_REQUIRE(bench.connection == n + 1, "after connection " << n);
    }

    // One that brings nothing new is a failure, whatever was said on it.
    for (int n = 0; n < 12; ++n) {
        bench.break_and_come_back(60s);
    }
    auto const before = bench.connection;
    bench.break_and_come_back(200ms);
    BOOST_TEST(bench.connection == before);
}

BOOST_AUTO_TEST_CASE(stream_that_the_server_cannot_read_is_asked_for_again_later_each_time) {
    Bench bench;
    bench.client->subscribe(named("acme/a"));
    bench.go_live();
    auto const state = [&](fb::Verdict verdict, std::uint16_t code) {
        fb::WelcomeT welcome;
        welcome.version = kProtocolVersion;
        welcome.streams.push_back(std::make_unique<fb::StreamStateT>());
        auto& told = *welcome.streams.back();
        told.name = "acme/a";
        told.stream = 7;
        told.generation = 1;
        told.verdict = verdict;
        told.code = code;
        bench.receive(welcome);
    };
    auto const pass = [&](Duration time) {
        bench.now = bench.now.plus(time);
        bench.client->tick(bench.now);
        bench.take();
        return bench.count_sent<fb::Subscribe>();
    };
    auto const disk_io = static_cast<std::uint16_t>(Errc::disk_io);
    state(fb::Verdict::denied, disk_io);
    BOOST_TEST(bench.count_sent<fb::Subscribe>() == 0U);
    BOOST_TEST(pass(99ms) == 0U);
    BOOST_TEST(pass(101ms) == 1U);
    state(fb::Verdict::denied, disk_io);
    BOOST_TEST(pass(400ms) == 2U);
    state(fb::Verdict::up_to_date, 0);

    fb::NoticeT notice;  // while events come
    notice.code = disk_io;
    notice.stream = 7;
    bench.receive(notice);
    BOOST_TEST(pass(800ms) == 3U);
    BOOST_TEST(pass(5s) == 3U);  // once

    // What waiting does not cure is final.
    state(fb::Verdict::denied, static_cast<std::uint16_t>(Errc::denied));
    BOOST_TEST(pass(30s) == 3U);
    BOOST_TEST((bench.client->subscription("acme/a")->stage() == Subscription::Stage::failed));
}

BOOST_AUTO_TEST_SUITE_END()
