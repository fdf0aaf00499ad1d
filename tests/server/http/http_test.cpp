#include <boost/test/unit_test.hpp>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
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
        BOOST_TEST((at == std::string_view::npos || route.path.substr(at) == "{stream}"));
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

BOOST_AUTO_TEST_SUITE_END()
