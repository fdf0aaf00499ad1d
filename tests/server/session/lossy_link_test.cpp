// I5 under loss: a device's own state machine and the server's session, with messages of events
// lost in between. What is missing is asked for, and comes once and in order.
#include <boost/test/unit_test.hpp>
#include <capstan/engine/sync/client.hpp>
#include <functional>
#include <set>

#include "real_bed.hpp"

namespace {

using namespace capstan;
using namespace capstan::test;
using namespace std::chrono_literals;

/// Which messages of events get lost. The others of a payload go on.
using Loses = std::function<bool(fb::Events const&)>;

/// The messages of a payload, one by one.
std::vector<ByteView> messages_in(ByteView payload) {
    std::vector<ByteView> messages;
    while (!payload.empty()) {
        auto const bytes = sizeof(std::uint32_t) + load<std::uint32_t>(payload.data());
        messages.push_back(payload.first(bytes));
        payload = payload.subspan(std::min(payload.size(), padded_message_bytes(bytes)));
    }
    return messages;
}

/// A reader of one stream: the SDK's state machine on a session of the real server.
class Reader {
  public:
    Reader(SessionBed& bed, std::string const& stream, Loses loses)
        : bed_(bed), loses_(std::move(loses)) {
        client_ = sync::Client::open({.token = "acme/reader"}, {}, bed.random).value();
        client_->subscribe(StreamName::parse(stream).value());
        client_->start(bed.clock.now());
    }

    /// Carries out what the client wants, and hands it what came, until nothing is left.
    void settle() {
        for (bool more = true; more;) {
            auto effects = client_->take(bed_.clock.now());
            client_->check_invariants();
            more = !effects.then.empty() || !came_.empty();
            for (auto& effect : effects.then) {
                carry_out(effect);
            }
            bed_.flush();
            for (auto const& payload : std::exchange(came_, {})) {
                client_->on_message(connection_, payload, bed_.clock.now());
            }
        }
    }
    void pass(Duration time) {
        bed_.clock.advance(time);
        client_->tick(bed_.clock.now());
        settle();
    }

    std::vector<std::string> texts;  // of events, as the application gets them
    std::size_t needs = 0;
    std::size_t subscribes = 0;
    std::size_t lost = 0;

  private:
    void carry_out(sync::Effect& effect) {
        if (auto* connect = std::get_if<sync::Connect>(&effect)) {
            connection_ = connect->connection;
            peer_ = bed_.connect([this](ByteView payload) { on_payload(payload); });
            client_->on_opened(connection_, bed_.clock.now());
        } else if (auto* send = std::get_if<sync::Send>(&effect)) {
            count(send->message);
            BOOST_TEST(peer_->send(ByteView(send->message)).has_value());
        } else if (auto* delivery = std::get_if<sync::Delivery>(&effect)) {
            BOOST_TEST(delivery->from.value == texts.size() + 1);
            delivery->each_event([&](sync::DeliveredEvent const& event) {
                texts.emplace_back(as_text(event.bytes));
            });
            auto const stream = StreamName::parse(delivery->stream).value();
            BOOST_TEST(client_->consumed(stream, delivery->last).has_value());
        } else if (auto* trouble = std::get_if<sync::Trouble>(&effect)) {
            BOOST_ERROR(trouble->error.detail);
        }
    }
    void count(Bytes const& message) {
        each_message(message, [this]<class T>(T const*) {
            needs += std::is_same_v<T, fb::Need> ? 1 : 0;
            subscribes += std::is_same_v<T, fb::Subscribe> ? 1 : 0;
        });
    }
    void on_payload(ByteView payload) {
        for (auto const message : messages_in(payload)) {
            bool is_lost = false;
            each_message(message, [&]<class T>(T const* body) {
                if constexpr (std::is_same_v<T, fb::Events>) {
                    is_lost = loses_(*body);
                }
            });
            if (is_lost) {
                lost += 1;
            } else {
                came_.emplace_back(message.begin(), message.end());
            }
        }
    }

    SessionBed& bed_;
    Loses loses_;
    std::unique_ptr<sync::Client> client_;
    std::unique_ptr<SessionBed::Peer> peer_;
    std::uint64_t connection_ = 0;
    std::vector<Bytes> came_;
};

std::string text_of(std::size_t n) {
    return "event " + std::to_string(n) + std::string(n * 37 % 300, '.');
}

/// Appends the events up to the n-th, and makes them durable.
void append_to(SessionBed& bed, std::size_t& written, std::size_t n) {
    Principal const principal{.tenant = "acme", .subject = "writer"};
    while (written < n) {
        auto const text = text_of(++written);
        ByteView const events[] = {as_bytes(text)};
        bed.host->append({.principal = principal,
                          .stream = "acme/room",
                          .expect_head = std::nullopt,
                          .events = events},
                         [](RunAnswer const& answer) {
                             BOOST_TEST((answer.result.outcome() == fb::Outcome::accepted));
                         });
    }
    bed.flush();
}

void check_whole(Reader const& reader, std::size_t events) {
    BOOST_TEST_REQUIRE(reader.texts.size() == events);
    for (std::size_t i = 0; i < events; ++i) {
        BOOST_TEST_REQUIRE(reader.texts[i] == text_of(i + 1));
    }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(lossy_link)

BOOST_AUTO_TEST_CASE(I5_lost_events_are_asked_for_and_come_once_and_in_order) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        BOOST_TEST_CONTEXT("seed " << seed) {
            RealBed bed({}, seed);
            std::size_t written = 0;
            append_to(bed, written, 40);
            std::set<std::uint64_t> lost;  // each place is lost once, so the answer to Need comes
            Reader reader(bed, "acme/room", [&](fb::Events const& events) {
                return bed.random.below(3) == 0 && lost.insert(events.first()).second;
            });
            reader.settle();
            while (written < 200) {
                append_to(bed, written, written + 1 + bed.random.below(4));
                reader.settle();
            }
            // What is lost last is missed when something follows.
            for (int i = 0; i < 20 && reader.texts.size() < written; ++i) {
                append_to(bed, written, written + 1);
                reader.settle();
            }
            check_whole(reader, written);
            BOOST_TEST(reader.lost > 0U);
            BOOST_TEST(reader.needs > 0U);
            BOOST_TEST(reader.subscribes == 0U);  // Hello was enough: nothing was begun anew
        }
    }
}

BOOST_AUTO_TEST_CASE(I27_answers_to_Need_that_are_lost_too_cost_a_wait_and_nothing_else) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        BOOST_TEST_CONTEXT("seed " << seed) {
            RealBed bed({}, seed);
            std::size_t written = 0;
            append_to(bed, written, 10);
            bool network_is_bad = true;
            Reader reader(bed, "acme/room", [&](fb::Events const&) {
                return network_is_bad && bed.random.below(2) == 0;
            });
            reader.settle();
            while (written < 100) {
                append_to(bed, written, written + 1);
                reader.settle();
            }
            network_is_bad = false;
            append_to(bed, written, written + 1);
            reader.settle();
            reader.pass(11s);  // a gap that stays open: the stream is asked for anew
            check_whole(reader, written);
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
