#include "api.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

namespace capstan {
namespace {

struct Row {
    HttpRoute route;
    void (Api::*handle)(HttpCall call);
};

constexpr std::string_view kStream = "{stream}";
constexpr std::string_view kChunk = "{chunk}/";

constexpr Row kRows[] = {
    {{"GET", "/v1/streams", "Streams that match a pattern, in order of name"}, &Api::list_streams},
    {{"GET", "/v1/streams/{stream}", "Where a stream stands"}, &Api::show_stream},
    {{"PUT", "/v1/streams/{stream}", "Create a stream; the first event would, too"},
     &Api::create_stream},
    {{"POST", "/v1/seal/{stream}", "Let a stream take no more events, for ever"},
     &Api::seal_stream},
    {{"GET", "/v1/events/{stream}", "Events from a place on; with `wait`, a long poll"},
     &Api::read_events},
    {{"POST", "/v1/events/{stream}", "Append events"}, &Api::append_events},
    {{"POST", "/v1/import/{stream}", "Bring in runs that another server has sequenced"},
     &Api::import_runs},
    {{"GET", "/v1/snapshots/{stream}", "Snapshots of a stream, newest first"},
     &Api::list_snapshots},
    {{"POST", "/v1/snapshots/{stream}", "Build a snapshot now"}, &Api::create_snapshot},
    {{"DELETE", "/v1/snapshots/{stream}", "Forget a stream's snapshots"}, &Api::remove_snapshots},
    {{"POST", "/v1/snapshot-checks/{stream}", "Recompute the newest snapshot from the tape"},
     &Api::check_snapshot},
    {{"GET", "/v1/chunks/{chunk}/{stream}", "A manifest, or a chunk as it is stored"},
     &Api::show_chunk},
};

constexpr auto kRoutes = [] {
    std::array<HttpRoute, std::size(kRows)> routes;
    std::ranges::transform(kRows, routes.begin(), &Row::route);
    return routes;
}();

/// What stands where the route has names, still encoded.
struct Names {
    std::string_view stream;
    std::string_view chunk;
};

/// Nothing if the path is another route's.
std::optional<Names> match(std::string_view route, std::string_view path) {
    if (!route.ends_with(kStream)) {
        return route == path ? std::optional(Names{}) : std::nullopt;
    }
    route.remove_suffix(kStream.size());
    bool const has_chunk = route.ends_with(kChunk);
    route.remove_suffix(has_chunk ? kChunk.size() : 0);
    if (!path.starts_with(route)) {
        return std::nullopt;
    }
    path.remove_prefix(route.size());
    auto const slash = path.find('/');
    if (!has_chunk) {
        return Names{path, {}};
    }
    return slash == std::string_view::npos
               ? std::nullopt
               : std::optional(Names{path.substr(slash + 1), path.substr(0, slash)});
}

/// The token of `Authorization: Bearer TOKEN`; empty without one.
std::string_view bearer(HttpRequest const& request) {
    constexpr std::string_view kScheme = "bearer ";
    auto const value = request.field("Authorization");
    auto const lower = [](char c) { return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c; };
    bool const is_bearer =
        std::ranges::equal(value.substr(0, kScheme.size()), kScheme, {}, lower, lower);
    return is_bearer ? value.substr(kScheme.size()) : std::string_view{};
}

HttpResponse wrong_method(std::string_view path) {
    std::string allowed;
    for (auto const& row : kRows) {
        if (match(row.route.path, path)) {
            allowed += (allowed.empty() ? "" : ", ") + std::string(row.route.method);
        }
    }
    if (allowed.empty()) {
        return problem_of({Errc::not_found, std::string(path)});
    }
    auto response = problem(405, {Errc::request_invalid, "this resource has " + allowed});
    response.fields.emplace_back("Allow", allowed);
    return response;
}

}  // namespace

std::span<HttpRoute const> http_routes() {
    return kRoutes;
}

std::unique_ptr<HttpApi> HttpApi::make(HttpApiOptions const& options, HttpApiSeams const& seams) {
    return std::make_unique<Api>(options, seams);
}

HttpResponse problem_of(Error const& error, std::uint32_t retry_after_ms) {
    auto response = problem(http_status(error.code), error);
    if (retry_after_ms != 0) {
        auto body = nlohmann::ordered_json::parse(response.body);
        body["retry_after_ms"] = retry_after_ms;
        response.body = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
        response.fields.emplace_back("Retry-After", std::to_string((retry_after_ms + 999) / 1'000));
    }
    if (error.code == Errc::token_invalid) {
        response.fields.emplace_back("WWW-Authenticate", "Bearer");
    }
    response.fields.emplace_back("Cache-Control", "no-store");
    response.body += '\n';
    return response;
}

void HttpCall::fail(Error const& error) const {
    respond(problem_of(error));
}

void Api::handle(HttpRequest const& request, Respond respond) {
    bool const head = request.method == "HEAD";
    auto const method = head ? std::string_view("GET") : std::string_view(request.method);
    for (auto const& row : kRows) {
        auto const names = match(row.route.path, request.path);
        if (!names || row.route.method != method) {
            continue;
        }
        auto principal = seams_.authenticator.authenticate(bearer(request));
        auto stream = percent_decoded(names->stream);
        HttpCall call{
            request, {}, stream.value_or(""), std::string(names->chunk), std::move(respond)};
        if (!principal) {
            call.fail({Errc::token_invalid, {}});
        } else if (partition_ == nullptr) {
            call.respond(problem_of({Errc::not_ready, "starting"}, options_.retry_after_ms));
        } else if (row.route.path.ends_with(kStream) && !is_stream_name(call.stream)) {
            call.fail({Errc::stream_name_invalid, call.stream});
        } else {
            call.principal = std::move(principal).value();
            (this->*row.handle)(std::move(call));
        }
        return;
    }
    respond(wrong_method(request.path));
}

}  // namespace capstan
