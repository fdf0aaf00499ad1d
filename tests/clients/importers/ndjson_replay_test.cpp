#include <boost/test/unit_test.hpp>
#include <capstan/importers/ndjson_mapping.hpp>
#include <capstan/importers/ndjson_replay.hpp>

namespace capstan::importers {
namespace {

constexpr Attempt kAttempt = Attempt::of(3, 7);
ImportId const kImport{parse_device("00000000000000000000000000000001").value()};

Event message(std::string const& id, std::string const& text) {
    return {.ops = {{.kind = OpKind::insert, .object = id, .type = "Message"},
                    {.object = id, .field = "text", .value = text}}};
}

Event named(Event event, std::vector<Op> const& import) {
    event.ops.insert(event.ops.begin(), import.begin(), import.end());
    return event;
}

Result<> apply(NdjsonReplay& replay, std::uint64_t seq, Event const& event) {
    auto const device = line_author_device(kImport, "ada");
    return replay.apply(
        Seq{seq}, {device, Counter{seq}}, kAttempt, Seq{seq - 1}, encode_event(event));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(ndjson_replay)

BOOST_AUTO_TEST_CASE(lines_that_a_stream_holds_are_found_again) {
    NdjsonReplay replay;
    BOOST_TEST(apply(replay, 1, named(message("a", "hi"), ndjson_import_ops(kImport))).has_value());
    BOOST_TEST(apply(replay, 2, message("b", "ho")).has_value());
    BOOST_TEST((replay.import() == kImport));
    BOOST_TEST(replay.head().value == 2u);
    // The first event says more than its line.
    BOOST_TEST(replay.find("a", message("a", "hi"))->same);
    BOOST_TEST(replay.find("a", message("a", "hi"))->seq.value == 1u);
    BOOST_TEST(!replay.find("b", message("b", "other"))->same);
    BOOST_TEST(!replay.find("c", message("c", "hi")).has_value());
    replay.note("c", message("c", "hi"));
    BOOST_TEST(replay.find("c", message("c", "hi"))->same);
    BOOST_TEST((replay.find("c", message("c", "hi"))->seq == Seq{}));
    auto const& author = replay.authors().at(line_author_device(kImport, "ada"));
    BOOST_TEST((author.last == Link{Counter{2}, kAttempt}));
    BOOST_TEST(author.preceding_seq.value == 1u);
}

BOOST_AUTO_TEST_CASE(what_others_publish_does_no_harm) {
    NdjsonReplay replay;
    Bytes const unreadable{std::byte{1}, std::byte{2}, std::byte{3}};
    BOOST_TEST(
        replay.apply(Seq{1}, {kImport.value, Counter{1}}, kAttempt, Seq{}, unreadable).has_value());
    BOOST_TEST(apply(replay, 2, message("a", "hi")).has_value());
    Event const edit{.ops = {{.object = "a", .field = "text", .value = std::string("edited")}}};
    BOOST_TEST(apply(replay, 3, edit).has_value());
    BOOST_TEST(replay.find("a", message("a", "hi"))->same);
    BOOST_TEST(replay.head().value == 3u);
    BOOST_TEST(replay.authors().size() == 2u);
    BOOST_TEST(!replay.import().has_value());
}

BOOST_AUTO_TEST_CASE(an_import_of_another_kind_is_told_apart) {
    auto const with = [](std::string_view field, Value value) {
        auto ops = ndjson_import_ops(kImport);
        for (auto& op : ops) {
            op.value = op.field == field ? value : op.value;
        }
        NdjsonReplay replay;
        return apply(replay, 1, named(message("a", "hi"), ops)).error().code;
    };
    BOOST_TEST((with("source", std::string("git")) == Errc::position_conflict));
    BOOST_TEST((with("format", std::int64_t{2}) == Errc::format_unknown));
    BOOST_TEST((with("id", std::string("no device")) == Errc::device_invalid));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace capstan::importers
