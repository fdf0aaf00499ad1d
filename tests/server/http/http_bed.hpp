// The HTTP API on a real partition and real sessions, with simulated storage and virtual time.
#pragma once

#include <capstan/engine/sim/sim_clock.hpp>
#include <capstan/engine/sim/sim_executor.hpp>
#include <capstan/engine/sim/sim_random.hpp>
#include <capstan/engine/sim/sim_storage.hpp>
#include <capstan/sequencer/memory_checkpoint_store.hpp>
#include <capstan/server/http/http_api.hpp>
#include <map>
#include <optional>
#include <string>

namespace capstan::test {

/// Tokens `tenant/subject`, which may do everything; `tenant/subject/read` may read alone,
/// `tenant/subject/write` write, too.
class WordAuthenticator final : public Authenticator {
  public:
    Result<Principal> authenticate(std::string_view token) override {
        auto const slash = token.find('/');
        if (slash == std::string_view::npos) {
            return Error{Errc::token_invalid, {}};
        }
        Principal principal{std::string(token.substr(0, slash)), "someone", {}};
        bool const writes = token.ends_with("/write");
        if (writes || token.ends_with("/read")) {
            principal.grants = {{StreamPattern::parse(">").value(), true, writes}};
        }
        return principal;
    }
    bool still_stands(Principal const&) const override { return true; }
};

struct HttpBed {
    HttpBed() {
        host = SessionHost::make({}, {clock, random, strand, strand, authenticator});
        keeper = SnapshotKeeper::make({},
                                      {snapshots, clock, strand, background, background},
                                      [](std::string_view, Error const&) {});
        api = HttpApi::make({}, {*host, authenticator, clock, strand, {}, keeper.get()});
    }
    ~HttpBed() {
        partition.reset();
        api.reset();
    }

    void open(PartitionOptions const& options = {}) {
        PartitionSeams const seams{storage, checkpoints, clock, random, strand, disk, background};
        partition = Partition::open(options, seams, *host).value();
        host->attach(*partition);
        api->attach(*partition);
        keeper->attach(*partition);
    }
    /// All that is ready, and a little time.
    void run() { schedule.run_for(std::chrono::milliseconds(1)); }

    /// The answer, if it has come.
    std::optional<HttpResponse> ask(HttpRequest const& request) {
        auto const answer = std::make_shared<std::optional<HttpResponse>>();
        api->handle(request, [answer](HttpResponse response) { *answer = std::move(response); });
        run();
        last = answer;
        return *answer;
    }

    SimClock clock{WallTime{1'763'632'800'000'000}};  // 2025-11-20T10:00:00Z
    SimRandom random{7};
    SimSchedule schedule{clock, random, SimSchedule::Order::fifo};
    SimExecutor strand{schedule};
    SimExecutor disk{schedule};
    SimExecutor background{schedule};
    SimStorage storage;
    SimStorage snapshots;
    MemoryCheckpointStore checkpoints;
    WordAuthenticator authenticator;
    std::unique_ptr<SessionHost> host;
    std::unique_ptr<SnapshotKeeper> keeper;
    std::unique_ptr<HttpApi> api;
    std::unique_ptr<Partition> partition;
    std::shared_ptr<std::optional<HttpResponse>> last;
};

}  // namespace capstan::test
