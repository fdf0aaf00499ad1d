// F25: small messages that say a lot, for their parts point to one another.
#include <capstan/schema/event_generated.h>
#include <capstan/schema/wire_generated.h>

#include <boost/test/unit_test.hpp>
#include <capstan/schema/event.hpp>
#include <capstan/schema/event_reader.hpp>
#include <capstan/schema/limits.hpp>
#include <capstan/schema/wire.hpp>

#include "samples.hpp"

namespace capstan {
namespace {

using flatbuffers::FlatBufferBuilder;
using flatbuffers::Offset;

Bytes bytes_of(FlatBufferBuilder const& out) {
    auto const* first = reinterpret_cast<std::byte const*>(out.GetBufferPointer());
    return Bytes(first, first + out.GetSize());
}

/// A Hello whose cursors are one and the same table.
Bytes hello_with_shared_cursors(std::size_t count, std::string const& name) {
    FlatBufferBuilder out;
    auto const cursor = fb::CreateStreamCursor(out, out.CreateString(name));
    auto const cursors = out.CreateVector(std::vector<Offset<fb::StreamCursor>>(count, cursor));
    auto const device = to_wire(test::device(1));
    fb::HelloBuilder hello(out);
    hello.add_version(kProtocolVersion);
    hello.add_device(&device);
    hello.add_streams(cursors);
    out.FinishSizePrefixed(hello.Finish(), "CHEL");
    return bytes_of(out);
}

/// An event whose operations are tables of their own, or one, and share one text.
Bytes event_with_shared_text(std::size_t count, bool one_table, std::string const& text) {
    FlatBufferBuilder out;
    auto const put = [&](std::string const& words) {
        return out.CreateVector(reinterpret_cast<std::uint8_t const*>(words.data()), words.size());
    };
    auto const object = put("m1");
    auto const field = put("text");
    auto const content = put(text);
    std::vector<Offset<fb::Op>> ops;
    for (std::size_t i = 0; i < count; ++i) {
        ops.push_back(one_table && i > 0
                          ? ops.front()
                          : fb::CreateOp(out, object, field, fb::ValueKind::text, content));
    }
    out.Finish(fb::CreateEvent(out, out.CreateVector(ops)));
    return bytes_of(out);
}

/// A Credit with a field that no version knows: `depth` tables, one in the other.
Bytes credit_with_depths(std::size_t depth) {
    constexpr flatbuffers::voffset_t kUnknownField = 4 + 2 * 20;
    FlatBufferBuilder out;
    flatbuffers::uoffset_t inner = 0;
    for (std::size_t i = 0; i < depth; ++i) {
        auto const start = out.StartTable();
        if (inner != 0) {
            out.AddOffset(kUnknownField, Offset<void>(inner));
        }
        inner = out.EndTable(start);
    }
    auto const start = out.StartTable();
    out.AddOffset(kUnknownField, Offset<void>(inner));
    out.FinishSizePrefixed(Offset<fb::Credit>(out.EndTable(start)), "CCRE");
    return bytes_of(out);
}

std::optional<Errc> reading_of(Bytes const& payload) {
    MessageReader reader(payload);
    auto const message = reader.next();
    return message ? std::nullopt : std::optional(message.error().code);
}

/// Decoding and reading in place have one verdict.
bool is_refused(Bytes const& event) {
    EventReader reader;
    bool const decoded = decode_event(event).has_value();
    BOOST_TEST(reader.read(event).has_value() == decoded);
    return !decoded;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(sharing)

BOOST_AUTO_TEST_CASE(F25_cursors_that_are_one_table_are_refused) {
    std::string const long_name = "acme/" + std::string(250, 'x');
    BOOST_TEST((reading_of(hello_with_shared_cursors(1'000'000, "acme/a")) == Errc::too_large));
    BOOST_TEST((reading_of(hello_with_shared_cursors(250'000, "acme/a")) == Errc::malformed));
    BOOST_TEST((reading_of(hello_with_shared_cursors(16'000, long_name)) == Errc::malformed));
    BOOST_TEST((reading_of(hello_with_shared_cursors(100, long_name)) == Errc::malformed));
    // What an honest encoder of another language may share costs little, and passes.
    BOOST_TEST(!reading_of(hello_with_shared_cursors(4, long_name)).has_value());
}

BOOST_AUTO_TEST_CASE(F25_operations_that_share_a_text_are_refused) {
    std::string const book(400'000, 'a');
    BOOST_TEST(is_refused(event_with_shared_text(200'000, true, "x")));
    BOOST_TEST(is_refused(event_with_shared_text(kEventOpsMax, true, book)));
    BOOST_TEST(is_refused(event_with_shared_text(kEventOpsMax, false, book)));
    BOOST_TEST(is_refused(event_with_shared_text(5, false, book)));
    BOOST_TEST(!is_refused(event_with_shared_text(1, false, book)));
    BOOST_TEST(!is_refused(event_with_shared_text(kEventOpsMax, false, "short")));
}

BOOST_AUTO_TEST_CASE(F25_a_thousand_tables_in_one_another_are_not_followed) {
    BOOST_TEST(!reading_of(credit_with_depths(1'000)).has_value());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace capstan
