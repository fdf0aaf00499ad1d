#include <algorithm>
#include <utility>

#include "confirmation.hpp"
#include "past_model.hpp"
#include "value_json.hpp"

/// `capstan model diff` and `model restore`: what a stream's objects were, and making them that
/// again.
namespace capstan::cli {
namespace {

struct Wanted {
    std::string const& type;
    std::string const& object;
    bool operator()(ObjectChange const& change) const {
        return (type.empty() || change.type == type) && (object.empty() || change.object == object);
    }
};

std::vector<ObjectChange> only(std::vector<ObjectChange> changes, Wanted const& wanted) {
    std::erase_if(changes, [&](ObjectChange const& change) { return !wanted(change); });
    return changes;
}

void show_changes(Output& output, std::vector<ObjectChange> const& changes) {
    Rows rows(output,
              {{.key = "id"}, {.key = "type"}, {.key = "what"}, {.key = "ops", .shrinks = true}});
    for (auto const& change : changes) {
        Json ops = Json::array();
        for (auto const& op : change.ops) {
            ops.push_back(to_json(op));
        }
        Json const json{
            {"id", change.object}, {"type", change.type}, {"what", change.what}, {"ops", ops}};
        rows.add({change.object, change.type, change.what, dump(ops)}, {dump(json)}, dump(ops));
    }
    rows.end();
}

bool needs_window(Op const& op) {
    return op.kind == OpKind::splice || op.kind == OpKind::list_insert ||
           op.kind == OpKind::list_remove || op.kind == OpKind::list_move ||
           op.kind == OpKind::list_set;
}

/// Events of one publish: they reach the stream together.
struct Batch {
    std::vector<Bytes> events;
    std::size_t bytes = 0;
    bool needs_window = false;
};

/// One event an object; an object with very many operations takes several.
std::vector<Batch> batches_of(std::vector<ObjectChange> const& changes) {
    constexpr std::size_t kBatchBytes = kEventBytesMax / 2;
    constexpr std::size_t kOps = 512;
    std::vector<Batch> batches(1);
    for (auto const& change : changes) {
        for (std::size_t at = 0; at < change.ops.size(); at += kOps) {
            auto const end = std::min(at + kOps, change.ops.size());
            Event event;
            event.ops.assign(change.ops.begin() + static_cast<std::ptrdiff_t>(at),
                             change.ops.begin() + static_cast<std::ptrdiff_t>(end));
            auto bytes = encode_event(event);
            auto const& last = batches.back();
            bool const is_full = last.events.size() == kRunEventsMax ||
                                 (!last.events.empty() && last.bytes + bytes.size() > kBatchBytes);
            auto& batch = is_full ? batches.emplace_back() : batches.back();
            batch.bytes += bytes.size();
            batch.needs_window |= std::ranges::any_of(event.ops, needs_window);
            batch.events.push_back(std::move(bytes));
        }
    }
    return batches;
}

/// Each is refused if anybody has published since its author looked.
Result<Seq> publish(Remote const& remote,
                    Client const& client,
                    StreamName const& name,
                    std::vector<Batch> batches,
                    Seq head) {
    for (auto& batch : batches) {
        auto const count = batch.events.size();
        auto const done = std::make_shared<std::promise<Result<>>>();
        auto answer = done->get_future();
        client.stream(name).publish(
            std::move(batch.events),
            {.needs_window = batch.needs_window, .expect_head = head, .preceding = head},
            [done](WriteUpdate const& update) {
                if (update.is_final()) {
                    done->set_value(update.error ? Result<>(*update.error) : success());
                }
            });
        if (answer.wait_for(remote.timeout()) != std::future_status::ready) {
            return remote.no_answer();
        }
        CAPSTAN_TRY(answer.get());
        head = head.plus(count);
    }
    return head;
}

}  // namespace

Result<> execute(Context& context, ModelDiff const& command) {
    CAPSTAN_TRY(auto const name, StreamName::parse(command.stream));
    CAPSTAN_TRY(auto const remote, Remote::open(context));
    CAPSTAN_TRY(auto const known, remote.stat(command.stream));
    CAPSTAN_TRY(auto const client, remote.reader());
    PositionResolver const resolver(client, remote, name, known.head);
    CAPSTAN_TRY(auto const from, last_event_at(resolver, command.from, known.head));
    CAPSTAN_TRY(auto const to, last_event_at(resolver, command.to, known.head));
    PastModel model(context, remote, client, name);
    CAPSTAN_TRY(model.go_to(std::min(from, to)));
    auto first = model.objects();
    CAPSTAN_TRY(model.go_to(std::max(from, to)));
    auto second = model.objects();
    if (from > to) {
        std::swap(first, second);
    }
    show_changes(context.output,
                 only(changes_between(first, second), {command.type, command.object}));
    context.output.note("From event " + std::to_string(from.value) + " to event " +
                        std::to_string(to.value) + ".");
    return success();
}

Result<> execute(Context& context, ModelRestore const& command) {
    CAPSTAN_TRY(auto const name, StreamName::parse(command.stream));
    CAPSTAN_TRY(auto const remote, Remote::open(context));
    CAPSTAN_TRY(auto const known, remote.stat(command.stream));
    CAPSTAN_TRY(auto const client, remote.reader());
    PositionResolver const resolver(client, remote, name, known.head);
    CAPSTAN_TRY(auto const at, last_event_at(resolver, command.at, known.head));
    PastModel model(context, remote, client, name);
    CAPSTAN_TRY(model.go_to(at));
    auto const past = model.objects();
    CAPSTAN_TRY(model.go_to(known.head));
    auto const changes =
        only(changes_between(model.objects(), past), {command.type, command.object});
    auto const what = std::to_string(changes.size()) + " objects of " + command.stream +
                      " become what they were at event " + std::to_string(at.value);
    if (command.dry_run) {
        show_changes(context.output, changes);
        context.output.note(what + ".");
        return success();
    }
    auto head = known.head;
    if (!changes.empty()) {
        if (!confirmed(context, what + ", by new events. Go on?")) {
            return Error{Errc::usage, what + ": look at it with --dry-run, confirm it with --yes"};
        }
        CAPSTAN_TRY(head, publish(remote, client, name, batches_of(changes), known.head));
    }
    show(context.output,
         {{.key = "stream"},
          {.key = "restored_to"},
          {.key = "objects"},
          {.key = "events"},
          {.key = "head"}},
         {command.stream,
          at.value,
          std::uint64_t{changes.size()},
          head.value - known.head.value,
          head.value});
    return success();
}

}  // namespace capstan::cli
