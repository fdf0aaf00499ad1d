#include <boost/test/unit_test.hpp>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <numeric>
#include <regex>
#include <support/script.hpp>

#include "http_bed.hpp"

namespace {

using namespace capstan;
using namespace capstan::test;

/// Plays the commands of a script:
///
///   METHOD path=… [token=…] [type=…] [run=…] [if_match=…] [if_none_match=…]      input: the body
///   answer     what a request that waited was answered
///   pass ms=N  virtual time
///   drain
class HttpScript {
  public:
    HttpScript() { bed_.open(); }

    std::string operator()(ScriptCommand const& command) {
        if (command.name == "answer") {
            return shown(*bed_.last);
        }
        if (command.name == "pass") {
            bed_.schedule.run_for(std::chrono::milliseconds(command.args.number("ms")));
            return shown(*bed_.last);
        }
        if (command.name == "drain") {
            bed_.api->drain();
            return shown(*bed_.last);
        }
        waiting_ = bed_.last;
        auto const waited = bed_.last && !*bed_.last;
        auto const answer = bed_.ask(request_of(command));
        auto text = shown(answer);
        if (waited && answer) {
            bed_.last = waiting_;  // `answer` shows the one that waits
        }
        return text;
    }

  private:
    HttpRequest request_of(ScriptCommand const& command) {
        HttpRequest request{.method = command.name};
        auto const target = with_generation(command.args.text("path"));
        auto const mark = std::min(target.find('?'), target.size());
        request.path = target.substr(0, mark);
        request.query = target.substr(std::min(mark + 1, target.size()));
        request.body =
            command.input.substr(0, command.input.size() - (command.input.empty() ? 0 : 1));
        auto const add =
            [&](char const* name, std::string const& key, std::string const& fallback) {
                auto const value = command.args.text_or(key, fallback);
                if (!value.empty()) {
                    request.fields.emplace_back(name, value);
                }
            };
        request.fields.emplace_back("Authorization",
                                    "Bearer " + command.args.text_or("token", "acme/alice"));
        add("Content-Type", "type", "");
        add("Capstan-Run", "run", "");
        add("If-Match", "if_match", "");
        add("If-None-Match", "if_none_match", "");
        for (auto& [name, value] : request.fields) {
            value = with_generation(value);
        }
        return request;
    }

    std::string with_generation(std::string text) const {
        auto const at = text.find("GENERATION");
        return at == std::string::npos ? text : text.replace(at, 10, generation_);
    }

    /// Random values become words, so that a script tells the story and nothing else.
    std::string shown(std::optional<HttpResponse> const& answer) {
        if (!answer) {
            return "waits";
        }
        auto text = plain(*answer);
        static std::regex const generation(R"re("generation":"([0-9a-f]{16})")re");
        if (std::smatch found; std::regex_search(text, found, generation)) {
            generation_ = found[1];
        }
        text = std::regex_replace(text, std::regex(R"re("chain":"[0-9a-f]{32}",)re"), "");
        text = std::regex_replace(
            text, std::regex(R"re("device":"[0-9a-f]{32}")re"), "\"device\":\"D\"");
        text = std::regex_replace(text, std::regex(R"re((\d+)@[0-9]{5,})re"), "$1@A");
        text = std::regex_replace(text, std::regex(R"re(attempt [0-9]{5,})re"), "attempt A");
        return generation_.empty()
                   ? text
                   : std::regex_replace(text, std::regex(generation_), "GENERATION");
    }

    /// Status, the fields that matter, and the body; what the catalogue says is left out.
    static std::string plain(HttpResponse const& answer) {
        std::string out = std::to_string(answer.status);
        for (auto const& [name, value] : answer.fields) {
            if (name != "Vary" && value != "no-store") {
                out += " " + name + "=" + value;
            }
        }
        if (answer.body.empty()) {
            return out;
        }
        auto json = nlohmann::ordered_json::parse(answer.body);
        if (json.contains("title")) {
            for (auto const* key : {"type", "title", "status", "next"}) {
                json.erase(key);
            }
            return out + "\n" + json.dump();
        }
        return out + "\n" + answer.body;
    }

