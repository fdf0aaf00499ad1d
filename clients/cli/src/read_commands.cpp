#include <algorithm>
#include <atomic>
#include <limits>
#include <optional>
#include <utility>

#include "event_rows.hpp"
#include "position_resolver.hpp"

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

/// The last `count` of 1..head that lie before `end`; with an endless one, those to come as well.
Wanted last_of(std::uint64_t count, Seq head, Seq end) {
    auto const behind = std::max<std::uint64_t>(std::min(head.next(), end).value, 1);
    return {Seq{behind - std::min(count, behind - 1)}, end};
}

Result<Wanted> resolve(Read const& command, PositionResolver const& resolver, Seq head) {
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
            // Who follows would else wait for ever, for what its token does not open any more.
            std::atomic<bool> hopeless = false;
            remote_.when_hopeless([&] {
                hopeless = true;
                reader.cancel();
            });
            auto const shown = show_all(reader, wanted, follow);
            remote_.when_hopeless([] {});
            context_.surroundings.on_interrupt({});
            CAPSTAN_TRY(hopeless ? Result<>(remote_.no_answer()) : shown);
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
    CAPSTAN_TRY(auto const wanted,
                resolve(command, PositionResolver(client, remote, stream, head), head));
    return Showing(context, remote, stream).run(client, wanted, command.follow);
}

Result<> execute(Context& context, Get const& command) {
    CAPSTAN_TRY(auto const stream, StreamName::parse(command.stream));
    CAPSTAN_TRY(auto const remote, Remote::open(context));
    CAPSTAN_TRY(auto const known, remote.stat(command.stream));
    CAPSTAN_TRY(auto const client, remote.reader());
    CAPSTAN_TRY(auto const seq, PositionResolver(client, remote, stream, known.head)(command.at));
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
