// Rows as bytes: golden, canonical, and never trusted.
#include <boost/test/unit_test.hpp>
#include <capstan/schema.hpp>

#include "fold_inputs.hpp"
#include "support/golden.hpp"

namespace {

using namespace capstan;
using namespace capstan::test;

template <class Row>
Bytes bytes_of(Row const& row) {
    Bytes bytes;
    encode(bytes, row);
    return bytes;
}

PartitionRow partition_row() {
    PartitionRow row;
    row.number = 3;
    row.position = Position{70'000};
    row.chain = Hash128{0x1111, 0x2222};
    row.last_stream = StreamNumber{9};
    row.lineages = {Lineage{0xAAAA}, Lineage{0xBBBB}};
    row.state_hash = 0x0123456789ABCDEF;
    row.marks = {{Position{1'000}, Hash128{5, 6}, 7}, {Position{2'000}, Hash128{8, 9}, 10}};
    return row;
}

StreamRow stream_row() {
    StreamRow row;
    row.name = "acme/room/42";
    row.number = StreamNumber{7};
    row.lifecycle = Lifecycle::open;
    row.edition = Edition{1};
    row.generation = Generation{0xCCCC};
    row.lineage_ordinal = 1;
    row.ended = {{Generation{0xDDDD}, Seq{40}}};
    row.head = Seq{100};
    row.chain = Hash128{0x3333, 0x4444};
    row.mark = Seq{60};
    row.policy = {32, 1'000, 2'000};
    row.members.put({device_named("B"), Seq{80}, Seq{99}}, {}, row.mark_context());
    row.members.put({device_named("A"), Seq{61}, Seq{90}}, {}, row.mark_context());
    return row;
}

DeviceRow device_row() {
    DeviceRow row;
    row.owner = Hash128{0x5555, 0x6666};
    row.attempt = Attempt::of(4, 0x77777777);
    row.halted = Errc::position_conflict;
    row.last = {Counter{12}, Attempt::of(3, 0x88888888)};
    row.preceding_seq = Seq{61};
    row.joined = Seq{90};
    return row;
}

/// Truncated anywhere, longer, or with any one byte changed: refused, or another row in its one
/// form.
template <class Decode>
void check_damage(Bytes const& good, Decode decode) {
    for (std::size_t size = 0; size < good.size(); ++size) {
        BOOST_TEST(!decode(ByteView(good).first(size)).has_value());
    }
    auto longer = good;
    longer.push_back(std::byte{0});
    BOOST_TEST(!decode(longer).has_value());
    for (std::size_t at = 0; at < good.size(); ++at) {
        for (unsigned const change : {1U, 0x80U, 0xFFU}) {
            auto bytes = good;
            bytes[at] ^= static_cast<std::byte>(change);
            if (auto const row = decode(bytes)) {
                check_invariants(row.value());
                BOOST_TEST((bytes_of(row.value()) == bytes));
            }
        }
    }
}

template <class Decode>
Errc error_of(Bytes const& bytes, Decode decode) {
    auto const row = decode(bytes);
    return row ? Errc::internal : row.error().code;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(fold_rows)

BOOST_AUTO_TEST_CASE(rows_have_the_recorded_bytes) {
    check_golden("sequencer/partition_row", bytes_of(partition_row()));
    check_golden("sequencer/stream_row", bytes_of(stream_row()));
    check_golden("sequencer/device_row", bytes_of(device_row()));
}

BOOST_AUTO_TEST_CASE(rows_come_back_from_their_bytes) {
    auto const partition = decode_partition_row(bytes_of(partition_row())).value();
    BOOST_TEST((bytes_of(partition) == bytes_of(partition_row())));
    BOOST_TEST((partition.lineage() == Lineage{0xBBBB}));
    auto const stream = decode_stream_row(bytes_of(stream_row())).value();
    BOOST_TEST((bytes_of(stream) == bytes_of(stream_row())));
    BOOST_TEST((stream.members.current(stream.mark_context()).size() == 2U));
    BOOST_TEST((stream_number_of(bytes_of(stream_row())) == StreamNumber{7}));
    BOOST_TEST((decode_device_row(bytes_of(device_row())).value() == device_row()));
    auto other = device_row();
    other.halted.reset();
    other.joined.reset();
    BOOST_TEST((decode_device_row(bytes_of(other)).value() == other));
}

BOOST_AUTO_TEST_CASE(an_idle_stream_of_one_device_is_small) {
    StreamRow row = stream_row();
    row.policy = {};
    row.members = {};
    row.ended.clear();
    BOOST_TEST(bytes_of(row).size() <= 64 + row.name.size());
    BOOST_TEST(bytes_of(device_row()).size() <= 72U);
}

BOOST_AUTO_TEST_CASE(damaged_rows_are_refused_or_are_other_rows) {
    check_damage(bytes_of(partition_row()), decode_partition_row);
    check_damage(bytes_of(stream_row()), decode_stream_row);
    check_damage(bytes_of(device_row()), decode_device_row);
}

BOOST_AUTO_TEST_CASE(rows_of_another_version_are_told_apart_from_damage) {
    auto bytes = bytes_of(device_row());
    bytes[0] = std::byte{2};
    BOOST_TEST((error_of(bytes, decode_device_row) == Errc::format_unknown));
    bytes = bytes_of(stream_row());
    bytes[0] = std::byte{2};
    BOOST_TEST((error_of(bytes, decode_stream_row) == Errc::format_unknown));
    auto later = partition_row();
    later.fold_version = kFoldVersion + 1;
    BOOST_TEST((error_of(bytes_of(later), decode_partition_row) == Errc::format_unknown));
    BOOST_TEST((error_of({}, decode_partition_row) == Errc::index_damaged));
}

BOOST_AUTO_TEST_CASE(restores_that_a_row_has_not_seen_change_neither_bytes_nor_hash) {
    auto const partition = partition_row();
    auto row = stream_row();
    row.ended.clear();
    row.lineage_ordinal = 0;
    auto caught_up = row;
    catch_up(partition, caught_up);
    BOOST_TEST((caught_up.generation == generation_of(partition.lineage(), row.name, row.edition)));
    BOOST_TEST((caught_up.ended == std::vector{EndedGeneration{row.generation, row.head}}));
    BOOST_TEST((bytes_of(caught_up) == bytes_of(row)));
    BOOST_TEST(row_hash(caught_up) == row_hash(row));
    auto back = decode_stream_row(bytes_of(caught_up)).value();
    catch_up(partition, back);
    BOOST_TEST((back.ended == caught_up.ended));
    BOOST_TEST((back.generation == caught_up.generation));
}

BOOST_AUTO_TEST_CASE(hashes_tell_rows_apart_but_not_stream_numbers) {
    auto const row = stream_row();
    auto other_number = row;
    other_number.number = StreamNumber{8};
    BOOST_TEST(row_hash(row) == row_hash(other_number));
    auto other_head = row;
    other_head.head = Seq{101};
    BOOST_TEST(row_hash(row) != row_hash(other_head));
    BOOST_TEST(row_hash(StreamRow{}) == 0U);

    auto const device = device_row();
    auto const hash = row_hash("acme/a", device_named("A"), device);
    BOOST_TEST(hash != row_hash("acme/b", device_named("A"), device));
    BOOST_TEST(hash != row_hash("acme/a", device_named("B"), device));
    BOOST_TEST(row_hash("acme/a", device_named("A"), DeviceRow{}) == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
