#pragma once
#include <capstan/schema/stream_position.hpp>
#include <capstan/server/http/http_api.hpp>
#include <map>
#include <optional>
#include <string>

#include "event_flow.hpp"
#include "event_json.hpp"
#include "url.hpp"

namespace capstan {

/// A request on its way through the API.
struct HttpCall {
    HttpRequest const& request;
    Principal principal;
    std::string stream;  // empty where the route has none
    std::string chunk;   // the same
    HttpHandler::Respond respond;

    std::optional<std::string> parameter(std::string_view name) const {
        return query_parameter(request.query, name);
    }
    void fail(Error const& error) const;
};

/// An error as the document that answers it. `retry_after_ms` 0: no Retry-After.
HttpResponse problem_of(Error const& error, std::uint32_t retry_after_ms = 0);

class Api final : public HttpApi {
  public:
    Api(HttpApiOptions const& options, HttpApiSeams const& seams)
        : options_(options), seams_(seams) {}

    void handle(HttpRequest const& request, Respond respond) override;
    void attach(Partition& partition) override { partition_ = &partition; }
    void drain() override;
    void set_options(HttpApiOptions const& options) override { options_ = options; }
    void ask_again() override { end_all(); }

    // The routes.
    void list_streams(HttpCall call);
    void show_stream(HttpCall call);
    void create_stream(HttpCall call);
    void seal_stream(HttpCall call);
    void read_events(HttpCall call);
    void append_events(HttpCall call);
    void import_runs(HttpCall call);
    void list_snapshots(HttpCall call);
    void create_snapshot(HttpCall call);
    void remove_snapshots(HttpCall call);
    void check_snapshot(HttpCall call);
    void show_chunk(HttpCall call);

  private:
    /// What a read asks for, with its places resolved.
    struct Range {
        StreamStat stat;
        Seq first;
        Seq end;              // exclusive
        bool closed = false;  // `to` was given and lies at or below the head
        bool pinned = false;  // the generation was named: what is there never changes
    };
    struct ReadQuery {
        std::string stream;
        std::optional<StreamPosition> from;  // first seq wanted
        std::optional<StreamPosition> after;
        std::optional<StreamPosition> to;  // exclusive
        std::optional<Generation> generation;
        std::size_t limit = 0;
        Duration wait{};
        std::string if_none_match;
    };
    /// A read that waits for the stream to move.
    struct Poll {
        ReadQuery query;
        Respond respond;
        std::uint64_t watch = 0;
        std::unique_ptr<Timer> timer;
    };

    Result<std::vector<StreamStat>> readable_streams(Principal const& principal,
                                                     StreamPattern const& pattern,
                                                     std::string after,
                                                     std::size_t limit);
    Result<StreamStat> stat_of(std::string const& stream);
    Result<ReadQuery> parse_read(HttpCall const& call) const;
    Result<Range> resolve(ReadQuery const& query);
    Result<Seq> place(StreamStat const& stat, StreamPosition const& position);
    Result<Seq> first_at(StreamStat const& stat, std::int64_t micros);
    Result<HttpResponse> read(ReadQuery const& query, Range const& range);
    void read_or_wait(ReadQuery query, Respond respond);
    void answer_read(ReadQuery const& query, Respond const& respond);
    void start_flow(HttpCall const& call, ReadQuery query);
    void wait_for_events(ReadQuery query, Respond respond);
    void finish_poll(std::uint64_t id);
    void end_all();
    void submit(HttpCall call, Bytes record, unsigned status);
    /// Milliseconds; 0 where waiting does not help.
    std::uint32_t retry_after(Errc code) const;
    bool may_see_snapshots(HttpCall const& call) const;
    bool may_change_snapshots(HttpCall const& call) const;
    HttpResponse snapshot_problem(Error const& error) const;
    SnapshotKeeper::OnSnapshot answer_with_snapshot(HttpCall const& call, unsigned status) const;
    HttpResponse answer_of(std::string const& stream,
                           std::optional<Seq> expected,
                           RunAnswer const& answer) const;
    std::string detail_of(std::string const& stream,
                          Errc code,
                          std::optional<Seq> expected,
                          fb::RunResult const& result) const;

    HttpApiOptions options_;
    HttpApiSeams seams_;
    Partition* partition_ = nullptr;
    bool draining_ = false;
    std::uint64_t last_poll_ = 0;
    std::map<std::uint64_t, Poll> polls_;
    EventFlows flows_;
};

/// The stream's state as JSON object, without a newline.
std::string stream_json(StreamStat const& stat);

}  // namespace capstan
