// Reading an event without copies: the same verdicts and the same meaning as decoding it.
#include <capstan/schema/event_generated.h>

#include <boost/test/unit_test.hpp>
#include <capstan/schema/event_reader.hpp>

namespace {

using namespace capstan;

Event sample() {
    BlobReference blob;
    blob.sha256.fill(std::byte{7});
    blob.size_bytes = 1'234;
    blob.media_type = "image/png";
    return {
        .ops = {{.kind = OpKind::insert, .object = "m1", .type = "Message"},
                {.object = "m1", .field = "text", .value = std::string("grüße, and more of it")},
                {.object = "m1", .field = "size", .value = std::int64_t{-9}},
                {.object = "m1", .field = "ratio", .value = 0.5},
                {.object = "m1", .field = "picture", .value = blob},
                {.kind = OpKind::map_put,
                 .object = "c",
                 .field = "map",
                 .value = Reference{"u1"},
                 .key = "k"},
                {.kind = OpKind::splice,
                 .object = "c",
                 .field = "body",
                 .value = std::string("x"),
                 .at = 4,
                 .count = 2},
                {.kind = OpKind::list_move, .object = "c", .field = "list", .at = 1, .to = 5},
                {.kind = OpKind::remove, .object = "m0"}},
        .authored_p = Seq{12}};
}

std::string_view content_of(Value const& value) {
    if (auto const* text = std::get_if<std::string>(&value)) {
        return *text;
    }
    if (auto const* bytes = std::get_if<Bytes>(&value)) {
        return as_text(*bytes);
    }
    if (auto const* reference = std::get_if<Reference>(&value)) {
        return reference->object;
    }
    auto const* blob = std::get_if<BlobReference>(&value);
    return blob == nullptr ? std::string_view{} : blob->media_type;
}

bool says_the_same(OpView const& view, Op const& op) {
    auto const* number = std::get_if<std::int64_t>(&op.value);
    auto const* real = std::get_if<double>(&op.value);
    auto const* blob = std::get_if<BlobReference>(&op.value);
    return view.kind == op.kind && view.object == op.object && view.field == op.field &&
           view.type == op.type && view.key == op.key && view.at == op.at &&
           view.count == op.count && view.to == op.to &&
           (content_of(op.value).empty() || view.content == content_of(op.value)) &&
           (number == nullptr || view.number == *number) &&
           (real == nullptr || std::memcmp(&view.real, real, sizeof *real) == 0) &&
           (blob == nullptr || std::equal(blob->sha256.begin(), blob->sha256.end(), view.sha256));
}

void require_agreement(ByteView bytes, std::size_t& read) {
    auto const event = decode_event(bytes);
    EventReader reader;
    auto const ops = reader.read(bytes);
    BOOST_TEST_REQUIRE(event.has_value() == ops.has_value());
    if (!event) {
        BOOST_TEST_REQUIRE((event.error().code == ops.error().code));
        return;
    }
    ++read;
    BOOST_TEST_REQUIRE((reader.authored_p() == event.value().authored_p));
    BOOST_TEST_REQUIRE(ops.value().size() == event.value().ops.size());
    for (std::size_t i = 0; i < ops.value().size(); ++i) {
        BOOST_TEST_REQUIRE(says_the_same(ops.value()[i], event.value().ops[i]));
    }
}

}  // namespace

BOOST_AUTO_TEST_CASE(reading_and_decoding_an_event_agree_on_every_changed_bit_and_every_part) {
    auto const bytes = encode_event(sample());
    std::size_t read = 0;
    require_agreement(bytes, read);
    BOOST_TEST(read == 1U);
    for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
        auto changed = bytes;
        changed[bit / 8] ^= std::byte{1} << (bit % 8);
        require_agreement(changed, read);
    }
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        require_agreement(ByteView(bytes).first(size), read);
    }
    BOOST_TEST(read > 100U);
}
