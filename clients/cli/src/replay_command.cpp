#include <algorithm>
#include <capstan/schema/body.hpp>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <utility>

#include "confirmation.hpp"
#include "position_resolver.hpp"
#include "progress.hpp"
#include "replay_sinks.hpp"

namespace capstan::cli {
namespace {

/// Which events are meant.
class Filter {
  public:
    explicit Filter(Replay const& command) : command_(command) {}

    bool matches(DeliveredEvent const& event) const {
        if (command_.device && event.dot.device != *command_.device) {
            return false;
        }
        return (command_.type.empty() && command_.object.empty()) || says(event.bytes);
    }
    std::string text() const {
        return command_.type + "\n" + command_.object + "\n" +
               (command_.device ? to_string(*command_.device) : "") + "\n" + command_.label;
    }

  private:
    /// What this build cannot read says nothing.
    bool says(ByteView bytes) const {
        auto const event = decode_event(bytes);
        if (!event) {
            return false;
        }
        auto const& ops = event.value().ops;
        auto const body = body_of(event.value());
        bool const type = command_.type.empty() || (body && body->type == command_.type) ||
                          std::ranges::any_of(ops, [this](Op const& op) {
                              return op.kind == OpKind::insert && op.type == command_.type;
                          });
        bool const object = command_.object.empty() ||
                            std::ranges::find(ops, command_.object, &Op::object) != ops.end();
        return type && object;
    }

    Replay const& command_;
};

/// Holds events back until it is their time.
class Pace {
  public:
    explicit Pace(double speed) : speed_(speed) {}

    /// Whether something has to be waited for.
    bool is_due(WallTime time) {
        if (speed_ <= 0) {
            return true;
        }
        first_ = first_.value_or(time);
        return due(time) <= Clock::now();
    }
    void wait(WallTime time) {
        std::unique_lock lock(mutex_);
        changed_.wait_until(lock, due(time), [this] { return interrupted_; });
    }
    void interrupt() {
        std::lock_guard const lock(mutex_);
        interrupted_ = true;
        changed_.notify_all();
    }

  private:
    using Clock = std::chrono::steady_clock;
    Clock::time_point due(WallTime time) const {
        auto const micros = static_cast<double>(time.micros - first_->micros) / speed_;
        return began_ + std::chrono::duration_cast<Clock::duration>(
                            std::chrono::duration<double, std::micro>(micros));
    }

    double speed_;
    std::optional<WallTime> first_;
    Clock::time_point began_ = Clock::now();
    std::mutex mutex_;
    std::condition_variable changed_;
    bool interrupted_ = false;
};

/// Events [from, end) of a stream on their way to a sink.
class Replaying {
  public:
    Replaying(Context& context,
              Remote const& remote,
              Replay const& command,
              ReplaySink& sink,
              ReplayDone done)
        : context_(context),
          remote_(remote),
          command_(command),
          filter_(command),
          sink_(sink),
          done_(done),
          pace_(command.dry_run ? 0 : command.speed) {}

    Result<> run(Client const& client, StreamName const& stream, Seq from, Seq end) {
        next_ = std::max(from, done_.last.next());
        if (next_ >= end) {
            return success();
        }
        Progress progress(context_, "Read events", end.value - next_.value);
        Reader reader(client.stream(stream), {.kind = ReadFrom::Kind::seq, .seq = next_});
        context_.surroundings.on_interrupt([&] {
            reader.cancel();
            pace_.interrupt();
            sink_.interrupt();
        });
        auto const first = next_;
        Result<> result = success();
        while (result && next_ < end) {
            result = take_item(reader, end);
            progress.at(next_.value - first.value);
        }
        auto const flushed = command_.dry_run ? Result<>(success()) : sink_.flush();
        context_.surroundings.on_interrupt({});
        return result ? flushed : result;
    }

    struct Counts {
        std::uint64_t matched = 0;
        std::uint64_t already_there = 0;
        std::uint64_t told = 0;        // in a dry run: that would be
        std::uint64_t impossible = 0;  // in a dry run: at which it would stop
        std::uint64_t bytes = 0;
        Seq first;
        Seq last;
    };
    Counts const& counts() const { return counts_; }

