// A device with a model on a session of the real server that offers snapshots: for every cursor,
// what the device holds and what it is then sent come to what all events come to.
#include <rapidcheck.h>
#include <rapidcheck/boost_test.h>

#include <boost/test/unit_test.hpp>
#include <capstan/engine/sim/sim_storage.hpp>
#include <capstan/engine/snapshot/packing.hpp>
#include <capstan/engine/sync/client.hpp>
#include <capstan/engine/sync/model_records.hpp>
#include <capstan/engine/sync/replica.hpp>
#include <capstan/snapshotter/keeper.hpp>
#include <capstan/snapshotter/tape.hpp>
#include <deque>
#include <map>

#include "session_bed.hpp"

namespace {

using namespace capstan;
using namespace capstan::test;

constexpr char kStream[] = "acme/notes";

/// A host on the fake partition with a keeper of snapshots, all on one strand.
class SnapshotBed {
  public:
    explicit SnapshotBed(SessionOptions const& options = {}) : bed(options) {
        SnapshotOptions when_asked;
        when_asked.policy = {.events = 0, .bytes = 0, .events_min = 1, .age = {}};
        keeper = SnapshotKeeper::make(when_asked,
                                      {storage, bed.clock, *bed.strand, *bed.strand, *bed.strand},
                                      [](std::string_view, Error const&) {});
        keeper->attach(bed.partition());
        bed.host->offer(*keeper);
        bed.run();
    }

