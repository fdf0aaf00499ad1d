#include <algorithm>
#include <capstan/engine/os/system_clock.hpp>
#include <limits>
#include <optional>
#include <utility>

#include "event_rows.hpp"
#include "remote.hpp"

/// Commands that read one stream.
namespace capstan::cli {
namespace {

/// Where a stream is, and what of it is wanted: [from, end).
struct Wanted {
    Seq from;
    Seq end;  // exclusive
};
constexpr std::uint64_t kTailEvents = 10;
constexpr Seq kEndless{std::numeric_limits<std::uint64_t>::max()};

Result<Reader::Item> next_item(Reader& reader, Remote const& remote) {
    CAPSTAN_TRY(auto item, reader.next(remote.timeout()));
    if (!item) {
        return remote.no_answer();
    }
    return std::move(*item);
}

/// When the server took the event; of a hole, nothing.
Result<std::optional<WallTime>> time_of(Client const& client,
                                        Remote const& remote,
                                        StreamName const& stream,
                                        Seq seq) {
    Reader reader(client.stream(stream), {.kind = ReadFrom::Kind::seq, .seq = seq});
    CAPSTAN_TRY(auto const item, next_item(reader, remote));
    std::optional<WallTime> time;
    if (auto const* delivery = std::get_if<Delivery>(&item)) {
        delivery->each_event([&](DeliveredEvent const& event) {
            time = event.seq == seq ? event.gateway_time : time;
        });
    }
    return time;
}

/// The first seq of 1..head whose event came at or after the time, or the one behind the head.
Result<Seq> find_time(Client const& client,
                      Remote const& remote,
                      StreamName const& stream,
                      Seq head,
                      WallTime wanted) {
    std::uint64_t low = 1;
    std::uint64_t high = head.value + 1;
    while (low < high) {
        auto const middle = low + (high - low) / 2;
        CAPSTAN_TRY(auto const time, time_of(client, remote, stream, Seq{middle}));
        if (time && *time < wanted) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return Seq{low};
}

/// Turns what people write into seqs.
class Resolver {
  public:
    Resolver(Client const& client, Remote const& remote, StreamName const& stream, Seq head)
        : client_(client), remote_(remote), stream_(stream), head_(head) {}

    Result<Seq> operator()(StreamPosition const& position) const {
        using Kind = StreamPosition::Kind;
        if (auto const seq = position.resolve(Seq{1}, head_)) {
            return *seq;
        }
        if (position.kind == Kind::snapshot) {
            return Seq{1};  // without snapshots all of it follows
        }
        auto const now = SystemClock().wall();
        auto const time = position.kind == Kind::age ? WallTime{now.micros - position.micros}
                                                     : WallTime{position.micros};
        return find_time(client_, remote_, stream_, head_, time);
    }

  private:
    Client const& client_;
    Remote const& remote_;
    StreamName const& stream_;
    Seq head_;
};

/// The last `count` of 1..head that lie before `end`; with an endless one, those to come as well.
Wanted last_of(std::uint64_t count, Seq head, Seq end) {
    auto const behind = std::max<std::uint64_t>(std::min(head.next(), end).value, 1);
    return {Seq{behind - std::min(count, behind - 1)}, end};
}

Result<Wanted> resolve(Read const& command, Resolver const& resolver, Seq head) {
    Wanted wanted{Seq{1}, command.follow ? kEndless : head.next()};
    if (command.after) {
        wanted.from = command.after->next();
    } else if (command.from) {
        CAPSTAN_TRY(wanted.from, resolver(*command.from));
    }
    if (command.to) {
        CAPSTAN_TRY(auto const end, resolver(*command.to));
        wanted.end = std::min(wanted.end, end);
    }
    if (command.is_tail && !command.after && !command.from) {
        return last_of(command.count.value_or(kTailEvents), head, wanted.end);
    }
    auto const room = kEndless.value - wanted.from.value;
    if (command.count && *command.count < room) {
        wanted.end = std::min(wanted.end, wanted.from.plus(*command.count));
    }
    return wanted;
}

/// Shows events until the end is reached.
class Showing {
  public:
    Showing(Context& context, Remote const& remote, StreamName const& stream)
        : context_(context),
          remote_(remote),
          stream_(stream),
          rows_(context.output, EventRows::StreamColumn::no) {}

    Result<> run(Client const& client, Wanted const& wanted, bool follow) {
        next_ = wanted.from;
        if (next_ < wanted.end) {
            Reader reader(client.stream(stream_),
                          {.kind = ReadFrom::Kind::seq, .seq = wanted.from});
            context_.surroundings.on_interrupt([&reader] { reader.cancel(); });
            auto const shown = show_all(reader, wanted, follow);
            context_.surroundings.on_interrupt({});
            CAPSTAN_TRY(shown);
        }
        rows_.end();
        return success();
    }

  private:
    Result<> show_all(Reader& reader, Wanted const& wanted, bool follow) {
        while (next_ < wanted.end && context_.output.ok()) {
            CAPSTAN_TRY(auto const item, reader.next(remote_.timeout()));
            if (!item && !follow) {
                return remote_.no_answer();
            }
            if (item) {
                std::visit([&](auto const& one) { show(one, wanted); }, *item);
            }
            if (follow) {
                rows_.flush();
            }
        }
        return success();
    }
    void show(Delivery const& delivery, Wanted const& wanted) {
        delivery.each_event([&](DeliveredEvent const& event) {
            if (event.seq >= wanted.from && event.seq < wanted.end) {
                rows_.add(stream_.str(), event);
            }
        });
        next_ = delivery.last.next();
    }
    void show(sync::HoleDeclared const& hole, Wanted const&) {
        context_.output.note("The server does not send events " + std::to_string(hole.first.value) +
                             " to " + std::to_string(hole.last.value) + ".");
        next_ = hole.last.next();
    }

    Context& context_;
    Remote const& remote_;
    StreamName const& stream_;
    EventRows rows_;
    Seq next_;
};

}  // namespace

Result<> execute(Context& context, Read const& command) {
    CAPSTAN_TRY(auto const stream, StreamName::parse(command.stream));
    CAPSTAN_TRY(auto const remote, Remote::open(context));
    CAPSTAN_TRY(auto const known, remote.find(command.stream));
    if (!known && !command.follow) {
        return Error{Errc::not_found, "stream " + command.stream};
    }
    auto const head = known ? known->head : Seq{};
    CAPSTAN_TRY(auto const client, remote.reader());
    CAPSTAN_TRY(auto const wanted, resolve(command, Resolver(client, remote, stream, head), head));
    return Showing(context, remote, stream).run(client, wanted, command.follow);
}

Result<> execute(Context& context, Get const& command) {
    CAPSTAN_TRY(auto const stream, StreamName::parse(command.stream));
    CAPSTAN_TRY(auto const remote, Remote::open(context));
    CAPSTAN_TRY(auto const known, remote.stat(command.stream));
    CAPSTAN_TRY(auto const client, remote.reader());
    CAPSTAN_TRY(auto const seq, Resolver(client, remote, stream, known.head)(command.at));
    if (seq > known.head) {
        return Error{Errc::not_found,
                     "event " + std::to_string(seq.value) + ": " + command.stream + " ends at " +
                         std::to_string(known.head.value)};
    }
    Reader reader(client.stream(stream), {.kind = ReadFrom::Kind::seq, .seq = seq});
    CAPSTAN_TRY(auto const item, next_item(reader, remote));
    bool shown = false;
    if (auto const* delivery = std::get_if<Delivery>(&item)) {
        delivery->each_event([&](DeliveredEvent const& event) {
            if (event.seq == seq) {
                show_event(context.output, command.stream, event);
                shown = true;
            }
        });
    }
    return shown ? Result<>(success())
                 : Error{Errc::not_found,
                         "the server does not send event " + std::to_string(seq.value)};
}

}  // namespace capstan::cli
