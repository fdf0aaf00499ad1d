// A history that one server has sequenced is brought to another one: every event at its place.
#include <boost/test/unit_test.hpp>
#include <capstan/importers/stream_import.hpp>
#include <capstan/schema/body.hpp>
#include <nlohmann/json.hpp>

#include "http_bed.hpp"

namespace capstan::test {
namespace {

DeviceId device(int n) {
    DeviceId id;
    id.bytes[5] = static_cast<std::byte>(n);
    return id;
}

/// Devices that publish to one stream of a bed, run after run.
struct Authors {
    HttpBed& bed;
    std::string stream = "acme/room";
    std::map<int, Link> last = {};

    StreamStat stat() const {
        return bed.partition->stat(std::string_view(stream)).value().value();
    }

    /// A run of `events` events; none: a floor.
    fb::Outcome say(int who, Seq p, std::size_t events, std::uint16_t flags = 0) {
        std::vector<Bytes> bodies;
        for (std::size_t i = 0; i < events; ++i) {
            bodies.push_back(encode_event(to_event(Body{.content = std::to_string(who)})));
        }
        std::vector<ByteView> const views(bodies.begin(), bodies.end());
        auto const run = encode_run(
            {.attempt = Attempt::of(1, 7), .after = last[who], .preceding_seq = p, .flags = flags},
            views);
        Principal const principal{"acme", "someone", {}};
        auto const known = bed.partition->stat(std::string_view(stream)).value();
        bool const is_new = !known || p == kAtHead;
        auto outcome = fb::Outcome::MIN;
        bed.host->publish({.principal = principal,
                           .device = device(who),
                           .stream = stream,
                           .generation = is_new ? Generation{} : known->generation,
                           .expect_head = {},
                           .run = run},
                          bed.clock.now(),
                          [&](RunAnswer const& answer) { outcome = answer.result.outcome(); });
        bed.run();
        last[who] = RunView::decode(run).value().last_link();
        return outcome;
    }

