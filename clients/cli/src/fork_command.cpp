#include <algorithm>
#include <capstan/importers/stream_import.hpp>
#include <capstan/schema/hash.hpp>
#include <nlohmann/json.hpp>
#include <utility>

#include "past_model.hpp"
#include "progress.hpp"

/// `capstan stream fork`.
namespace capstan::cli {
namespace {

using importers::StreamImport;

/// The first events of a run, as its author would have sent them alone.
Bytes front_of(DeliveredRunView const& delivered, std::uint64_t events) {
    std::vector<ByteView> views;
    for (std::uint32_t i = 0; i < events; ++i) {
        views.push_back(delivered.run().event(i));
    }
    Bytes bytes;
    encode_delivered_run(bytes,
                         delivered.device(),
                         delivered.gateway_time(),
                         encode_run(delivered.run().header(), views));
    return bytes;
}

/// Events 1..last of a stream on their way into another one.
class Forking {
  public:
    Forking(Context& context, Remote const& remote, StreamFork const& command, Seq last)
        : context_(context),
          remote_(remote),
          command_(command),
          last_(last),
          import_({command.into, Seq{}, chain_start(command.into)}),
          progress_(context, "Copied events", last.value) {}

    Result<> run(Client const& client, StreamName const& name) {
        Reader reader(client.stream(name), {.kind = ReadFrom::Kind::seq, .seq = Seq{1}});
        context_.surroundings.on_interrupt([&reader] { reader.cancel(); });
        Result<> done = import_.begin({.name = command_.into, .generation = {}, .chain = {}});
        while (done && at_ < last_) {
            done = take_item(reader);
        }
        done = done ? import_.end() : done;
        done = done ? send() : done;
        context_.surroundings.on_interrupt({});
        return done;
    }

  private:
    Result<> take_item(Reader& reader) {
        CAPSTAN_TRY(auto const item, next_item(reader, remote_));
        auto const* const delivery = std::get_if<Delivery>(&item);
        if (delivery == nullptr) {
            return Error{Errc::trimmed, "the server does not send all events"};
        }
        ByteReader in(delivery->runs);
        Seq first = delivery->first;
        Seq mark = delivery->mark_before;
        for (std::size_t n = 0; first <= delivery->last && at_ < last_; ++n) {
            CAPSTAN_TRY(auto const run, DeliveredRunView::take(in));
            if (first == at_.next()) {
                auto const events =
                    std::min<std::uint64_t>(run.run().count(), last_.value - at_.value);
                CAPSTAN_TRY(import_.take({first, mark, front_of(run, events)}));
                at_ = at_.plus(events);
            }
            first = first.plus(run.run().count());
            mark = n < delivery->marks.size() ? Seq{delivery->marks[n]} : mark;
        }
        progress_.at(at_.value);
        return send();
    }

    Result<> send() {
        while (auto const batch = import_.take_batch()) {
            CAPSTAN_TRY(auto const answer,
                        remote_.import_runs(command_.into, batch->head, batch->runs));
            auto const stream = nlohmann::json::parse(answer.body, nullptr, false);
            if (!stream.is_object() || stream.value("chain", "") != to_string(batch->chain_after)) {
                return Error{Errc::position_conflict,
                             "somebody else publishes to " + command_.into + " already"};
            }
        }
        return success();
    }

    Context& context_;
    Remote const& remote_;
    StreamFork const& command_;
    Seq last_;
    Seq at_;
    StreamImport import_;
    Progress progress_;
};

}  // namespace

Result<> execute(Context& context, StreamFork const& command) {
    CAPSTAN_TRY(auto const name, StreamName::parse(command.stream));
    CAPSTAN_TRY(auto const remote, Remote::open(context));
    CAPSTAN_TRY(auto const known, remote.stat(command.stream));
    CAPSTAN_TRY(auto const taken, remote.find(command.into));
    if (taken) {
        return Error{Errc::stream_exists, command.into};
    }
    CAPSTAN_TRY(auto const client, remote.reader());
    auto last = known.head;
    if (command.at) {
        PositionResolver const resolver(client, remote, name, known.head);
        CAPSTAN_TRY(last, last_event_at(resolver, *command.at, known.head));
    }
    CAPSTAN_TRY(remote.http("PUT", "/v1/streams/" + in_path(command.into)));
    Forking forking(context, remote, command, last);
    CAPSTAN_TRY(forking.run(client, name));
    show(context.output,
         {{.key = "stream"}, {.key = "from"}, {.key = "at"}},
         {command.into, command.stream, last.value});
    return success();
}

}  // namespace capstan::cli
