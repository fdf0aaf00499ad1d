#include <capstan/schema/run.hpp>
#include <utility>

#include "api.hpp"
#include "run_header.hpp"

namespace capstan {
namespace {

/// The last one of year 9999: what every reader of times understands.
constexpr WallTime kTimeMax{253'402'300'799'999'999};

Result<std::vector<DeliveredRunView>> runs_of(std::string_view body) {
    std::vector<DeliveredRunView> runs;
    ByteReader in(as_bytes(body));
    while (!in.done()) {
        CAPSTAN_TRY(auto const run, DeliveredRunView::take(in));
        if (run.device() == DeviceId{}) {
            return Error{Errc::device_invalid, "all zero"};
        }
        if (run.gateway_time() < WallTime{} || run.gateway_time() > kTimeMax) {
            return Error{Errc::request_invalid, "a run's time lies outside of 1970 to 9999"};
        }
        runs.push_back(run);
    }
    return runs;
}

bool is_stored(fb::Outcome outcome) {
    return outcome == fb::Outcome::accepted || outcome == fb::Outcome::duplicate;
}

/// A request whose runs are under way.
struct Importing {
    std::function<void(std::optional<Error> const&)> finish;
    std::size_t due = 1;       // answers; one more while runs are being sent
    std::optional<Error> why;  // of the first run that did not get its place

    void answered() {
        if (--due == 0) {
            finish(why);
        }
    }
    /// A floor only holds the merge mark back: without it a later run may be refused, and says so.
    void take(RunAnswer const& answer, bool is_floor, Seq first) {
        if (!is_floor && !is_stored(answer.result.outcome()) && !why) {
            why = answer.why.value_or(Error{Errc::internal, {}});
            why->detail = "the run that was to begin with event " + std::to_string(first.value) +
                          (why->detail.empty() ? "" : ": " + why->detail);
        }
        answered();
    }
};

}  // namespace

/// Each run is guarded by the head that it follows, so it gets the seqs that it had, or none. All
/// of a request are queued in one turn and hence written together: after one that was turned away
/// none follows that could only be refused.
void Api::import_runs(HttpCall call) {
    if (!call.principal.may_write(call.stream) || !call.principal.may_import(call.stream)) {
        return call.fail({Errc::denied, call.stream});
    }
    auto const head = expected_head(call.request);
    auto const stat = stat_of(call.stream);
    auto const runs = runs_of(call.request.body);
    if (!head || !stat || !runs) {
        return call.fail(!head ? head.error() : !stat ? stat.error() : runs.error());
    }
    if (!head.value()) {
        return call.fail({Errc::request_invalid, "If-Match must say which event the runs follow"});
    }
    auto const importing = std::make_shared<Importing>();
    importing->finish =
        [this, stream = call.stream, respond = call.respond](std::optional<Error> const& why) {
            auto const now = why ? Result<StreamStat>(*why) : stat_of(stream);
            respond(now ? HttpResponse{.fields = {{"Cache-Control", "no-store"}},
                                       .body = stream_json(now.value()) + "\n"}
                        : problem_of(now.error(), retry_after(now.error().code)));
        };
    auto at = *head.value();
    for (auto const& delivered : runs.value()) {
        auto const& run = delivered.run();
        bool const at_head = run.header().preceding_seq == kAtHead;
        importing->due += 1;
        seams_.host.publish(
            {.principal = call.principal,
             .device = delivered.device(),
             .stream = call.stream,
             .generation = at_head ? Generation{} : stat.value().generation,
             .expect_head = run.is_floor() ? std::optional<Seq>() : at,
             .run = run.bytes(),
             .gateway_time = delivered.gateway_time()},
            seams_.clock.now(),
            [importing, is_floor = run.is_floor(), first = at.next()](RunAnswer const& answer) {
                importing->take(answer, is_floor, first);
            });
        if (importing->why) {
            break;
        }
        at = at.plus(run.count());
    }
    importing->answered();
}

}  // namespace capstan
