// What a client keeps on its device, as bytes.
#include <boost/test/unit_test.hpp>
#include <capstan/engine/sync/store.hpp>
#include <map>

#include "dice.hpp"

namespace {

using namespace capstan;
using namespace capstan::sync;
using capstan::test::Dice;

using Records = std::map<Bytes, Bytes>;

template <class Record>
void put(Records& records, Bytes const& key, Record const& record) {
    records[key] = encode(key, record);
}

Result<StoreImage> load(Records const& records) {
    std::vector<StoredRecord> view;
    for (auto const& [key, value] : records) {
        view.push_back({key, value});
    }
    return sync::load(view);
}

Bytes bytes_of(std::string_view text) {
    return {as_bytes(text).begin(), as_bytes(text).end()};
}

Mutation mutation(std::uint64_t id) {
    Mutation mutation;
    mutation.id = MutationId{id};
    mutation.generation = Generation{7};
    mutation.preceding_seq = Seq{3};
    mutation.flags = RunFlags::needs_window;
    mutation.expect_head = Seq{4};
    mutation.alone = true;
    mutation.coalesces = true;
    mutation.events = {bytes_of("one"), bytes_of("two")};
    return mutation;
}

RunRecord run(std::uint64_t first) {
    std::vector<Bytes> const events{bytes_of("a"), bytes_of("b"), bytes_of("c")};
    std::vector<ByteView> const views(events.begin(), events.end());
    RunRecord record;
    record.run = encode_run({Attempt::of(2, 9), Link{}, Seq{3}, 0}, views);
    record.generation = Generation{7};
    record.expect_head = Seq{9};
    record.parts = {{MutationId{first}, 2}, {MutationId{first + 1}, 1}};
    record.doubt = Doubt::refused;
    record.coalesces = true;
    record.code = 1402;
    return record;
}

Records full_store() {
    DeviceRecord device;
    device.device.bytes[3] = std::byte{5};
    device.attempt_ordinal = 2;
    device.mutations = 4'096;
    Records records;
    put(records, device_key(), device);
    put(records, cursor_key("acme/a"), StoredCursor{Generation{7}, Seq{5}, Hash128{1, 2}});
    put(records, cursor_key("acme/a/b"), StoredCursor{Generation{7}, Seq{5}, std::nullopt});
    put(records,
        outbox_key("acme/a"),
        OutboxRecord{Generation{7}, Link{Counter{2}, Attempt{4}}, Seq{5}, Seq{3}, Attempt{6}});
    put(records, mutation_key("acme/a", MutationId{300}), mutation(300));
    put(records, mutation_key("acme/a", MutationId{9}), mutation(9));
    put(records, run_key("acme/a", MutationId{5}), run(5));
    put(records, run_key("acme/a", MutationId{7}), run(7));
    put(records, refused_key("acme/a", MutationId{4}), RefusedWrite{1203, mutation(4)});
    return records;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(store)

BOOST_AUTO_TEST_CASE(what_was_written_is_loaded_in_order) {
    auto const image = load(full_store()).value();
    BOOST_TEST(image.device->attempt_ordinal == 2U);
    BOOST_TEST(image.device->mutations == 4'096U);
    BOOST_TEST_REQUIRE(image.streams.size() == 2U);
    auto const& [name, stream] = image.streams[0];
    BOOST_TEST(name == "acme/a");
    BOOST_CHECK((stream.cursor == StoredCursor{Generation{7}, Seq{5}, Hash128{1, 2}}));
    BOOST_CHECK(stream.outbox.attempt == Attempt{6});
    BOOST_TEST_REQUIRE(stream.mutations.size() == 2U);
    BOOST_CHECK(stream.mutations[0] == mutation(9));
    BOOST_CHECK(stream.mutations[1] == mutation(300));
    BOOST_TEST_REQUIRE(stream.runs.size() == 2U);
    BOOST_CHECK(stream.runs[0] == run(5));
    BOOST_CHECK(stream.runs[1] == run(7));
    BOOST_TEST_REQUIRE(stream.refused.size() == 1U);
    BOOST_CHECK((stream.refused[0] == RefusedWrite{1203, mutation(4)}));
    BOOST_TEST(!image.streams[1].second.cursor->chain.has_value());
}

BOOST_AUTO_TEST_CASE(an_outbox_remembers_where_history_was_lost) {
    OutboxRecord record{Generation{7}, Link{Counter{2}, Attempt{4}}, Seq{5}, Seq{3}, Attempt{6}};
    record.lost_before = Attempt{5};
    auto records = full_store();
    put(records, outbox_key("acme/a"), record);
    BOOST_CHECK(load(records).value().streams[0].second.outbox == record);
}

BOOST_AUTO_TEST_CASE(keys_sort_as_mutations_do) {
    BOOST_CHECK(mutation_key("acme/a", MutationId{255}) < mutation_key("acme/a", MutationId{256}));
    BOOST_CHECK(mutation_key("acme/a", MutationId{256}) < mutation_key("acme/b", MutationId{1}));
    BOOST_TEST(run_key(std::string(255, 'x'), MutationId{1}).size() <= 511U);  // LMDB's limit
}

BOOST_AUTO_TEST_CASE(each_flipped_bit_is_found) {
    auto const records = full_store();
    for (auto const& [key, value] : records) {
        for (std::size_t bit = 0; bit < value.size() * 8; ++bit) {
            auto damaged = records;
            damaged[key][bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
            BOOST_TEST_REQUIRE(!load(damaged).has_value());
        }
    }
}

BOOST_AUTO_TEST_CASE(each_cut_value_is_found) {
    auto const records = full_store();
    for (auto const& [key, value] : records) {
        for (std::size_t size = 0; size < value.size(); ++size) {
            auto cut = records;
            cut[key].resize(size);
            BOOST_TEST_REQUIRE(!load(cut).has_value());
        }
    }
}

BOOST_AUTO_TEST_CASE(value_under_another_key_is_found) {
    auto records = full_store();
    records[mutation_key("acme/a", MutationId{10})] =
        records[mutation_key("acme/a", MutationId{9})];
    BOOST_TEST(!load(records).has_value());
}

BOOST_AUTO_TEST_CASE(records_that_make_no_sense_are_not_loaded) {
    struct Row {
        char const* name;
        Bytes key;
        Bytes value;
    };
    auto const with = [](auto key, auto const& record) { return encode(key, record); };
    auto no_parts = run(5);
    no_parts.parts.clear();
    auto wrong_parts = run(5);
    wrong_parts.parts.back().events = 2;
    auto few_parts = run(5);
    few_parts.parts.pop_back();
    auto floor = run(5);
    floor.run = encode_run({Attempt::of(2, 9), Link{}, Seq{3}, 0}, {});
    auto no_events = mutation(9);
    no_events.events.clear();
    auto const run_5 = run_key("acme/a", MutationId{5});
    auto const mutation_9 = mutation_key("acme/a", MutationId{9});
    auto const bad_name = cursor_key("acme//a");
    auto const unknown = bytes_of("Zacme/a");
    Row const rows[] = {
        {"a run without parts", run_5, with(run_5, no_parts)},
        {"less parts than the run's events", run_5, with(run_5, few_parts)},
        {"coalesced, without its mutations", run_5, with(run_5, wrong_parts)},
        {"a floor record", run_5, with(run_5, floor)},
        {"another first mutation", run_5, with(run_5, run(6))},
        {"a mutation without events", mutation_9, with(mutation_9, no_events)},
        {"a device id of zeros", device_key(), with(device_key(), DeviceRecord{})},
        {"no stream name", bad_name, with(bad_name, StoredCursor{})},
        {"an unknown kind", unknown, with(unknown, StoredCursor{})},
    };
    for (auto const& row : rows) {
        BOOST_TEST_CONTEXT(row.name) {
            auto records = full_store();
            records[row.key] = row.value;
            auto const loaded = load(records);
            BOOST_TEST_REQUIRE(!loaded.has_value());
            BOOST_CHECK(loaded.error().code == Errc::malformed);
        }
    }
}

BOOST_AUTO_TEST_CASE(coalesced_run_is_loaded_with_its_mutations) {
    auto coalesced = run(20);
    coalesced.parts = {{MutationId{20}, 2}, {MutationId{22}, 2}};
    auto records = full_store();
    put(records, run_key("acme/a", MutationId{20}), coalesced);
    put(records, mutation_key("acme/a", MutationId{20}), mutation(20));
    BOOST_TEST(!load(records).has_value());
    put(records, mutation_key("acme/a", MutationId{22}), mutation(22));
    auto const image = load(records).value();
    BOOST_TEST(is_coalesced(image.streams[0].second.runs[2]));
    BOOST_TEST(!is_coalesced(image.streams[0].second.runs[0]));
    BOOST_CHECK(image.streams[0].second.mutations[1] == mutation(20));
}

BOOST_AUTO_TEST_CASE(F15_record_of_a_later_version_is_not_touched) {
    auto records = full_store();
    auto const key = device_key();
    auto& value = records[key];
    value[0] = std::byte{2};
    auto const covered = ByteView(value).first(value.size() - 8);
    capstan::store(value.data() + covered.size(), hash64(key) ^ hash64(covered));
    auto const loaded = load(records);
    BOOST_TEST_REQUIRE(!loaded.has_value());
    BOOST_CHECK(loaded.error().code == Errc::format_unknown);
}

BOOST_AUTO_TEST_SUITE_END()
