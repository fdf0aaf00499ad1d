#include <algorithm>

#include "confirmation.hpp"
#include "remote.hpp"

/// Commands about streams as a whole.
namespace capstan::cli {
namespace {

std::vector<Column> summary_columns() {
    return {{.key = "stream", .shrinks = true},
            {.key = "head", .right = true},
            {.key = "events", .right = true},
            {.key = "bytes", .right = true},
            {.key = "mark", .right = true},
            {.key = "generation"},
            {.key = "chain", .shrinks = true}};
}

std::vector<Cell> cells_of(StreamSummary const& stream) {
    return {stream.name,
            stream.head.value,
            stream.events,
            stream.bytes,
            stream.mark.value,
            to_string(stream.generation),
            to_string(stream.chain)};
}

}  // namespace

Result<> execute(Context& context, Stat const& command) {
    CAPSTAN_TRY(auto const remote, Remote::open(context));
    CAPSTAN_TRY(auto const stream, remote.stat(command.stream));
    show(context.output, summary_columns(), cells_of(stream));
    return success();
}

Result<> execute(Context& context, StreamList const& command) {
    CAPSTAN_TRY(auto const remote, Remote::open(context));
    CAPSTAN_TRY(auto streams, remote.list(command.pattern));
    std::ranges::sort(streams, {}, &StreamSummary::name);
    Rows rows(context.output, summary_columns());
    for (auto const& stream : streams) {
        if (stream.exists()) {
            rows.add(cells_of(stream));
        }
    }
    rows.end();
    return success();
}

Result<> execute(Context& context, StreamCreate const& command) {
    CAPSTAN_TRY(auto const remote, Remote::open(context));
    CAPSTAN_TRY(remote.http("PUT", "/v1/streams/" + in_path(command.stream)));
    CAPSTAN_TRY(auto const stream, remote.stat(command.stream));
    show(context.output, summary_columns(), cells_of(stream));
    return success();
}

Result<> execute(Context& context, StreamSeal const& command) {
    CAPSTAN_TRY(auto const remote, Remote::open(context));
    CAPSTAN_TRY(auto const stream, remote.stat(command.stream));
    if (!confirmed(context,
                   "Seal " + command.stream + " at event " + std::to_string(stream.head.value) +
                       "? It takes no more events, for ever.")) {
        return Error{Errc::usage, "sealing is for ever: confirm it with --yes"};
    }
    CAPSTAN_TRY(remote.http("POST", "/v1/seal/" + in_path(command.stream)));
    CAPSTAN_TRY(auto const sealed, remote.stat(command.stream));
    show(context.output, summary_columns(), cells_of(sealed));
    return success();
}

}  // namespace capstan::cli
