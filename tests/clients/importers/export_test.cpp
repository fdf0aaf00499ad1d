// Exported streams: both forms lead back to the same runs, also when they are cut off or damaged.
#include <algorithm>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <capstan/importers/event_json.hpp>
#include <capstan/importers/export_file.hpp>
#include <capstan/importers/stream_import.hpp>
#include <capstan/schema/body.hpp>
#include <capstan/schema/hash.hpp>
#include <limits>
#include <memory>

namespace capstan::importers {

std::ostream& operator<<(std::ostream& out, ExportForm form) {
    return out << (form == ExportForm::ndjson ? "ndjson" : "container");
}

namespace {

constexpr ExportForm kForms[] = {ExportForm::ndjson, ExportForm::container};

ReadBytes bytes_in(std::string text) {
    auto const left = std::make_shared<std::string>(std::move(text));
    return [left](std::span<char> buffer) -> Result<std::size_t> {
        auto const got = left->copy(buffer.data(), std::min<std::size_t>(buffer.size(), 1'000));
        left->erase(0, got);
        return got;
    };
}

DeviceId device(int n) {
    DeviceId id;
    id.bytes[3] = static_cast<std::byte>(n);
    return id;
}

Bytes body(Body::Kind kind, std::string content, std::string type = {}) {
    return encode_event(to_event({kind, std::move(content), std::move(type)}));
}

/// One of each operation and value.
Event every_op() {
    Event event;
    BlobReference const blob{.sha256 = {std::byte{7}}, .size_bytes = 9, .media_type = "image/png"};
    Value const values[] = {Value{},
                            true,
                            std::numeric_limits<std::int64_t>::min(),
                            std::numeric_limits<std::int64_t>::max(),
                            0.1,
                            1.0,
                            -0.0,
                            std::string("a \"quote\"\n\x01 é"),
                            Bytes{std::byte{0}, std::byte{255}},
                            Reference{"other"},
                            blob};
    event.ops.push_back({.kind = OpKind::insert, .object = "o", .type = "Thing"});
    for (auto const& value : values) {
        event.ops.push_back({.object = "o", .field = "f", .value = value});
    }
    event.ops.push_back({.kind = OpKind::unset, .object = "o", .field = "f"});
    event.ops.push_back(
        {.kind = OpKind::add, .object = "o", .field = "n", .value = std::int64_t{3}});
    event.ops.push_back({.kind = OpKind::set_add, .object = "o", .field = "s", .value = true});
    event.ops.push_back({.kind = OpKind::set_remove, .object = "o", .field = "s", .value = true});
    event.ops.push_back(
        {.kind = OpKind::map_put, .object = "o", .field = "m", .value = true, .key = "k"});
    event.ops.push_back({.kind = OpKind::map_remove, .object = "o", .field = "m", .key = "k"});
    event.ops.push_back(
        {.kind = OpKind::list_insert, .object = "o", .field = "l", .value = 1.5, .at = 4});
    event.ops.push_back(
        {.kind = OpKind::list_remove, .object = "o", .field = "l", .at = 4, .count = 2});
    event.ops.push_back({.kind = OpKind::splice,
                         .object = "o",
                         .field = "t",
                         .value = std::string("né"),
                         .at = 1,
                         .count = 2});
    event.ops.push_back({.kind = OpKind::remove, .object = "o"});
    return event;
}

/// Bodies, operations, bytes that are no event of ours, runs of several events, at-head and window
/// runs of two devices.
std::vector<ExportedRun> some_runs() {
    auto rebased = every_op();
    rebased.authored_p = Seq{1};
    std::vector<std::vector<Bytes>> const events{
        {body(Body::Kind::text, "hi"), body(Body::Kind::text, "line\nbreak \x7f \xc3\xa9", "note")},
        {body(
            Body::Kind::json, "{\"n\": 18446744073709551615, \"x\": 1.000, \"json\": {}}", "a\"b")},
        {body(Body::Kind::json, "[1,\n2]")},
        {body(Body::Kind::bytes, std::string("\0\xff", 2), "raw"), encode_event(every_op())},
        {encode_event(rebased)},
        {Bytes{std::byte{1}, std::byte{2}, std::byte{3}}},
    };
    std::vector<ExportedRun> runs;
    Link last[2];
    Seq first{1};
    for (std::size_t i = 0; i < events.size(); ++i) {
        RunHeader const header{
            .attempt = Attempt::of(static_cast<std::uint32_t>(i / 2 + 1), 0xfeed'0000),
            .after = last[i % 2],
            .preceding_seq = i % 3 == 0 ? kAtHead : Seq{i / 2},
            .flags = static_cast<std::uint16_t>(i == 4 ? RunFlags::needs_window : 0)};
        std::vector<ByteView> const views(events[i].begin(), events[i].end());
        auto const run = encode_run(header, views);
        ExportedRun exported{.first = first, .mark_before = Seq{i / 3}};
        WallTime const time{1'763'632'800'000'000 + static_cast<std::int64_t>(i) * 1'001};
        encode_delivered_run(exported.delivered, device(static_cast<int>(i % 2) + 1), time, run);
        last[i % 2] = RunView::decode(run).value().last_link();
        first = first.plus(events[i].size());
        runs.push_back(std::move(exported));
    }
    return runs;
}

DeliveredRunView view_of(ExportedRun const& run) {
    ByteReader in(run.delivered);
    return DeliveredRunView::take(in).value();
}

/// Writes a section of the runs behind `after`, and moves it and the chain on.
void write_section(ExportWriter& writer,
                   std::string const& name,
                   std::span<ExportedRun const> runs,
                   Seq& at,
                   Hash128& chain) {
    BOOST_TEST_REQUIRE(writer.begin({name, Generation{0xabcdef}, at, chain}).has_value());
    for (auto const& run : runs) {
        auto const view = view_of(run);
        BOOST_TEST_REQUIRE(writer.run(run.first, run.mark_before, view).has_value());
        chain = chain_behind(chain, run.first, view);
        at = at.plus(view.run().count());
    }
    BOOST_TEST_REQUIRE(writer.end({at, chain}).has_value());
}

/// Two sections of one stream and one of another.
std::string file_of(ExportForm form) {
    std::string file;
    auto const writer = ExportWriter::make(form, [&file](std::string_view bytes) -> Result<> {
        file += bytes;
        return success();
    });
    auto const runs = some_runs();
    Seq at;
    auto chain = chain_start("acme/a");
    write_section(*writer, "acme/a", std::span(runs).first(3), at, chain);
    write_section(*writer, "acme/a", std::span(runs).subspan(3), at, chain);
    Seq other;
    auto other_chain = chain_start("acme/b");
    write_section(*writer, "acme/b", std::span(runs).first(1), other, other_chain);
    return file;
}

struct ReadBack {
    std::vector<ExportedRun> runs;
    ExportCheck check;
    std::uint64_t whole_bytes = 0;
    bool cut_off = false;
};

Result<ReadBack> read_back(std::string const& file) {
    CAPSTAN_TRY(auto const reader, ExportReader::open(bytes_in(file)));
    ReadBack back;
    for (ExportedPiece piece;;) {
        CAPSTAN_TRY(auto const more, reader->next(piece));
        if (!more) {
            back.whole_bytes = reader->whole_bytes();
            back.cut_off = reader->is_cut_off();
            return back;
        }
        CAPSTAN_TRY(back.check.take(piece));
        if (auto* const run = std::get_if<ExportedRun>(&piece)) {
            back.runs.push_back(std::move(*run));
        }
    }
}

bool same(ExportedRun const& a, ExportedRun const& b) {
    return a == b;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(exported_streams)

BOOST_DATA_TEST_CASE(every_run_comes_back_byte_for_byte, boost::unit_test::data::make(kForms)) {
    auto const back = read_back(file_of(sample));
    BOOST_TEST_REQUIRE(back.has_value(), (back ? "" : back.error().detail));
    auto wanted = some_runs();
    wanted.push_back(wanted.front());
    BOOST_TEST_REQUIRE(back.value().runs.size() == wanted.size());
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        BOOST_TEST(same(back.value().runs[i], wanted[i]), "run " << i);
    }
    BOOST_TEST(back.value().check.events() == 10U);
    BOOST_TEST(back.value().check.streams().at("acme/a").seq.value == 8U);
    BOOST_TEST(back.value().check.open_section() == nullptr);
    BOOST_TEST(!back.value().cut_off);
}

BOOST_AUTO_TEST_CASE(readable_events_are_readable_and_others_stand_as_bytes) {
    auto const file = file_of(ExportForm::ndjson);
    BOOST_TEST(file.find("\"text\":\"hi\"}\n") != std::string::npos);
    BOOST_TEST(file.find("\"type\":\"a\\\"b\",\"json\":{\"n\": 18446744073709551615, \"x\": 1.000, "
                         "\"json\": {}}}\n") != std::string::npos);
    BOOST_TEST(file.find("\"ops\":[{\"op\":\"insert\",\"object\":\"o\",\"type\":\"Thing\"}") !=
               std::string::npos);
    BOOST_TEST(file.find("\"event\":\"010203\"}\n") != std::string::npos);
    // JSON over several lines would end the line.
    BOOST_TEST(event_members(body(Body::Kind::json, "[1,\n2]")).starts_with("\"event\":\""));
}

/// A file whose end is missing says where it is whole; what is before that comes back.
BOOST_DATA_TEST_CASE(cut_files_are_whole_up_to_a_piece, boost::unit_test::data::make(kForms)) {
    auto const file = file_of(sample);
    auto const all = read_back(file).value().runs;
    for (std::size_t bytes = 0; bytes < file.size(); ++bytes) {
        auto const back = read_back(file.substr(0, bytes));
        BOOST_TEST_REQUIRE(back.has_value(), bytes << " bytes");
        auto const& [runs, check, whole_bytes, cut_off] = back.value();
        BOOST_TEST_REQUIRE(whole_bytes <= bytes);
        BOOST_TEST_REQUIRE(cut_off == (whole_bytes < bytes));
        BOOST_TEST_REQUIRE(std::equal(runs.begin(), runs.end(), all.begin(), same));
        auto const again = read_back(file.substr(0, whole_bytes));
        BOOST_TEST_REQUIRE(!again.value().cut_off);
        BOOST_TEST_REQUIRE(again.value().runs.size() == runs.size());
    }
}

/// No bit of the content can change without being noticed; some of how it is packed tell nothing.
BOOST_AUTO_TEST_CASE(flipped_bits_of_a_container_are_found) {
    auto const file = file_of(ExportForm::container);
    auto const runs = read_back(file).value().runs;
    for (std::size_t at = 0; at < file.size(); ++at) {
        auto damaged = file;
        damaged[at] = static_cast<char>(damaged[at] ^ (1 << (at % 8)));
        auto const back = read_back(damaged);
        bool const is_harmless = back && std::ranges::equal(back.value().runs, runs, same);
        BOOST_TEST_REQUIRE((!back || back.value().cut_off || is_harmless), "byte " << at);
    }
}

BOOST_AUTO_TEST_CASE(a_changed_line_is_found_by_the_chain) {
    auto file = file_of(ExportForm::ndjson);
    auto const at = file.find("\"text\":\"hi\"");
    file.replace(at, 11, "\"text\":\"ho\"");
    auto const back = read_back(file);
    BOOST_TEST_REQUIRE(!back.has_value());
    BOOST_TEST((back.error().code == Errc::journal_corrupt));
    BOOST_TEST(read_back("no export").error().detail.find("no export") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(an_import_sends_what_the_target_lacks_and_refuses_another_history) {
    auto const runs = some_runs();
    auto chain = chain_start("acme/copy");
    Seq at;
    for (std::size_t known = 0; known <= runs.size(); ++known) {
        StreamImport import({"acme/copy", at, chain});
        BOOST_TEST_REQUIRE(import.begin({.name = "acme/a"}).has_value());
        for (auto const& run : runs) {
            BOOST_TEST_REQUIRE(import.take(run).has_value());
        }
        BOOST_TEST_REQUIRE(import.end().has_value());
        BOOST_TEST_REQUIRE(import.finish().has_value());
        Bytes wanted;
        for (std::size_t i = known; i < runs.size(); ++i) {
            ByteWriter(wanted).put(ByteView(runs[i].delivered));
        }
        auto const batch = import.take_batch();
        BOOST_TEST_REQUIRE(batch.has_value() == (known < runs.size()));
        BOOST_TEST((!batch || (batch->runs == wanted && batch->head == at)));
        BOOST_TEST(import.already_there() == at.value);
        if (known < runs.size()) {
            chain = chain_behind(chain, runs[known].first, view_of(runs[known]));
            at = at.plus(view_of(runs[known]).run().count());
        }
    }
    auto const refused = [&](StreamImport::Target target) {
        StreamImport import(std::move(target));
        Result<> done = import.begin({.name = "acme/a"});
        for (auto const& run : runs) {
            done = done ? import.take(run) : done;
        }
        done = done ? import.end() : done;
        done = done ? import.finish() : done;
        return !done && done.error().code == Errc::position_conflict;
    };
    BOOST_TEST(refused({"acme/copy", Seq{3}, Hash128{1, 2}}));
    BOOST_TEST(refused({"acme/copy", at.next(), chain}));
    BOOST_TEST(refused({"acme/copy", Seq{1}, chain}));  // in the middle of a run
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace capstan::importers
