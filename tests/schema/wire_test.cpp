#include <boost/test/unit_test.hpp>
#include <capstan/schema/limits.hpp>
#include <capstan/schema/wire.hpp>

#include "samples.hpp"

namespace capstan {
namespace {

fb::HelloT sample_hello() {
    fb::HelloT hello;
    hello.version = kProtocolVersion;
    hello.device = std::make_unique<fb::Device>(to_wire(test::device(1)));
    hello.token = "secret";
    hello.credit = 1'000'000;
    auto cursor = std::make_unique<fb::StreamCursorT>();
    cursor->name = "acme/room/42";
    cursor->generation = 5;
    cursor->seq = 17;
    cursor->chain = std::make_unique<fb::Hash>(3, 4);
    hello.streams.push_back(std::move(cursor));
    hello.patterns.push_back("acme/>");
    return hello;
}

Bytes payload_of(auto const& message) {
    MessageWriter writer;
    writer.add(message);
    return writer.take();
}

/// The error of the first message that isn't read, or nothing.
std::optional<Errc> read_all(ByteView payload) {
    MessageReader reader(payload);
    while (true) {
        auto const message = reader.next();
        if (!message) {
            return message.error().code;
        }
        if (!message.value()) {
            return std::nullopt;
        }
    }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(wire)

BOOST_AUTO_TEST_CASE(events_may_be_a_head_with_the_runs_behind_it) {
    auto const text = [](ByteView bytes) { return Bytes(bytes.begin(), bytes.end()); };
    for (std::size_t const run_bytes : {1U, 3U, 4U, 7U, 8U, 13U, 300'000U}) {
        BOOST_TEST_CONTEXT(run_bytes) {
            Bytes runs(run_bytes);
            for (std::size_t i = 0; i < run_bytes; ++i) {
                runs[i] = static_cast<std::byte>(i * 7);
            }
            ByteView const piece = runs;
            std::uint64_t const marks[] = {1, 2, 3};
            MessageWriter::Events const events{.stream = StreamNumber{3},
                                               .generation = Generation{5},
                                               .first = Seq{7},
                                               .last = Seq{9},
                                               .chain = {11, 12},
                                               .mark_before = Seq{1},
                                               .marks = marks,
                                               .runs = {&piece, 1},
                                               .head = Seq{10}};
            MessageWriter writer;
            auto payload = writer.events_head(events, run_bytes);
            BOOST_TEST(writer.empty());
            BOOST_TEST(payload.size() % kMessageAlignment == 0U);
            payload.insert(payload.end(), runs.begin(), runs.end());
            payload.resize(padded_message_bytes(payload.size()));
            writer.add(events);
            auto const whole = writer.take();
            payload.insert(payload.end(), whole.begin(), whole.end());  // one more message

            MessageReader reader(payload);
            for (int i = 0; i < 2; ++i) {
                auto const message = reader.next().value();
                BOOST_TEST_REQUIRE(message.has_value());
                auto const& read = *std::get<fb::Events const*>(*message);
                auto const* at = reinterpret_cast<std::byte const*>(read.runs()->data());
                BOOST_TEST((text({at, read.runs()->size()}) == runs));
                BOOST_TEST(read.stream() == 3U);
                BOOST_TEST(read.first() == 7U);
                BOOST_TEST(read.last() == 9U);
                BOOST_TEST(read.head() == 10U);
                BOOST_TEST(read.mark_before() == 1U);
                BOOST_TEST(read.marks()->Get(2) == 3U);
                BOOST_TEST((from_wire(read.chain()) == Hash128{11, 12}));
            }
            BOOST_TEST(!reader.next().value().has_value());
        }
    }
}

BOOST_AUTO_TEST_CASE(a_payload_holds_several_messages) {
    auto const run = test::sample_run();
    MessageWriter writer;
    writer.add(sample_hello());
    writer.add(
        MessageWriter::Publish{.stream = StreamNumber{3}, .generation = Generation{5}, .run = run});
    writer.add(fb::CreditT{});
    auto const payload = writer.take();
    BOOST_TEST(writer.empty());

    MessageReader reader(payload);
    auto const hello = std::get<fb::Hello const*>(*reader.next().value());
    BOOST_TEST(hello->streams()->Get(0)->name()->string_view() == "acme/room/42");
    BOOST_TEST((from_wire(*hello->device()) == test::device(1)));
    auto const publish = std::get<fb::Publish const*>(*reader.next().value());
    BOOST_TEST(publish->stream() == 3u);
    BOOST_TEST(publish->expect_head() == kAtHead.value);
    BOOST_TEST(publish->run()->size() == run.size());
    BOOST_TEST(std::holds_alternative<fb::Credit const*>(*reader.next().value()));
    BOOST_TEST(!reader.next().value().has_value());
}

BOOST_AUTO_TEST_CASE(events_carry_runs_and_marks) {
    Bytes runs;
    encode_delivered_run(runs, test::device(1), WallTime{1}, test::sample_run());
    std::vector<std::uint64_t> const marks{2, 3};
    std::vector<ByteView> const pieces{runs, runs};
    auto const payload = payload_of(MessageWriter::Events{.stream = StreamNumber{3},
                                                          .generation = Generation{5},
                                                          .first = Seq{10},
                                                          .last = Seq{15},
                                                          .chain = {8, 9},
                                                          .mark_before = Seq{1},
                                                          .marks = marks,
                                                          .runs = pieces,
                                                          .head = Seq{15}});
    MessageReader reader(payload);
    auto const events = std::get<fb::Events const*>(*reader.next().value());
    BOOST_TEST(events->runs()->size() == 2 * runs.size());
    BOOST_TEST(events->marks()->Get(1) == 3u);
    BOOST_TEST((from_wire(events->chain()) == Hash128{8, 9}));
    BOOST_TEST(events->mark_before() == 1u);
}

BOOST_AUTO_TEST_CASE(messages_keep_their_bytes) {
    test::check_golden("schema/hello", payload_of(sample_hello()));
    test::check_golden(
        "schema/publish",
        payload_of(MessageWriter::Publish{
            .stream = StreamNumber{3}, .generation = Generation{5}, .run = test::sample_run()}));
    fb::RunResult const result(1, 8, 118, 10, 1, 1, 0, 3, 3, 0, fb::Outcome::accepted, false);
    test::check_golden("schema/result", payload_of(std::span<fb::RunResult const>(&result, 1)));
}

BOOST_AUTO_TEST_CASE(F27_an_unaligned_payload_reads_the_same) {
    auto payload = payload_of(sample_hello());
    for (std::size_t offset = 1; offset <= 8; ++offset) {
        payload.insert(payload.begin(), std::byte{0});
        MessageReader reader(ByteView(payload).subspan(offset));
        auto const* hello = std::get<fb::Hello const*>(*reader.next().value());
        BOOST_TEST(hello->streams()->Get(0)->name()->string_view() == "acme/room/42");
        BOOST_TEST(hello->streams()->Get(0)->seq() == 17u);
        BOOST_TEST(hello->credit() == 1'000'000u);
    }
}

BOOST_AUTO_TEST_CASE(F24_F26_a_damaged_message_is_refused_or_read_but_never_crashes) {
    auto const whole = payload_of(sample_hello());
    for (std::size_t size = 1; size < whole.size() - 8; ++size) {
        BOOST_TEST_CONTEXT("cut to " << size) {
            BOOST_TEST(read_all(ByteView(whole).first(size)).has_value());
        }
    }
    auto damaged = whole;
    std::size_t refused = 0;
    for (std::size_t i = 0; i < damaged.size(); ++i) {
        for (auto const value : {0x00, 0x7f, 0x80, 0xff}) {
            damaged[i] = static_cast<std::byte>(value);
            refused += read_all(damaged).has_value() ? 1 : 0;
        }
        damaged[i] = whole[i];
    }
    BOOST_TEST(refused > 0u);
    Bytes const huge(kMessageBytesMax + 1);
    BOOST_TEST((read_all(huge) == Errc::too_large));
}

BOOST_AUTO_TEST_CASE(F29_a_message_of_semantic_nonsense_is_refused) {
    auto const refused = [](auto change) {
        auto hello = sample_hello();
        change(hello);
        return read_all(payload_of(hello)) == Errc::malformed;
    };
    BOOST_TEST(refused([](auto& h) { h.streams[0]->name = "/bad/"; }));
    BOOST_TEST(refused([](auto& h) { h.streams[0]->seq = kSeqMax.value + 1; }));
    BOOST_TEST(refused([](auto& h) { h.streams[0]->generation = 0; }));
    BOOST_TEST(refused([](auto& h) { h.device = std::make_unique<fb::Device>(); }));
    BOOST_TEST(refused([](auto& h) { h.patterns[0] = "a/>/b"; }));
    BOOST_TEST(refused([](auto& h) { h.token = std::string(kTokenBytesMax + 1, 't'); }));
    BOOST_TEST(refused([](auto& h) { h.agent = "\xff"; }));
    fb::SnapshotT snapshot;
    snapshot.stream = 1;
    snapshot.generation = 5;
    snapshot.seq = 10;
    snapshot.chain = std::make_unique<fb::Hash>(3, 4);
    snapshot.manifest = std::make_unique<fb::ChunkId>();
    BOOST_TEST(!read_all(payload_of(snapshot)).has_value());
    snapshot.manifest_bytes = kChunkBytesMax + 1;
    BOOST_TEST((read_all(payload_of(snapshot)) == Errc::malformed));
    fb::NeedT need;
    need.stream = 1;
    need.first = 5;
    need.last = 4;
    BOOST_TEST((read_all(payload_of(need)) == Errc::malformed));
}

BOOST_AUTO_TEST_CASE(a_chunk_comes_in_parts_that_lie_within_it) {
    ChunkId id;
    id.bytes[31] = std::byte{9};
    auto const part = as_bytes("0123456789");
    MessageWriter::Chunk const chunk{
        .stream = StreamNumber{3}, .id = id, .offset = 90, .total = 100, .bytes = part};
    auto const payload = payload_of(chunk);
    MessageReader reader(payload);
    auto const& read = *std::get<fb::Chunk const*>(*reader.next().value());
    BOOST_TEST((from_wire(*read.id()) == id));
    BOOST_TEST(read.offset() == 90U);
    BOOST_TEST(read.total() == 100U);
    BOOST_TEST(read.bytes()->size() == part.size());
    auto const refused = [&chunk](auto change) {
        auto other = chunk;
        change(other);
        return read_all(payload_of(other)) == Errc::malformed;
    };
    BOOST_TEST(refused([](auto& it) { it.offset = 91; }));
    BOOST_TEST(refused([](auto& it) { it.offset = UINT32_MAX; }));
    BOOST_TEST(refused([](auto& it) { it.bytes = {}; }));
    BOOST_TEST(refused([](auto& it) { it.stream = StreamNumber{}; }));
    BOOST_TEST(refused([](auto& it) { it.total = kChunkBytesMax + 1; }));
}

BOOST_AUTO_TEST_CASE(chunks_are_asked_for_by_id) {
    std::vector<ChunkId> ids(kNeedChunksMax);
    ids.back().bytes[0] = std::byte{7};
    auto const payload =
        payload_of(MessageWriter::NeedChunks{.stream = StreamNumber{3}, .ids = ids});
    MessageReader reader(payload);
    auto const& read = *std::get<fb::NeedChunks const*>(*reader.next().value());
    BOOST_TEST(read.ids()->size() == ids.size());
    BOOST_TEST((from_wire(*read.ids()->Get(kNeedChunksMax - 1)) == ids.back()));
    ids.emplace_back();
    BOOST_TEST(
        (read_all(payload_of(MessageWriter::NeedChunks{StreamNumber{3}, ids})) == Errc::malformed));
    BOOST_TEST(
        (read_all(payload_of(MessageWriter::NeedChunks{StreamNumber{3}, {}})) == Errc::malformed));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace capstan