    /// One event by one of three authors, which are no devices of ours.
    void append(Event const& event, std::size_t author) {
        Principal const principal{.tenant = "acme", .subject = "author" + std::to_string(author)};
        auto const bytes = encode_event(event);
        ByteView const events[] = {bytes};
        bed.host->append({.principal = principal,
                          .stream = kStream,
                          .expect_head = std::nullopt,
                          .events = events},
                         [](RunAnswer const& answer) {
                             CAPSTAN_INVARIANT(answer.result.outcome() == fb::Outcome::accepted);
                         });
        bed.flush();
    }
    void write(std::size_t number, std::size_t objects) {
        auto const id = "n" + std::to_string(10'000 + number % objects);
        Event event;
        if (number < objects) {
            event.ops.push_back({.kind = OpKind::insert, .object = id, .type = "Note"});
        } else if (number % 97 == 0) {
            event.ops.push_back({.kind = OpKind::remove, .object = id});
            event.ops.push_back({.kind = OpKind::insert, .object = id, .type = "Note"});
        }
        event.ops.push_back(
            {.object = id, .field = "text", .value = "text number " + std::to_string(number)});
        event.ops.push_back({.kind = OpKind::add,
                             .object = id,
                             .field = "count",
                             .value = static_cast<std::int64_t>(number)});
        append(event, number % 3);
    }
    SnapshotOffer snapshot() {
        std::optional<SnapshotOffer> built;
        keeper->create(kStream, [&](auto const& offer) { built = offer.value(); });
        bed.run();
        return built.value();
    }
    /// The stream's model by its events alone.
    std::uint64_t replayed() {
        auto const stat = bed.partition().stat(std::string_view(kStream)).value().value();
        Model model;
        for (Seq next{1}; next <= stat.head;) {
            auto const page = bed.partition().read(stat.number, next, 100'000).value();
            CAPSTAN_INVARIANT(each_event(page, model.head(), [&](TapeEvent const& one) {
                                  model.apply(event_of(one.bytes), one.stamp, nullptr);
                              }).has_value());
            next = page.last.next();
        }
        return model.state_hash();
    }

    SimStorage storage;
    FakeBed bed;
    std::unique_ptr<SnapshotKeeper> keeper;
};

/// A device with a model and a store that outlives it.
class Device {
  public:
    explicit Device(SnapshotBed& world, bool snapshots = true)
        : world_(world), snapshots_(snapshots) {
        open();
    }

    /// The process ends, and begins again on what is stored.
    void restart() {
        replica_.reset();
        client_.reset();
        peer_.reset();
        came_.clear();
        open();
    }
    void settle(std::size_t messages_max = ~std::size_t{0}) {
        for (bool more = true; more;) {
            auto effects = client_->take(world_.bed.clock.now());
            client_->check_invariants();
            more = !effects.then.empty();
            for (auto& write : effects.transaction) {
                put(std::move(write));
            }
            for (auto& effect : effects.then) {
                carry_out(effect);
            }
            world_.bed.flush();
            for (; !came_.empty() && messages_max > 0; --messages_max, more = true) {
                auto const payload = std::move(came_.front());
                came_.pop_front();
                client_->on_message(connection_, payload, world_.bed.clock.now());
            }
        }
        replica_->check_invariants();
    }
    void write(std::string const& object) {
        Event event;
        if (!replica_->view().type(object)) {
            event.ops.push_back({.kind = OpKind::insert, .object = object, .type = "Note"});
        }
        event.ops.push_back(
            {.kind = OpKind::add, .object = object, .field = "count", .value = std::int64_t{1}});
        BOOST_REQUIRE(replica_->mutate(event).has_value());
    }
    sync::Replica& replica() { return *replica_; }
    std::map<std::string, std::size_t> sent;  // messages, by what they are
    std::map<std::string, std::size_t> received;
    std::size_t chunk_bytes = 0;
    std::vector<std::string> troubles;
    /// Whether a payload arrives as it was sent.
    std::function<Bytes(ByteView)> network = [](ByteView payload) {
        return Bytes(payload.begin(), payload.end());
    };

  private:
    void open() {
        sync::ClientOptions options;
        options.token = "acme/device";
        if (snapshots_) {
            options.chunks = {.id = chunk_id, .unpack = unpack_chunk};
        }
        std::vector<sync::StoredRecord> records;
        std::vector<sync::StoredRecord> of_model;
        auto const prefix = sync::model_prefix(kStream);
        for (auto const& [key, value] : store_) {
            records.push_back({key, value});
            if (key.size() >= prefix.size() &&
                std::equal(prefix.begin(), prefix.end(), key.begin())) {
                of_model.push_back({key, value});
            }
        }
        client_ = sync::Client::open(options, records, world_.bed.random).value();
        replica_ = sync::Replica::open(*client_, StreamName::parse(kStream).value(), of_model);
        client_->start(world_.bed.clock.now());
    }
    void put(sync::Write write) {
        if (write.value) {
            store_[std::move(write.key)] = std::move(*write.value);
        } else {
            store_.erase(write.key);
        }
    }
    void carry_out(sync::Effect& effect) {
        if (auto* connect = std::get_if<sync::Connect>(&effect)) {
            connection_ = connect->connection;
            peer_ = world_.bed.connect([this](ByteView payload) { hear(payload); });
            client_->on_opened(connection_, world_.bed.clock.now());
        } else if (auto* send = std::get_if<sync::Send>(&effect)) {
            each_message(send->message, [this]<class T>(T const*) { sent[name_of<T>()] += 1; });
            BOOST_TEST(peer_->send(ByteView(send->message)).has_value());
        } else if (auto* delivery = std::get_if<sync::Delivery>(&effect)) {
            replica_->on(*delivery);
        } else if (auto* arrived = std::get_if<sync::SnapshotArrived>(&effect)) {
            replica_->on(*arrived);
        } else if (auto* moved = std::get_if<sync::WriteMoved>(&effect)) {
            replica_->on(*moved);
        } else if (auto* lost = std::get_if<sync::HistoryLost>(&effect)) {
            replica_->on(*lost);
        } else if (auto* trouble = std::get_if<sync::Trouble>(&effect)) {
            troubles.push_back(trouble->error.detail);
        }
    }
    void hear(ByteView payload) {
        each_message(payload, [this]<class T>(T const* message) {
            received[name_of<T>()] += 1;
            if constexpr (std::is_same_v<T, fb::Chunk>) {
                chunk_bytes += message->bytes()->size();
            }
        });
        came_.push_back(network(payload));
    }
    template <class T>
    static std::string name_of() {
        if constexpr (std::is_same_v<T, fb::Hello>) {
            return "Hello";
        } else if constexpr (std::is_same_v<T, fb::Subscribe>) {
            return "Subscribe";
        } else if constexpr (std::is_same_v<T, fb::NeedChunks>) {
            return "NeedChunks";
        } else if constexpr (std::is_same_v<T, fb::Chunk>) {
            return "Chunk";
        } else if constexpr (std::is_same_v<T, fb::Events>) {
            return "Events";
        } else {
            return "another";
        }
    }

    SnapshotBed& world_;
    bool snapshots_;
    std::map<Bytes, Bytes> store_;
    std::unique_ptr<sync::Client> client_;
    std::unique_ptr<sync::Replica> replica_;
    std::unique_ptr<SessionBed::Peer> peer_;
    std::uint64_t connection_ = 0;
    std::deque<Bytes> came_;
};

SessionOptions never_whole() {
    SessionOptions options;
    options.whole_bytes_max = 0;
    options.page_bytes = 4'096;
    options.coalesce_bytes = 4'096;
    return options;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(session_snapshots)

BOOST_AUTO_TEST_CASE(a_small_state_needs_one_round_trip) {
    SnapshotBed world;
    for (std::size_t n = 0; n < 3'000; ++n) {
        world.write(n, 50);
    }
    auto const offer = world.snapshot();
    for (std::size_t n = 3'000; n < 3'010; ++n) {
        world.write(n, 50);
    }
    Device device(world);
    device.settle();
    BOOST_TEST(device.replica().status().caught_up);
    BOOST_TEST(device.replica().status().applied.value == 3'010U);
    BOOST_TEST(device.replica().state_hash() == world.replayed());
    // Hello was all that it had to say; credit given back and acks wait for nobody.
    BOOST_TEST(device.sent["Hello"] == 1U);
    BOOST_TEST(device.sent.count("Subscribe") == 0U);
    BOOST_TEST(device.sent.count("NeedChunks") == 0U);
    BOOST_TEST(device.received["Events"] == 1U);
    BOOST_TEST(device.chunk_bytes == offer.bytes());
    BOOST_TEST(world.bed.host->counters().verdicts[3] == 1U);
    BOOST_TEST(world.bed.host->counters().chunk_bytes == offer.bytes());
}

BOOST_AUTO_TEST_CASE(a_large_state_is_asked_for_chunk_by_chunk) {
    SnapshotBed world(never_whole());
    for (std::size_t n = 0; n < 4'000; ++n) {
        world.write(n, 2'000);
    }
    auto const offer = world.snapshot();
    Device device(world);
    device.settle();
    BOOST_TEST(device.replica().status().caught_up);
    BOOST_TEST(device.replica().state_hash() == world.replayed());
    BOOST_TEST(device.sent["NeedChunks"] == 1U);
    BOOST_TEST(device.chunk_bytes == offer.bytes());
    BOOST_TEST(device.received["Chunk"] > offer.chunks);  // some in parts
    world.write(4'000, 2'000);
    device.settle();
    BOOST_TEST(device.replica().state_hash() == world.replayed());
}

BOOST_AUTO_TEST_CASE(a_download_goes_on_at_the_next_chunk_after_a_restart) {
    SnapshotBed world(never_whole());
    for (std::size_t n = 0; n < 4'000; ++n) {
        world.write(n, 2'000);
    }
    auto const offer = world.snapshot();
    Device device(world);
    device.settle(6);
    auto const before = device.chunk_bytes;
    BOOST_TEST(before > 0U);
    BOOST_TEST(!device.replica().status().caught_up);
    device.restart();
    device.settle();
    BOOST_TEST(device.replica().status().caught_up);
    BOOST_TEST(device.replica().state_hash() == world.replayed());
    // What was heard but not taken in, and the manifest, came twice; all of it did not.
    BOOST_TEST(device.chunk_bytes < offer.bytes() * 2);
    device.restart();
    device.settle();
    BOOST_TEST(device.replica().state_hash() == world.replayed());
}

BOOST_AUTO_TEST_CASE(chunks_that_two_snapshots_share_are_loaded_once) {
    SnapshotBed world(never_whole());
    for (std::size_t n = 0; n < 4'000; ++n) {
        world.write(n, 2'000);
    }
    world.snapshot();
    Device device(world);
    device.settle(6);
    world.write(4'000, 2'000);  // of one object
    auto const newer = world.snapshot();
    auto const before = device.chunk_bytes;
    device.restart();
    device.settle();
    BOOST_TEST(device.replica().state_hash() == world.replayed());
    BOOST_TEST(device.chunk_bytes - before < newer.bytes());
}

/// However many events: what changed comes at once, and no more than that.
BOOST_AUTO_TEST_CASE(a_device_that_was_away_is_told_what_changed) {
    SnapshotBed world(never_whole());
    std::size_t const objects = 2'000;
    for (std::size_t n = 0; n < objects; ++n) {
        world.write(n, objects);
    }
    world.snapshot();
    Device device(world);
    device.settle();
    BOOST_TEST(device.replica().state_hash() == world.replayed());
    for (std::size_t n = 0; n < 4'000; ++n) {
        world.write(objects * (2 + n / 20) + n % 20, objects);
    }
    auto const offer = world.snapshot();
    world.write(5, objects);
    auto const before = device.chunk_bytes;
    device.restart();
    device.write("mine");
    auto const asked = device.sent["NeedChunks"];
    device.settle();
    BOOST_TEST(world.bed.host->counters().verdicts[2] == 1U);
    BOOST_TEST(device.chunk_bytes - before < offer.bytes() / 5);  // of texts that compress well
    BOOST_TEST(device.sent["NeedChunks"] == asked);
    BOOST_TEST(device.troubles.empty());
    BOOST_TEST(device.replica().status().caught_up);
    BOOST_TEST(device.replica().status().pending == 0U);
    BOOST_TEST(device.replica().view().counter("mine", "count") == 1);
    BOOST_TEST(device.replica().state_hash() == world.replayed());
    device.restart();  // what was taken over is what is stored
    BOOST_TEST(device.replica().state_hash() == world.replayed());
}

BOOST_AUTO_TEST_CASE(a_folded_delta_that_is_damaged_is_not_taken_over) {
    SnapshotBed world;
    for (std::size_t n = 0; n < 500; ++n) {
        world.write(n, 500);
    }
    Device device(world);
    device.settle();
    for (std::size_t n = 0; n < 2'000; ++n) {
        world.write(500 * (2 + n / 20) + n % 20, 500);
    }
    world.snapshot();
    std::size_t damaged = 0;
    device.network = [&](ByteView payload) {
        Bytes bytes(payload.begin(), payload.end());
        bool has_chunk = false;
        each_message(payload, [&]<class T>(T const*) {
            has_chunk = has_chunk || std::is_same_v<T, fb::Chunk>;
        });
        if (has_chunk && damaged++ == 0) {
            bytes[bytes.size() / 2] ^= std::byte{1};
        }
        return bytes;
    };
    device.restart();
    device.settle();
    BOOST_TEST(damaged > 0U);
    BOOST_TEST(world.bed.host->counters().verdicts[2] == 1U);
    BOOST_TEST(device.replica().status().caught_up);
    BOOST_TEST(device.replica().state_hash() == world.replayed());
}

BOOST_AUTO_TEST_CASE(a_device_without_snapshots_replays) {
    SnapshotBed world;
    for (std::size_t n = 0; n < 500; ++n) {
        world.write(n, 10);
    }
    world.snapshot();
    Device device(world, false);
    device.settle();
    BOOST_TEST(device.replica().state_hash() == world.replayed());
    BOOST_TEST(device.chunk_bytes == 0U);
}

BOOST_AUTO_TEST_CASE(own_writes_that_a_snapshot_holds_are_not_shown_twice) {
    SnapshotBed world;
    Device device(world);
    device.settle();
    device.write("mine");
    device.settle();
    device.restart();  // offline from here on, but for what is sent
    device.write("mine");
    for (std::size_t n = 0; n < 3'000; ++n) {
        world.write(n, 20);
    }
    world.snapshot();
    device.settle();
    BOOST_TEST(device.replica().status().caught_up);
    BOOST_TEST(device.replica().status().pending == 0U);
    BOOST_TEST(device.replica().view().counter("mine", "count") == 2);
    BOOST_TEST(device.replica().state_hash() == world.replayed());
}

BOOST_AUTO_TEST_CASE(a_chunk_that_is_damaged_under_way_is_not_applied) {
    for (bool const always : {false, true}) {
        SnapshotBed world;
        for (std::size_t n = 0; n < 3'000; ++n) {
            world.write(n, 50);
        }
        world.snapshot();
        Device device(world);
        std::size_t damaged = 0;
        device.network = [&](ByteView payload) {
            Bytes bytes(payload.begin(), payload.end());
            bool has_chunk = false;
            each_message(payload, [&]<class T>(T const*) {
                has_chunk = has_chunk || std::is_same_v<T, fb::Chunk>;
            });
            if (has_chunk && (always || damaged == 0)) {
                ++damaged;
                bytes[bytes.size() - 40] ^= std::byte{1};  // in the last chunk of the message
            }
            return bytes;
        };
        device.settle();
        BOOST_TEST(damaged > 0U);
        BOOST_TEST(device.replica().status().caught_up);
        BOOST_TEST(device.replica().state_hash() == world.replayed());
        BOOST_TEST(device.troubles.empty() == !always);
    }
}

BOOST_AUTO_TEST_CASE(a_chunk_that_is_damaged_on_the_servers_disk_is_never_sent) {
    SnapshotBed world;
    for (std::size_t n = 0; n < 3'000; ++n) {
        world.write(n, 50);
    }
    auto const good = world.snapshot();
    auto const names = world.storage.list().value();
    for (auto const& name : names) {
        if (name.starts_with("c-")) {
            world.storage.flip_bit(name, 8 * (world.storage.contents(name).size() / 2));
        }
    }
    Device device(world);
    device.settle();
    world.bed.clock.advance(std::chrono::minutes(2));
    BOOST_TEST(device.troubles.size() <= 1U);
    device.restart();
    device.settle();
    BOOST_TEST(device.replica().status().caught_up);
    BOOST_TEST(device.replica().state_hash() == world.replayed());
    BOOST_TEST(world.keeper->counters().damages == 1U);
    BOOST_TEST((world.keeper->newest(kStream)->manifest == good.manifest));
}

/// The compaction invariant: at random cursors, with writes of its own before and after, and late
/// events behind.
RC_BOOST_PROP(what_a_device_holds_and_is_sent_is_what_all_events_come_to, ()) {
    SnapshotBed world(*rc::gen::arbitrary<bool>() ? never_whole() : SessionOptions{});
    Device device(world);
    std::size_t written = 0;
    auto const objects = *rc::gen::inRange<std::size_t>(1, 60);
    for (int round = 0; round < 5; ++round) {
        for (auto more = *rc::gen::inRange<std::size_t>(0, 400); more > 0; --more) {
            world.write(written++, objects);
        }
        if (*rc::gen::arbitrary<bool>()) {
            device.write("mine" + std::to_string(*rc::gen::inRange(0, 3)));
        }
        if (written > 0 && *rc::gen::arbitrary<bool>()) {
            world.snapshot();
        }
        if (*rc::gen::arbitrary<bool>()) {
            device.restart();
        }
        device.settle(*rc::gen::element<std::size_t>(3, 20, ~std::size_t{0}));
    }
    device.restart();
    device.settle();
    RC_ASSERT(device.replica().status().caught_up);
    RC_ASSERT(device.replica().status().pending == 0U);
    if (written > 0) {
        RC_ASSERT(device.replica().state_hash() == world.replayed());
    }
}

BOOST_AUTO_TEST_SUITE_END()