    std::vector<importers::ExportedRun> exported() const {
        std::vector<importers::ExportedRun> runs;
        auto const whole = stat();
        for (Seq at; at < whole.head;) {
            auto const page = bed.partition->read(whole.number, at.next(), 65'536).value();
            ByteReader in(page.runs);
            auto mark = page.mark_before;
            for (std::size_t n = 0; at < page.last; ++n) {
                auto const run = DeliveredRunView::take(in).value();
                runs.push_back({at.next(), mark, Bytes(run.bytes().begin(), run.bytes().end())});
                at = at.plus(run.run().count());
                mark = Seq{page.marks[n]};
            }
        }
        return runs;
    }
};

HttpRequest import_request(std::string const& stream,
                           Seq head,
                           ByteView runs,
                           std::string const& token = "acme/operator") {
    return {
        .method = "POST",
        .path = "/v1/import/" + stream,
        .query = {},
        .fields = {{"Authorization", "Bearer " + token}, {"If-Match", std::to_string(head.value)}},
        .body = std::string(as_text(runs))};
}

void create(HttpBed& bed, std::string const& stream) {
    auto const answer = bed.ask({.method = "PUT",
                                 .path = "/v1/streams/" + stream,
                                 .query = {},
                                 .fields = {{"Authorization", "Bearer acme/operator"}},
                                 .body = {}});
    BOOST_TEST_REQUIRE(answer->status == 201U);
}

/// Sends all batches; the answer to the last one.
HttpResponse import_all(HttpBed& bed,
                        importers::StreamImport& import,
                        std::vector<importers::ExportedRun> const& runs,
                        std::string const& stream) {
    HttpResponse last;
    BOOST_TEST_REQUIRE(import.begin({.name = "acme/room"}).has_value());
    auto const send = [&] {
        while (auto const batch = import.take_batch()) {
            last = *bed.ask(import_request(stream, batch->head, batch->runs));
        }
    };
    for (auto const& run : runs) {
        BOOST_TEST_REQUIRE(import.take(run).has_value());
        send();
    }
    BOOST_TEST_REQUIRE(import.end().has_value());
    send();
    return last;
}

/// Three hundred events, then a reader that holds the mark back, many more, and then its own edit,
/// of which the mark has just not passed what it had seen.
void make_history(Authors& authors) {
    for (int i = 0; i < 150; ++i) {
        BOOST_TEST_REQUIRE((authors.say(1, kAtHead, 2) == fb::Outcome::accepted));
    }
    auto const mark = authors.stat().mark;
    BOOST_TEST_REQUIRE(mark.value == 44U);
    BOOST_TEST_REQUIRE((authors.say(2, mark, 0) == fb::Outcome::accepted));
    for (int i = 0; i < 300; ++i) {
        BOOST_TEST_REQUIRE((authors.say(1, kAtHead, 1) == fb::Outcome::accepted));
    }
    BOOST_TEST_REQUIRE(authors.stat().mark.value == 44U);
    BOOST_TEST_REQUIRE((authors.say(2, mark, 1, RunFlags::needs_window) == fb::Outcome::accepted));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(http_import)

BOOST_AUTO_TEST_CASE(every_run_keeps_author_time_and_place_and_no_edit_falls_below_the_mark) {
    HttpBed bed;
    bed.open();
    Authors source{bed};
    make_history(source);
    bed.clock.advance(std::chrono::hours(24));

    create(bed, "acme/copy");
    importers::StreamImport import({"acme/copy", Seq{}, chain_start("acme/copy")});
    auto const answer = import_all(bed, import, source.exported(), "acme/copy");
    BOOST_TEST_REQUIRE(answer.status == 200U, answer.body);
    BOOST_TEST(nlohmann::json::parse(answer.body)["head"] == 601U);

    Authors const copy{bed, "acme/copy"};
    auto const wanted = source.exported();
    auto const got = copy.exported();
    BOOST_TEST_REQUIRE(got.size() == wanted.size());
    for (std::size_t i = 0; i < got.size(); ++i) {
        BOOST_TEST_REQUIRE((got[i].delivered == wanted[i].delivered));
        BOOST_TEST_REQUIRE((got[i].mark_before <= wanted[i].mark_before));
    }
    BOOST_TEST((copy.stat().mark <= source.stat().mark));

    // The same once more changes nothing, and a device goes on where it was.
    importers::StreamImport again({"acme/copy", copy.stat().head, copy.stat().chain});
    import_all(bed, again, wanted, "acme/copy");
    BOOST_TEST(again.already_there() == 601U);
    auto const mine = bed.partition->device(copy.stat().number, device(1)).value();
    BOOST_TEST((mine.last == source.last[1]));
}

/// The same answer twice, and a run in a place that is taken.
BOOST_AUTO_TEST_CASE(a_request_may_be_repeated_and_never_lands_elsewhere) {
    HttpBed bed;
    bed.open();
    Authors source{bed};
    source.say(1, kAtHead, 3);
    source.say(2, Seq{1}, 2);
    create(bed, "acme/copy");
    Bytes runs;
    for (auto const& run : source.exported()) {
        ByteWriter(runs).put(ByteView(run.delivered));
    }
    auto const first = bed.ask(import_request("acme/copy", Seq{}, runs));
    auto const second = bed.ask(import_request("acme/copy", Seq{}, runs));
    BOOST_TEST(first->status == 200U);
    BOOST_TEST(second->body == first->body);

    create(bed, "acme/taken");
    Authors other{bed, "acme/taken"};
    other.say(3, kAtHead, 1);
    auto const refused = bed.ask(import_request("acme/taken", Seq{}, runs));
    BOOST_TEST(refused->status == 412U, refused->body);
    BOOST_TEST(refused->body.find("the run that was to begin with event 1") != std::string::npos);
    BOOST_TEST(other.stat().head.value == 1U);
}

BOOST_AUTO_TEST_CASE(who_may_not_import_or_says_nonsense_is_told_so) {
    HttpBed bed;
    bed.open();
    create(bed, "acme/copy");
    Authors source{bed};
    source.say(1, kAtHead, 1);
    auto const runs = source.exported().front().delivered;
    auto const status = [&](HttpRequest const& request) { return bed.ask(request)->status; };
    BOOST_TEST(status(import_request("acme/copy", Seq{}, runs, "acme/x/read")) == 403U);
    BOOST_TEST(status(import_request("acme/copy", Seq{}, runs, "acme/x/write")) == 403U);
    BOOST_TEST(status(import_request("other/copy", Seq{}, runs)) == 403U);
    BOOST_TEST(status(import_request("acme/none", Seq{}, runs)) == 404U);
    BOOST_TEST(status(import_request("acme/copy", Seq{}, ByteView(runs).first(40))) == 400U);
    auto unguarded = import_request("acme/copy", Seq{}, runs);
    unguarded.fields.pop_back();
    BOOST_TEST(status(unguarded) == 400U);
    Bytes late;
    encode_delivered_run(late,
                         device(1),
                         WallTime{std::numeric_limits<std::int64_t>::max()},
                         ByteView(runs).subspan(DeliveredRunView::kPrefixBytes));
    BOOST_TEST(status(import_request("acme/copy", Seq{}, late)) == 400U);
    BOOST_TEST(Authors({bed, "acme/copy"}).stat().head.value == 0U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace capstan::test
