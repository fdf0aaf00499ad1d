#include <boost/mpl/list.hpp>
#include <capstan/engine/lmdb.hpp>
#include <capstan/sequencer/lmdb_checkpoint_store.hpp>
#include <capstan/sequencer/memory_checkpoint_store.hpp>
#include <fstream>

#include "sequencer/index_world.hpp"
#include "support/temp_directory.hpp"

namespace capstan {
namespace {

namespace fs = std::filesystem;
using test::device_of;

Bytes bytes_of(std::string_view text) {
    auto const view = as_bytes(text);
    return Bytes(view.begin(), view.end());
}

struct InMemory {
    MemoryCheckpointStore memory;
    CheckpointStore& store = memory;
    void reopen() { memory.crash(false); }
};

struct InLmdb {
    test::TempDirectory directory;
    LmdbCheckpointStoreOptions options{.directory = directory.path(), .map_bytes = 1 << 16};
    std::unique_ptr<LmdbCheckpointStore> lmdb = LmdbCheckpointStore::open(options).value();
    CheckpointStore& store = *lmdb;
};

using Stores = boost::mpl::list<InMemory, InLmdb>;

CheckpointBatch batch_at(std::uint64_t position) {
    CheckpointBatch batch;
    batch.checkpoint = {.position = Position{position},
                        .chain = Hash128{position, 2},
                        .segment = SegmentNumber{1 + position / 10},
                        .offset = Offset{position * 4'096},
                        .state_hash = position * 17,
                        .partition_row = bytes_of("partition " + std::to_string(position))};
    return batch;
}

StreamWrite stream_write(std::uint32_t number,
                         std::string name,
                         std::uint64_t changed,
                         std::string_view row) {
    return {StreamNumber{number}, std::move(name), Position{changed}, bytes_of(row)};
}

std::vector<std::string> names_in(StreamPage const& page) {
    std::vector<std::string> names;
    for (auto const& stream : page.streams) {
        names.push_back(stream.name);
    }
    return names;
}

StreamPattern pattern(std::string_view text) {
    return StreamPattern::parse(text).value();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(checkpoint)

BOOST_AUTO_TEST_CASE_TEMPLATE(a_new_store_holds_nothing, Store, Stores) {
    Store in;
    BOOST_TEST(!in.store.load().value().has_value());
    BOOST_TEST(!in.store.stream("a/b").value().has_value());
    BOOST_TEST(!in.store.stream(StreamNumber{1}).value().has_value());
    BOOST_TEST(!in.store.device(StreamNumber{1}, device_of(1)).value().has_value());
    BOOST_TEST(in.store.list(pattern(">"), "", 10).value().streams.empty());
    BOOST_TEST(in.store.changed_after(Position{}, 10).value().empty());
    BOOST_TEST(in.store.runs().value().chunks.empty());
    StreamNumber const one{1};
    BOOST_TEST((in.store.links(std::span(&one, 1)).value().front() == StreamLinks()));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_committed_batch_is_read_back, Store, Stores) {
    Store in;
    auto batch = batch_at(7);
    batch.streams = {stream_write(2, "a/y", 6, "row two"), stream_write(1, "a/x", 7, "row one")};
    batch.devices = {{StreamNumber{2}, device_of(9), bytes_of("nine")},
                     {StreamNumber{1}, device_of(9), bytes_of("other")}};
    StreamLinks links;
    links.push({SegmentNumber{1}, Seq{1}});
    batch.index.links = {{StreamNumber{2}, links}};
    batch.index.runs = {{SegmentNumber{2}, Position{5}, bytes_of("chunk")}};
    BOOST_TEST_REQUIRE(in.store.commit(batch).has_value());

    BOOST_TEST((in.store.load().value() == batch.checkpoint));
    StoredStream const two{StreamNumber{2}, Position{6}, bytes_of("row two")};
    BOOST_TEST((in.store.stream("a/y").value() == two));
    BOOST_TEST((in.store.stream(StreamNumber{2}).value() == two));
    BOOST_TEST((in.store.device(StreamNumber{2}, device_of(9)).value() == bytes_of("nine")));
    BOOST_TEST(!in.store.device(StreamNumber{2}, device_of(8)).value().has_value());
    std::vector<StreamNumber> const both{StreamNumber{1}, StreamNumber{2}};
    BOOST_TEST((in.store.links(both).value() == std::vector{StreamLinks(), links}));
    BOOST_TEST((in.store.runs().value().chunks == batch.index.runs));
    std::vector<StreamChange> const changes{{Position{6}, StreamNumber{2}},
                                            {Position{7}, StreamNumber{1}}};
    BOOST_TEST((in.store.changed_after(Position{}, 10).value() == changes));
    BOOST_TEST((in.store.changed_after(Position{6}, 10).value().front() == changes.back()));
    BOOST_TEST(in.store.changed_after(Position{}, 1).value().size() == 1u);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_stream_stands_once_among_the_changes, Store, Stores) {
    Store in;
    auto batch = batch_at(1);
    batch.streams = {stream_write(1, "a/x", 1, "first")};
    in.store.commit(batch).value();
    batch = batch_at(5);
    batch.streams = {stream_write(1, "a/x", 0, "no visible change")};
    in.store.commit(batch).value();
    BOOST_TEST((in.store.stream("a/x").value()->changed == Position{1}));
    BOOST_TEST((in.store.stream("a/x").value()->row == bytes_of("no visible change")));
    batch = batch_at(9);
    batch.streams = {stream_write(1, "a/x", 8, "changed")};
    in.store.commit(batch).value();
    std::vector<StreamChange> const changes{{Position{8}, StreamNumber{1}}};
    BOOST_TEST((in.store.changed_after(Position{}, 10).value() == changes));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(runs_of_retired_segments_go, Store, Stores) {
    Store in;
    auto batch = batch_at(1);
    batch.index.runs = {{SegmentNumber{1}, Position{1}, bytes_of("a")},
                        {SegmentNumber{1}, Position{2}, bytes_of("b")},
                        {SegmentNumber{2}, Position{3}, bytes_of("c")}};
    in.store.commit(batch).value();
    batch = batch_at(2);
    batch.index.retired = SegmentNumber{1};
    in.store.commit(batch).value();
    in.store.commit(batch_at(3)).value();  // 0 retires nothing and takes nothing back
    auto const runs = in.store.runs().value();
    BOOST_TEST((runs.retired == SegmentNumber{1}));
    BOOST_TEST_REQUIRE(runs.chunks.size() == 1u);
    BOOST_TEST((runs.chunks.front() == RunChunk{SegmentNumber{2}, Position{3}, bytes_of("c")}));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(streams_are_listed_by_pattern_in_pages, Store, Stores) {
    Store in;
    auto batch = batch_at(1);
    std::uint32_t number = 0;
    for (auto const* name : {"b/chat", "a/1/chat", "a/2/chat", "a/2/log", "a/10/chat", "ab/x"}) {
        ++number;
        batch.streams.push_back(stream_write(number, name, number, "row"));
    }
    in.store.commit(batch).value();
    using Names = std::vector<std::string>;
    auto const list = [&](std::string_view text, std::string_view after, std::size_t limit) {
        return in.store.list(pattern(text), after, limit).value();
    };
    BOOST_TEST(names_in(list(">", "", 10)) ==
               (Names{"a/1/chat", "a/10/chat", "a/2/chat", "a/2/log", "ab/x", "b/chat"}));
    BOOST_TEST(names_in(list("a/*/chat", "", 10)) == (Names{"a/1/chat", "a/10/chat", "a/2/chat"}));
    BOOST_TEST(names_in(list("a/>", "a/10/chat", 10)) == (Names{"a/2/chat", "a/2/log"}));
    BOOST_TEST(names_in(list("b/chat", "", 10)) == (Names{"b/chat"}));
    BOOST_TEST(names_in(list("c/>", "", 10)).empty());
    auto const first = list("a/*/chat", "", 2);
    BOOST_TEST(names_in(first) == (Names{"a/1/chat", "a/10/chat"}));
    BOOST_TEST_REQUIRE(first.resume_after.has_value());
    auto const rest = list("a/*/chat", *first.resume_after, 2);
    BOOST_TEST(names_in(rest) == (Names{"a/2/chat"}));
    BOOST_TEST(!rest.resume_after.has_value());
}

RC_BOOST_PROP(the_twin_in_memory_tells_the_same_as_lmdb, ()) {
    MemoryCheckpointStore memory;
    InLmdb in;
    auto const number = rc::gen::inRange<std::uint32_t>(1, 30);
    std::uint64_t position = 0;
    for (auto batches = *rc::gen::inRange(1, 6); batches > 0; --batches) {
        auto batch = batch_at(position + 40);
        for (auto const stream : *rc::gen::unique<std::vector<std::uint32_t>>(number)) {
            ++position;
            auto const changed = *rc::gen::element<std::uint64_t>(0, position);
            auto const row = std::string(*rc::gen::inRange<std::size_t>(0, 3'000), 'r');
            batch.streams.push_back(
                stream_write(stream,
                             "t/" + std::to_string(stream % 7) + "/" + std::to_string(stream),
                             changed,
                             row));
            batch.devices.push_back({StreamNumber{stream},
                                     device_of(static_cast<std::uint8_t>(*number)),
                                     bytes_of(std::to_string(position))});
            StreamLinks links;
            links.push({SegmentNumber{position}, Seq{1}});
            batch.index.links.push_back({StreamNumber{stream}, links});
            batch.index.runs.push_back({SegmentNumber{position / 9 + 1},
                                        Position{position},
                                        bytes_of(std::to_string(stream))});
        }
        batch.index.retired = SegmentNumber{position / 20};
        position += 40;
        batch.checkpoint.position = Position{position};
        RC_ASSERT(memory.commit(batch).has_value());
        RC_ASSERT(in.store.commit(batch).has_value());
    }
    RC_ASSERT(memory.load().value() == in.store.load().value());
    RC_ASSERT(memory.runs().value().retired == in.store.runs().value().retired);
    RC_ASSERT(memory.runs().value().chunks == in.store.runs().value().chunks);
    for (std::uint32_t stream = 0; stream <= 30; ++stream) {
        StreamNumber const one{stream};
        RC_ASSERT(memory.stream(one).value() == in.store.stream(one).value());
        RC_ASSERT(memory.links(std::span(&one, 1)).value() ==
                  in.store.links(std::span(&one, 1)).value());
        for (std::uint8_t device = 1; device < 30; ++device) {
            RC_ASSERT(memory.device(one, device_of(device)).value() ==
                      in.store.device(one, device_of(device)).value());
        }
    }
    auto const limit = *rc::gen::inRange<std::size_t>(1, 40);
    auto const after = Position{*rc::gen::inRange<std::uint64_t>(0, position)};
    RC_ASSERT(memory.changed_after(after, limit).value() ==
              in.store.changed_after(after, limit).value());
    auto const from = "t/" + std::to_string(*rc::gen::inRange(0, 7));
    auto const ours = memory.list(pattern("t/>"), from, limit).value();
    auto const theirs = in.store.list(pattern("t/>"), from, limit).value();
    RC_ASSERT(ours.streams == theirs.streams);
    RC_ASSERT(ours.resume_after == theirs.resume_after);
    RC_ASSERT(in.lmdb->verify().has_value());
}

RC_BOOST_PROP(I17_the_index_over_lmdb_equals_plain_maps, ()) {
    InLmdb in;
    test::IndexWorld world(in.store);
    auto const rounds = *rc::gen::inRange<std::uint32_t>(1, 12);
    for (std::uint32_t round = 0; round < rounds; ++round) {
        for (auto runs = *rc::gen::inRange<std::uint32_t>(1, 30); runs > 0; --runs) {
            world.append(StreamNumber{1 + *rc::gen::inRange<std::uint32_t>(0, 4)}, 1, 2);
        }
        world.next_segment();
        world.seal_segment();
        if (*rc::gen::arbitrary<bool>()) {
            world.checkpoint().value();
            world.hear_of_checkpoint();
        }
        if (*rc::gen::arbitrary<bool>()) {
            world.restart();
        }
    }
    RC_ASSERT(world.footers_repeat);
    for (auto const& [stream, expected] : world.by_stream) {
        RunCursor cursor{stream, Seq{1}};
        std::vector<RunEntry> runs;
        world.index->read(cursor, {.runs = 10'000}, runs).value();
        RC_ASSERT(runs == expected);
    }
    RC_ASSERT(world.index->changed_after(Position{}, 100).value() ==
              world.expected_changes(Position{}));
}

BOOST_AUTO_TEST_CASE(F16_a_commit_that_fails_leaves_the_old_checkpoint_or_the_new_one) {
    for (bool const keep : {false, true}) {
        for (std::size_t n = 0; n < 3; ++n) {
            BOOST_TEST_CONTEXT("failing call " << n << ", keep " << keep) {
                MemoryCheckpointStore store;
                auto batch = batch_at(1);
                batch.streams = {stream_write(1, "a/x", 1, "old")};
                store.commit(batch).value();
                batch = batch_at(2);
                batch.streams = {stream_write(1, "a/x", 2, "new")};
                store.fail_after(n, Errc::disk_io);
                auto const committed = store.commit(batch);
                BOOST_TEST(committed.has_value() == (n == 2));
                BOOST_TEST(store.commit_in_doubt() == (n == 1));
                // In the process the old one is in force until a crash decides.
                BOOST_TEST_REQUIRE((n == 2 || store.load().has_value()));
                store.crash(keep);
                bool const is_new = n == 2 || (n == 1 && keep);
                BOOST_TEST((store.load().value()->position == Position{is_new ? 2u : 1u}));
                BOOST_TEST((store.stream("a/x").value()->row == bytes_of(is_new ? "new" : "old")));
                BOOST_TEST(store.changed_after(Position{}, 9).value().size() == 1u);
                BOOST_TEST(store.commit(batch).has_value());  // the same again
                BOOST_TEST((store.stream("a/x").value()->row == bytes_of("new")));
            }
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(checkpoint_files, InLmdb)

namespace {

void fill(CheckpointStore& store) {
    auto batch = batch_at(500);
    for (std::uint32_t i = 1; i <= 500; ++i) {
        batch.streams.push_back(
            stream_write(i, "stream/" + std::to_string(i), i, std::string(50, 'r')));
        batch.devices.push_back({StreamNumber{i}, device_of(1), bytes_of("device")});
        StreamLinks links;
        links.push({SegmentNumber{i}, Seq{1}});
        batch.index.links.push_back({StreamNumber{i}, links});
    }
    batch.index.runs = {{SegmentNumber{9}, Position{1}, bytes_of("chunk")}};
    store.commit(batch).value();
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_checkpoint_is_there_after_opening_again) {
    fill(store);
    lmdb.reset();
    lmdb = LmdbCheckpointStore::open(options).value();
    BOOST_TEST((lmdb->load().value()->position == Position{500}));
    BOOST_TEST(lmdb->verify().value() == 500u);
}

BOOST_AUTO_TEST_CASE(F12_a_small_map_grows_under_a_checkpoint) {
    auto batch = batch_at(1);
    for (std::uint32_t i = 1; i <= 3'000; ++i) {
        batch.streams.push_back(
            stream_write(i, "stream/" + std::to_string(i), i, std::string(200, 'r')));
    }
    BOOST_TEST_REQUIRE(lmdb->commit(batch).has_value());
    BOOST_TEST(lmdb->file_bytes() > options.map_bytes);
    BOOST_TEST(lmdb->verify().value() == 3'000u);
}

BOOST_AUTO_TEST_CASE(F12_a_full_map_keeps_the_old_checkpoint_and_takes_the_next) {
    fill(store);
    lmdb.reset();
    options.map_bytes_max = fs::file_size(directory / "data.mdb") + 65'536;
    lmdb = LmdbCheckpointStore::open(options).value();
    auto batch = batch_at(600);
    batch.streams = {stream_write(1, "stream/1", 600, std::string(1'000'000, 'x'))};
    auto const committed = lmdb->commit(batch);
    BOOST_TEST_REQUIRE(committed.has_error());
    BOOST_TEST((committed.error().code == Errc::storage_full));
    BOOST_TEST((lmdb->load().value()->position == Position{500}));
    batch.streams = {stream_write(1, "stream/1", 600, "small")};
    BOOST_TEST(lmdb->commit(batch).has_value());
    BOOST_TEST((lmdb->load().value()->position == Position{600}));
}

BOOST_AUTO_TEST_CASE(F11_a_cut_index_is_damaged_and_deleting_it_starts_anew) {
    fill(store);
    lmdb.reset();
    fs::resize_file(directory / "data.mdb", fs::file_size(directory / "data.mdb") - 4'096);
    auto const opened = LmdbCheckpointStore::open(options);
    BOOST_TEST_REQUIRE(opened.has_error());
    BOOST_TEST((opened.error().code == Errc::index_damaged));
    fs::remove_all(directory.path());
    lmdb = LmdbCheckpointStore::open(options).value();
    BOOST_TEST(!lmdb->load().value().has_value());
}

BOOST_AUTO_TEST_CASE(F11_rot_in_a_row_is_damage_never_another_row) {
    fill(store);
    lmdb.reset();
    auto const path = directory / "data.mdb";
    std::string const rows(50, 'r');
    std::string image;
    {
        std::ifstream file(path, std::ios::binary);
        image.assign(std::istreambuf_iterator<char>(file), {});
    }
    std::size_t flipped = 0;
    for (auto at = image.find(rows); at != std::string::npos; at = image.find(rows, at + 50)) {
        image[at + flipped++ % 50] ^= 4;
    }
    BOOST_TEST_REQUIRE(flipped >= 500u);
    std::ofstream(path, std::ios::binary) << image;
    lmdb = LmdbCheckpointStore::open(options).value();
    auto const stream = lmdb->stream("stream/77");
    BOOST_TEST_REQUIRE(stream.has_error());
    BOOST_TEST((stream.error().code == Errc::index_damaged));
    BOOST_TEST(lmdb->verify().has_error());
}

BOOST_AUTO_TEST_CASE(verify_notices_rows_that_do_not_belong_together) {
    fill(store);
    lmdb.reset();
    {
        auto const environment = lmdb::Environment::open({.directory = options.directory}).value();
        auto const names = environment->table("names").value();
        environment
            ->write([&](lmdb::WriteTransaction& write) {
                return write.erase(names, as_bytes("stream/9"));
            })
            .value();
    }
    lmdb = LmdbCheckpointStore::open(options).value();
    auto const verified = lmdb->verify();
    BOOST_TEST_REQUIRE(verified.has_error());
    BOOST_TEST((verified.error().code == Errc::index_damaged));
}

BOOST_AUTO_TEST_CASE(F15_a_store_of_another_format_is_left_alone) {
    fill(store);
    lmdb.reset();
    {
        auto const environment = lmdb::Environment::open({.directory = options.directory}).value();
        auto const state = environment->table("state").value();
        Bytes version;
        ByteWriter(version).put(std::uint32_t{2});
        environment
            ->write([&](lmdb::WriteTransaction& write) {
                return write.put(state, as_bytes("format"), version);
            })
            .value();
    }
    auto const opened = LmdbCheckpointStore::open(options);
    BOOST_TEST_REQUIRE(opened.has_error());
    BOOST_TEST((opened.error().code == Errc::format_unknown));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace capstan
