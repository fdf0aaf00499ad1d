#include <algorithm>
#include <capstan/schema/body.hpp>
#include <capstan/schema/event.hpp>
#include <nlohmann/json.hpp>
#include <utility>

#include "api.hpp"
#include "run_header.hpp"

namespace capstan {
namespace {

enum class Form : std::uint8_t { automatic, json, lines, text, bytes };

/// What `curl --data` says when it is told nothing is no statement about the body.
Form form_of(std::string_view content_type) {
    auto const name = content_type.substr(0, content_type.find(';'));
    if (name == "application/json") {
        return Form::json;
    }
    if (name == "application/x-ndjson") {
        return Form::lines;
    }
    if (name == "application/octet-stream") {
        return Form::bytes;
    }
    return name.starts_with("text/") ? Form::text : Form::automatic;
}

bool is_json_composite(std::string_view text) {
    auto const start = text.find_first_not_of(" \t\r\n");
    return start != std::string_view::npos && (text[start] == '{' || text[start] == '[') &&
           nlohmann::json::accept(text);
}

Result<Body> body_from(std::string_view content, Form form, std::string const& type) {
    Body body{.content = std::string(content), .type = type};
    if (form == Form::automatic) {
        form = !is_utf8(content)            ? Form::bytes
               : is_json_composite(content) ? Form::json
                                            : Form::text;
    }
    if (form == Form::bytes) {
        body.kind = Body::Kind::bytes;
    } else if (form == Form::text) {
        if (!is_utf8(content)) {
            return Error{Errc::request_invalid, "the body is not UTF-8"};
        }
    } else {
        if (!nlohmann::json::accept(content)) {
            return Error{Errc::request_invalid, "not JSON: " + body.content.substr(0, 80)};
        }
        body.kind = Body::Kind::json;
    }
    return body;
}

Result<std::vector<Bytes>> events_of(HttpRequest const& request, std::string const& type) {
    auto const form = form_of(request.field("Content-Type"));
    std::vector<Bytes> events;
    std::string_view rest = request.body;
    if (form != Form::lines) {
        CAPSTAN_TRY(auto body, body_from(rest, form, type));
        events.push_back(encode_event(to_event(std::move(body))));
        return events;
    }
    while (!rest.empty()) {
        auto const line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(line.size() + 1, rest.size()));
        if (line.find_first_not_of(" \t\r") == std::string_view::npos) {
            continue;
        }
        CAPSTAN_TRY(auto body, body_from(line, form, type));
        events.push_back(encode_event(to_event(std::move(body))));
    }
    return events;
}

std::string_view name_of(fb::Outcome outcome) {
    return fb::EnumNameOutcome(outcome);
}

/// What the fold, or the gateway, said of a run: the members of both answers.
nlohmann::ordered_json answer_json(std::string const& stream, fb::RunResult const& result) {
    nlohmann::ordered_json json{{"stream", stream}, {"outcome", name_of(result.outcome())}};
    if (result.first_seq() != 0) {
        json["first"] = result.first_seq();
        json["last"] = result.first_seq() + result.count() - 1;
    }
    if (result.device_attempt() != 0) {
        json["count"] = result.count();
        json["device_last"] =
            to_string(Link{Counter{result.last_counter()}, Attempt{result.last_attempt()}});
    }
    return json;
}

}  // namespace

/// The values behind a refusal.
std::string Api::detail_of(std::string const& stream,
                           Errc code,
                           std::optional<Seq> expected,
                           fb::RunResult const& result) const {
    if (code == Errc::position_conflict && expected) {
        auto const stat = partition_->stat(std::string_view(stream));
        auto const head = stat && stat.value() ? stat.value()->head : Seq{};
        return "expected head " + std::to_string(expected->value) + ", have " +
               std::to_string(head.value);
    }
    if (result.device_attempt() != 0) {
        Link const last{Counter{result.last_counter()}, Attempt{result.last_attempt()}};
        return "the device's last is " + to_string(last) + ", its attempt " +
               std::to_string(result.device_attempt());
    }
    return stream;
}

HttpResponse Api::answer_of(std::string const& stream,
                            std::optional<Seq> expected,
                            RunAnswer const& answer) const {
    auto const& result = answer.result;
    bool const stored =
        result.outcome() == fb::Outcome::accepted || result.outcome() == fb::Outcome::duplicate;
    if (stored) {
        auto const body = answer_json(stream, result).dump() + "\n";
        HttpResponse response{.status = result.outcome() == fb::Outcome::accepted ? 201u : 200u,
                              .fields = {{"Cache-Control", "no-store"}},
                              .body = body};
        if (result.first_seq() != 0) {
            auto const last = result.first_seq() + result.count() - 1;
            response.fields.emplace_back("ETag", '"' + std::to_string(last) + '"');
        }
        return response;
    }
    Error why = answer.why.value_or(Error{Errc::internal, {}});
    if (why.detail.empty()) {
        why.detail = detail_of(stream, why.code, expected, result);
    }
    auto response = problem_of(why, result.retry_after_ms());
    auto body = nlohmann::ordered_json::parse(response.body);
    body.update(answer_json(stream, result));
    response.body = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    return response;
}

void Api::append_events(HttpCall call) {
    auto const type = call.parameter("type").value_or("");
    auto const expect = expected_head(call.request);
    auto const events = events_of(call.request, type);
    auto const run_text = call.request.field("Capstan-Run");
    auto const field = run_text.empty() ? Result<RunField>(RunField{}) : RunField::parse(run_text);
    if (!expect || !events || !field) {
        return call.fail(!expect ? expect.error() : !events ? events.error() : field.error());
    }
    if (events.value().empty() || events.value().size() > kRunEventsMax) {
        return call.fail({events.value().empty() ? Errc::request_invalid : Errc::too_large,
                          std::to_string(events.value().size()) + " events"});
    }
    std::vector<ByteView> const views(events.value().begin(), events.value().end());
    auto const began = seams_.clock.now();
    auto const done =
        [this, stream = call.stream, expected = expect.value(), respond = call.respond, began](
            RunAnswer const& answer) {
            if (seams_.on_appended) {
                seams_.on_appended(seams_.clock.now() - began);
            }
            respond(answer_of(stream, expected, answer));
        };
    if (run_text.empty()) {
        seams_.host.append({.principal = call.principal,
                            .stream = call.stream,
                            .expect_head = expect.value(),
                            .events = views},
                           done);
        return;
    }
    auto const run = encode_run(field.value().header, views);
    seams_.host.publish({.principal = call.principal,
                         .device = field.value().device,
                         .stream = call.stream,
                         .generation = field.value().generation,
                         .expect_head = expect.value(),
                         .run = run},
                        began,
                        done);
}

}  // namespace capstan
