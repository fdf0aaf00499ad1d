#include <capstan/schema/submission.hpp>
#include <charconv>
#include <utility>

#include "api.hpp"

namespace capstan {
namespace {

constexpr std::size_t kStreamsDefault = 100;
constexpr std::size_t kStreamsMax = 1'000;

std::string quoted(std::uint64_t number) {
    return '"' + std::to_string(number) + '"';
}

}  // namespace

std::string stream_json(StreamStat const& stat) {
    return "{\"stream\":" + json_string(stat.name) + ",\"generation\":\"" +
           to_string(stat.generation) + "\",\"head\":" + std::to_string(stat.head.value) +
           ",\"chain\":\"" + to_string(stat.chain) +
           "\",\"mark\":" + std::to_string(stat.mark.value) +
           ",\"tape_first\":" + std::to_string(stat.tape_first.value) +
           ",\"sealed\":" + (stat.sealed ? "true" : "false") + "}";
}

Result<StreamStat> Api::stat_of(std::string const& stream) {
    CAPSTAN_TRY(auto stat, partition_->stat(std::string_view(stream)));
    if (!stat) {
        return Error{Errc::not_found, stream};
    }
    return std::move(*stat);
}

void Api::list_streams(HttpCall call) {
    bool const everywhere = call.principal.tenant == "*";
    auto const wanted =
        call.parameter("pattern").value_or(everywhere ? ">" : call.principal.tenant + "/>");
    auto const pattern = StreamPattern::parse(wanted);
    std::size_t limit = kStreamsDefault;
    if (auto const text = call.parameter("limit")) {
        auto const* const end = text->data() + text->size();
        if (std::from_chars(text->data(), end, limit).ptr != end || limit == 0) {
            return call.fail({Errc::request_invalid, "limit=" + *text});
        }
        limit = std::min(limit, kStreamsMax);
    }
    if (!pattern) {
        return call.fail(pattern.error());
    }
    auto const streams = readable_streams(
        call.principal, pattern.value(), call.parameter("after").value_or(""), limit);
    if (!streams) {
        return call.fail(streams.error());
    }
    std::string body = "{\"streams\":[";
    for (auto const& stat : streams.value()) {
        body += (body.back() == '[' ? "" : ",") + stream_json(stat);
    }
    body += "]";
    if (streams.value().size() == limit) {
        body += ",\"next_after\":" + json_string(streams.value().back().name);
    }
    call.respond({.fields = {{"Cache-Control", "no-store"}}, .body = body + "}\n"});
}

/// Only streams that the principal may read, and no word of others: the page goes on until it is
/// full. Streams of other tenants are stepped over, not walked through.
Result<std::vector<StreamStat>> Api::readable_streams(Principal const& principal,
                                                      StreamPattern const& pattern,
                                                      std::string after,
                                                      std::size_t limit) {
    std::vector<StreamStat> found;
    bool const everywhere = principal.tenant == "*";
    auto const own = principal.tenant + '/';
    if (!everywhere) {
        after = std::max(after, own);
    }
    for (;;) {
        CAPSTAN_TRY(auto page, partition_->list(pattern, after, limit));
        for (auto& stat : page) {
            if (!everywhere && !stat.name.starts_with(own)) {
                return found;
            }
            after = stat.name;
            if (principal.may_read(stat.name)) {
                found.push_back(std::move(stat));
            }
            if (found.size() == limit) {
                return found;
            }
        }
        if (page.size() < limit) {
            return found;
        }
    }
}

void Api::show_stream(HttpCall call) {
    if (!call.principal.may_read(call.stream)) {
        return call.fail({Errc::not_found, call.stream});  // as if it weren't there
    }
    auto const stat = stat_of(call.stream);
    if (!stat) {
        return call.fail(stat.error());
    }
    call.respond(
        {.fields = {{"ETag", quoted(stat.value().head.value)}, {"Cache-Control", "no-store"}},
         .body = stream_json(stat.value()) + "\n"});
}

void Api::create_stream(HttpCall call) {
    auto record = encode_create(call.stream, call.principal.text());
    submit(std::move(call), std::move(record), 201);
}

void Api::seal_stream(HttpCall call) {
    auto record = encode_seal(call.stream, call.principal.text());
    submit(std::move(call), std::move(record), 200);
}

std::uint32_t Api::retry_after(Errc code) const {
    return describe(code).reaction == Reaction::retry_later ? options_.retry_after_ms : 0;
}

/// Submits a record and answers with the stream as it then is.
void Api::submit(HttpCall call, Bytes record, unsigned status) {
    if (!call.principal.may_write(call.stream)) {
        return call.fail({Errc::denied, call.stream});
    }
    auto const done = [this, stream = call.stream, respond = call.respond, status](
                          Result<Verdict> const& verdict) {
        if (!verdict) {
            respond(problem_of(verdict.error(), retry_after(verdict.error().code)));
            return;
        }
        if (verdict.value().reason) {
            respond(problem_of({*verdict.value().reason, stream}));
            return;
        }
        auto const stat = stat_of(stream);
        respond(stat ? HttpResponse{.status = status,
                                    .fields = {{"ETag", quoted(stat.value().head.value)}},
                                    .body = stream_json(stat.value()) + "\n"}
                     : problem_of(stat.error()));
    };
    seams_.host.submit(std::move(record), done);
}

}  // namespace capstan