  private:
    Result<> take_item(Reader& reader, Seq end) {
        CAPSTAN_TRY(auto const item, next_item(reader, remote_));
        auto const* const delivery = std::get_if<Delivery>(&item);
        if (delivery == nullptr) {
            return Error{Errc::trimmed, "the server does not send all events"};
        }
        Result<> result = success();
        delivery->each_event([&](DeliveredEvent const& event) {
            if (result && event.seq >= next_ && event.seq < end) {
                result = take(event);
                next_ = result ? event.seq.next() : next_;
            }
        });
        return result;
    }

    Result<> take(DeliveredEvent const& event) {
        if (!filter_.matches(event)) {
            return success();
        }
        counts_.matched += 1;
        counts_.bytes += event.bytes.size();
        counts_.first = counts_.first == Seq{} ? event.seq : counts_.first;
        counts_.last = event.seq;
        if (counts_.matched <= done_.events) {
            counts_.already_there += 1;
            return success();
        }
        auto const possible = sink_.accepts(event);
        if (command_.dry_run) {
            (possible ? counts_.told : counts_.impossible) += 1;
            return success();
        }
        CAPSTAN_TRY(possible);
        if (!pace_.is_due(event.gateway_time)) {
            CAPSTAN_TRY(sink_.flush());
            pace_.wait(event.gateway_time);
        }
        CAPSTAN_TRY(sink_.tell(event));
        counts_.told += 1;
        return success();
    }

    Context& context_;
    Remote const& remote_;
    Replay const& command_;
    Filter filter_;
    ReplaySink& sink_;
    ReplayDone done_;
    Pace pace_;
    Seq next_;
    Counts counts_;
};

void report(Context& context, Replay const& command, Replaying::Counts const& counts) {
    if (command.into == "-") {
        context.output.note("Replayed " + std::to_string(counts.told) + " events.");
        return;
    }
    std::vector<Column> columns{{.key = "stream"},
                                {.key = "into"},
                                {.key = "matched"},
                                {.key = command.dry_run ? "to_replay" : "replayed"},
                                {.key = "already_there"},
                                {.key = "first"},
                                {.key = "last"},
                                {.key = "event_bytes"}};
    std::vector<Cell> cells{command.stream,
                            command.into,
                            counts.matched,
                            counts.told,
                            counts.already_there,
                            counts.first.value,
                            counts.last.value,
                            counts.bytes};
    if (command.dry_run) {
        columns.push_back({.key = "impossible"});
        cells.emplace_back(counts.impossible);
    }
    show(context.output, columns, cells);
}

}  // namespace

Result<> execute(Context& context, Replay const& command) {
    CAPSTAN_TRY(auto const stream, StreamName::parse(command.stream));
    CAPSTAN_TRY(auto const remote, Remote::open(context));
    CAPSTAN_TRY(auto const known, remote.stat(command.stream));
    CAPSTAN_TRY(auto const client, remote.reader());
    PositionResolver const resolver(client, remote, stream, known.head);
    Seq from{1};
    Seq end = known.head.next();
    if (command.from) {
        CAPSTAN_TRY(from, resolver(*command.from));
    }
    if (command.to) {
        CAPSTAN_TRY(auto const wanted, resolver(*command.to));
        end = std::min(end, wanted);
    }
    ReplayName const name{command.stream, from, Filter(command).text()};
    CAPSTAN_TRY(auto const sink, make_replay_sink(context, remote, command, name));
    CAPSTAN_TRY(auto const done, sink->look());
    context.output.note("Events " + std::to_string(from.value) + " to " +
                        std::to_string(end.value - 1) + " of " + command.stream + " that match. " +
                        sink->effects());
    if (!command.dry_run) {
        if (sink->acts() && !confirmed(context, "Go on?")) {
            return Error{Errc::usage, "a replay acts on others: confirm it with --yes"};
        }
        CAPSTAN_TRY(sink->begin());
    }
    Replaying replaying(context, remote, command, *sink, done);
    auto const result = replaying.run(client, stream, from, end);
    if (result || replaying.counts().told > 0) {
        report(context, command, replaying.counts());
    }
    if (!result && replaying.counts().told > 0) {
        context.output.note("The same command goes on.");
        context.code =
            result.error().code == Errc::cancelled ? ExitCode::interrupted : ExitCode::partial;
    }
    return result;
}

}  // namespace capstan::cli