    HttpBed bed_;
    std::string generation_;  // the last that was shown
    std::shared_ptr<std::optional<HttpResponse>> waiting_;
};

HttpRequest get(std::string const& path) {
    return {.method = "GET", .path = path, .fields = {{"Authorization", "Bearer acme/alice"}}};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(http)

BOOST_DATA_TEST_CASE(scripts, capstan::test::scripts_in("tests/server/http/scripts")) {
    HttpScript script;
    capstan::test::run_script(sample, std::ref(script));
}

BOOST_AUTO_TEST_CASE(before_the_journal_is_open_everything_is_not_ready) {
    HttpBed bed;
    auto const answer = bed.ask(get("/v1/streams/acme/room"));
    BOOST_TEST_REQUIRE(answer.has_value());
    BOOST_TEST(answer->status == 503U);
    BOOST_TEST(answer->body.find("not_ready") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(every_error_of_the_catalogue_has_a_status) {
    for (auto const& entry : error_catalogue()) {
        BOOST_TEST_CONTEXT(entry.name) {
            auto const status = http_status(entry.code);
            BOOST_TEST((status >= 400 && status < 600));
            BOOST_TEST((entry.reaction != Reaction::retry_later || status == 429 || status >= 500));
        }
    }
}

BOOST_AUTO_TEST_CASE(page_about_http_has_every_route_and_every_status) {
    std::ifstream file("docs/http.md");
    std::string const page{std::istreambuf_iterator<char>(file), {}};
    for (auto const& route : http_routes()) {
        auto const row = "| `" + std::string(route.method) + " " + std::string(route.path) +
                         "` | " + std::string(route.summary) + " |\n";
        BOOST_TEST(page.find(row) != std::string::npos, row);
    }
    std::map<unsigned, std::string> names;
    for (auto const& entry : error_catalogue()) {
        auto& list = names[http_status(entry.code)];
        list += (list.empty() ? "`" : ", `") + std::string(entry.name) + "`";
    }
    for (auto const& [status, list] : names) {
        auto const row = "| " + std::to_string(status) + " | " + list + " |\n";
        BOOST_TEST((status == 400 || page.find(row) != std::string::npos), row);
    }
}

BOOST_AUTO_TEST_CASE(routes_name_their_stream_last) {
    std::set<std::pair<std::string_view, std::string_view>> seen;
    for (auto const& route : http_routes()) {
        BOOST_TEST(seen.emplace(route.method, route.path).second);
        auto const at = route.path.find('{');
        BOOST_TEST((at == std::string_view::npos || route.path.ends_with("{stream}")));
    }
}

BOOST_AUTO_TEST_CASE(payload_numbers_survive_unchanged) {
    HttpBed bed;
    bed.open();
    std::string const body = "{\"n\": 18446744073709551615, \"x\": 1.000, \"s\": \"\\u00e9\"}";
    auto request = get("/v1/events/acme/room");
    request.method = "POST";
    request.body = body;
    request.fields.emplace_back("Content-Type", "application/json");
    BOOST_TEST(bed.ask(request)->status == 201U);
    BOOST_TEST(bed.ask(get("/v1/events/acme/room"))->body.find("\"json\":" + body) !=
               std::string::npos);
}

BOOST_AUTO_TEST_CASE(large_history_comes_in_pages_without_gap_or_repeat) {
    HttpBed bed;
    bed.open();
    auto append = get("/v1/events/acme/room");
    append.method = "POST";
    append.fields.emplace_back("Content-Type", "application/x-ndjson");
    for (int i = 0; i < 2'500; ++i) {
        append.body += "{\"i\":" + std::to_string(i) + "}\n";
    }
    BOOST_TEST_REQUIRE(bed.ask(append)->status == 201U);
    std::uint64_t next = 1;
    for (int page = 0; page < 10 && next <= 2'500; ++page) {
        auto read = get("/v1/events/acme/room");
        read.query = "from=" + std::to_string(next) + "&limit=999";
        auto const json = nlohmann::json::parse(bed.ask(read)->body);
        for (auto const& event : json["events"]) {
            BOOST_TEST_REQUIRE(event["seq"] == next);
            BOOST_TEST_REQUIRE(event["json"]["i"] == next - 1);
            ++next;
        }
        BOOST_TEST_REQUIRE(json["next"] == next);
    }
    BOOST_TEST(next == 2'501U);
}

BOOST_AUTO_TEST_CASE(read_of_one_event_reads_its_run_and_not_the_tape_behind_it) {
    HttpBed bed;
    bed.open();
    auto append = get("/v1/events/acme/room");
    append.method = "POST";
    append.body = '"' + std::string(40'000, 'x') + '"';
    append.fields.emplace_back("Content-Type", "application/json");
    for (int i = 0; i < 30; ++i) {
        BOOST_TEST_REQUIRE(bed.ask(append)->status == 201U);
    }
    std::size_t reads = 0;
    bed.storage.set_on_call([&](auto call, auto) { reads += call == "pread" ? 1 : 0; });
    auto read = get("/v1/events/acme/room");
    read.query = "from=3&limit=1";
    auto const json = nlohmann::json::parse(bed.ask(read)->body);
    BOOST_TEST_REQUIRE(json["events"].size() == 1U);
    BOOST_TEST(json["events"][0]["seq"] == 3U);
    BOOST_TEST(json["next"] == 4U);
    BOOST_TEST(reads == 1U);
    read.query = "from=3&to=5";
    BOOST_TEST(nlohmann::json::parse(bed.ask(read)->body)["events"].size() == 2U);
    BOOST_TEST(reads == 3U);
}

BOOST_AUTO_TEST_CASE(F9_slow_disk_turns_appends_away_above_the_queue_and_keeps_what_it_took) {
    constexpr std::size_t kQueueBytes = 64 * 1'024;
    constexpr int kAppends = 1'000;
    HttpBed bed;
    bed.open({.queue_bytes_max = kQueueBytes});
    bed.storage.set_on_call([&](auto call, auto) {
        if (call == "datasync") {
            bed.clock.advance(std::chrono::seconds(10));
        }
    });
    auto append = get("/v1/events/acme/room");
    append.method = "POST";
    append.body = '"' + std::string(1'000, 'x') + '"';
    append.fields.emplace_back("Content-Type", "application/json");
    int stored = 0;
    int told_to_wait = 0;
    int other = 0;
    for (int i = 0; i < kAppends; ++i) {
        bed.api->handle(append, [&](HttpResponse const& answer) {
            auto const wait = std::ranges::find(
                answer.fields, "Retry-After", &std::pair<std::string, std::string>::first);
            bool const is_told = wait != answer.fields.end() && std::stoi(wait->second) > 0;
            (answer.status == 201              ? stored
             : answer.status == 503 && is_told ? told_to_wait
                                               : other) += 1;
        });
        BOOST_TEST_REQUIRE(bed.partition->marks().queued_bytes <= kQueueBytes);
    }
    BOOST_TEST(stored == 0);  // the disk has not said so yet
    BOOST_TEST(told_to_wait > kAppends / 2);
    bed.schedule.run_for(std::chrono::hours(1));
    BOOST_TEST(stored > 0);
    BOOST_TEST(other == 0);
    BOOST_TEST(stored + told_to_wait == kAppends);
    BOOST_TEST(bed.partition->marks().queued_bytes == 0U);
    BOOST_TEST(bed.partition->stat("acme/room").value()->head.value ==
               static_cast<std::uint64_t>(stored));
    bed.storage.set_on_call({});
    BOOST_TEST(bed.ask(append)->status == 201U);
}

/// A reader of server-sent events that takes a piece when it likes to.
struct FlowReader {
    FlowReader(HttpBed& bed, std::string const& query, std::string const& last_event_id = {}) {
        auto request = get("/v1/events/acme/room");
        request.query = query;
        request.fields.emplace_back("Accept", "text/event-stream");
        if (!last_event_id.empty()) {
            request.fields.emplace_back("Last-Event-ID", last_event_id);
        }
        answer = *bed.ask(request);
        bed.last.reset();
        flow = std::exchange(answer.flow, nullptr);
        if (flow) {
            flow->start([this] { ++wakes; });
        }
    }
    /// What there is, up to so many pieces; `|` stands for the end.
    std::string take(std::size_t pieces = 1'000) {
        BOOST_TEST_REQUIRE(flow != nullptr, answer.status << " " << answer.body);
        std::string out;
        for (std::size_t i = 0; i < pieces; ++i) {
            auto const piece = flow->next();
            if (!piece || piece->empty()) {
                return out + (piece ? "" : "|");
            }
            out += *piece;
        }
        return out;
    }
    HttpResponse answer;
    std::shared_ptr<HttpFlow> flow;
    int wakes = 0;
};

/// The numbers behind `"n":`, in order.
std::vector<int> numbers_in(std::string const& text) {
    std::vector<int> found;
    for (auto at = text.find("\"n\":"); at != std::string::npos; at = text.find("\"n\":", at + 1)) {
        found.push_back(std::stoi(text.substr(at + 4)));
    }
    return found;
}

void append_numbers(HttpBed& bed, int first, int end) {
    auto append = get("/v1/events/acme/room");
    append.method = "POST";
    append.fields.emplace_back("Content-Type", "application/x-ndjson");
    for (int n = first; n < end; ++n) {
        append.body +=
            "{\"n\":" + std::to_string(n) + ",\"s\":\"" + std::string(200, 'x') + "\"}\n";
    }
    BOOST_TEST_REQUIRE(bed.ask(append)->status == 201U);
}

std::vector<int> range(int first, int end) {
    std::vector<int> numbers(static_cast<std::size_t>(end - first));
    std::iota(numbers.begin(), numbers.end(), first);
    return numbers;
}

BOOST_AUTO_TEST_CASE(flow_tells_what_is_there_then_what_comes_and_goes_on_behind_an_id) {
    HttpBed bed;
    bed.open();
    append_numbers(bed, 1, 4);
    FlowReader reader(bed, "after=1");
    BOOST_TEST(reader.answer.content_type == "text/event-stream");
    auto const seen = reader.take();
    BOOST_TEST(seen.starts_with("retry: "));
    BOOST_TEST(numbers_in(seen) == range(2, 4), boost::test_tools::per_element());
    append_numbers(bed, 4, 6);
    bed.run();
    BOOST_TEST(reader.wakes == 1);
    BOOST_TEST(numbers_in(reader.take()) == range(4, 6), boost::test_tools::per_element());
    auto const id = seen.substr(seen.rfind("id: ") + 4, 18);
    FlowReader again(bed, "after=1", id);  // the id is newer than the address
    BOOST_TEST(numbers_in(again.take()) == range(4, 6), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(F64_flow_of_a_slow_reader_reads_the_tape_at_its_own_pace) {
    HttpBed bed;
    bed.open();
    append_numbers(bed, 1, 3'000);
    FlowReader slow(bed, "");
    FlowReader quick(bed, "from=tail");
    BOOST_TEST(slow.take(2).size() < 1'500'000U);  // one run comes whole
    std::vector<int> seen;
    for (int n = 3'000; n < 3'100; ++n) {
        append_numbers(bed, n, n + 1);
        bed.run();
        for (auto const number : numbers_in(quick.take())) {
            seen.push_back(number);
        }
    }
    BOOST_TEST(seen == range(3'000, 3'100), boost::test_tools::per_element());
    BOOST_TEST(slow.wakes == 0);  // nothing is pushed to who is behind
    FlowReader whole(bed, "");
    BOOST_TEST(numbers_in(whole.take()) == range(1, 3'100), boost::test_tools::per_element());
    BOOST_TEST(numbers_in(slow.take()).back() == 3'099);
}

BOOST_AUTO_TEST_CASE(flow_says_a_comment_when_there_is_nothing_else) {
    HttpBed bed;
    bed.open();
    FlowReader reader(bed, "");  // of a stream that is not there yet
    BOOST_TEST(reader.take() == "retry: 1000\n\n");
    bed.schedule.run_for(std::chrono::seconds(16));
    BOOST_TEST(reader.wakes == 1);
    BOOST_TEST(reader.take() == ":\n\n");
    append_numbers(bed, 1, 2);
    bed.run();
    BOOST_TEST(reader.wakes == 2);
    BOOST_TEST(numbers_in(reader.take()) == range(1, 2), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(flow_ends_at_a_drain_and_behind_a_sealed_streams_last_event) {
    HttpBed bed;
    bed.open();
    append_numbers(bed, 1, 3);
    FlowReader reader(bed, "");
    reader.take();
    auto seal = get("/v1/seal/acme/room");
    seal.method = "POST";
    BOOST_TEST(bed.ask(seal)->status == 200U);
    bed.schedule.run_for(std::chrono::seconds(16));
    auto const end = reader.take();
    BOOST_TEST(end.find("event: end\ndata: ") != std::string::npos);
    BOOST_TEST(end.find("stream_sealed") != std::string::npos);
    BOOST_TEST(end.ends_with("|"));
    BOOST_TEST(FlowReader(bed, "after=2").answer.status == 204U);

    FlowReader other(bed, "after=1");
    bed.api->drain();
    BOOST_TEST(other.wakes == 1);
    BOOST_TEST(other.take().ends_with("|"));
    BOOST_TEST(FlowReader(bed, "after=1").answer.status == 503U);
}

BOOST_AUTO_TEST_CASE(flow_of_another_history_or_of_a_page_is_refused) {
    HttpBed bed;
    bed.open();
    append_numbers(bed, 1, 3);
    BOOST_TEST(FlowReader(bed, "", "0000000000000001.2").answer.status == 409U);
    BOOST_TEST(FlowReader(bed, "", "two").answer.status == 400U);
    BOOST_TEST(FlowReader(bed, "limit=2").answer.status == 400U);
}

BOOST_AUTO_TEST_CASE(line_breaks_inside_json_do_not_break_the_flow) {
    HttpBed bed;
    bed.open();
    auto append = get("/v1/events/acme/room");
    append.method = "POST";
    append.body = "{\r\n \"n\":1\n}";
    append.fields.emplace_back("Content-Type", "application/json");
    BOOST_TEST(bed.ask(append)->status == 201U);
    auto const text = FlowReader(bed, "").take();
    BOOST_TEST(text.find("\"json\":{\ndata:  \"n\":1\ndata: }}\n\n") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(F45_page_of_streams_names_none_that_the_caller_may_not_read) {
    HttpBed bed;
    bed.open();
    for (auto const* tenant : {"aaa", "acme", "zzz"}) {
        for (int i = 0; i < 3; ++i) {
            auto create = get(std::string("/v1/streams/") + tenant + "/s" + std::to_string(i));
            create.method = "PUT";
            create.fields = {{"Authorization", std::string("Bearer ") + tenant + "/x"}};
            BOOST_TEST(bed.ask(create)->status == 201U);
        }
    }
    auto list = get("/v1/streams");
    list.query = "pattern=>&limit=2";
    auto const first = bed.ask(list)->body;
    BOOST_TEST(first.find("aaa/") == std::string::npos);
    BOOST_TEST(first.find("\"next_after\":\"acme/s1\"") != std::string::npos);
    list.query += "&after=acme/s1";
    auto const second = bed.ask(list)->body;
    BOOST_TEST(second.find("acme/s2") != std::string::npos);
    BOOST_TEST(second.find("zzz/") == std::string::npos);
    BOOST_TEST(second.find("next_after") == std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
