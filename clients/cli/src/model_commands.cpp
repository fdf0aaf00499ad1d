#include <utility>

#include "model_reading.hpp"
#include "past_model.hpp"
#include "value_json.hpp"

/// `capstan model` and `capstan history`: a stream as objects.
namespace capstan::cli {
namespace {

Json fields_of(ObjectValue const& object) {
    Json fields = Json::object();
    for (auto const& [name, value] : object.fields) {
        fields[name] = to_json(value);
    }
    return fields;
}

void add(Rows& rows, ModelObject const& object) {
    auto const fields = fields_of(object.value);
    Json const json{{"id", object.id}, {"type", object.type()}, {"fields", fields}};
    rows.add({object.id, object.type(), dump(fields)}, {dump(json)}, dump(fields));
}

Json json_of(ConflictSide const& side) {
    return {{"seq", side.seq.value},
            {"device", to_string(side.device)},
            {"value", to_json(side.value)}};
}

Json json_of(Change const& change) {
    Json json{{"field", change.field}, {"kind", to_string(change.field_kind)}};
    if (!std::holds_alternative<std::monostate>(change.key)) {
        json["key"] = to_json(change.key);
    }
    if (change.field_kind < FieldKind::list) {
        json["before"] = to_json(change.before);
        json["after"] = to_json(change.after);
    }
    auto const splice = [&json](std::uint64_t at, Json removed, Json inserted) {
        json["splices"].push_back(
            {{"at", at}, {"removed", std::move(removed)}, {"inserted", std::move(inserted)}});
    };
    for (auto const& [at, removed, inserted] : change.text) {
        splice(at, removed, inserted);
    }
    for (auto const& [at, removed, inserted] : change.list) {
        splice(at,
               to_json(coalesce::FieldValue(coalesce::ListField{removed})),
               to_json(coalesce::FieldValue(coalesce::ListField{inserted})));
    }
    return json;
}

std::string_view name_of(Change::Kind kind) {
    switch (kind) {
        case Change::Kind::insert:
            return "inserted";
        case Change::Kind::remove:
            return "removed";
        case Change::Kind::revive:
            return "revived";
        case Change::Kind::contest:
            return "contested";
        case Change::Kind::settle:
            return "settled";
        case Change::Kind::update:
            break;
    }
    return "updated";
}

/// What an event came to, for people: `inserted; text=…; lost against event 7 (causal)`.
std::string summary_of(HistoryEntry const& entry) {
    std::string out;
    auto const say = [&out](std::string const& what) { out += (out.empty() ? "" : "; ") + what; };
    for (Change const& change : entry.changes) {
        bool const whole = change.kind != Change::Kind::update;
        auto const after = change.field_kind < FieldKind::list ? dump(to_json(change.after))
                                                               : dump(json_of(change)["splices"]);
        say(whole ? std::string(name_of(change.kind)) : change.field + "=" + after);
    }
    for (Conflict const& conflict : entry.conflicts) {
        bool const won = conflict.winner.seq == entry.seq;
        auto const& other = won ? conflict.loser : conflict.winner;
        say((conflict.open ? "stands beside event "
             : won         ? "won against event "
                           : "lost against event ") +
            std::to_string(other.seq.value) + " (" + std::string(to_string(conflict.rule)) + ")");
    }
    for (VoidOps const& ops : entry.voids) {
        say("no effect (" + std::string(to_string(ops.reason)) + ")");
    }
    return out.empty() ? "nothing new" : out;
}

Json json_of(HistoryEntry const& entry) {
    Json json{{"seq", entry.seq.value},
              {"time", to_string(entry.time)},
              {"device", to_string(entry.device)},
              {"preceding_seq", entry.preceding_seq.value},
              {"changes", Json::array()},
              {"conflicts", Json::array()},
              {"void", Json::array()}};
    for (Change const& change : entry.changes) {
        json["changes"].push_back(change.kind == Change::Kind::update
                                      ? json_of(change)
                                      : Json{{"object", name_of(change.kind)}});
    }
    for (Conflict const& conflict : entry.conflicts) {
        json["conflicts"].push_back({{"rule", to_string(conflict.rule)},
                                     {"open", conflict.open},
                                     {"field", conflict.field},
                                     {"winner", json_of(conflict.winner)},
                                     {"loser", json_of(conflict.loser)}});
    }
    for (VoidOps const& ops : entry.voids) {
        json["void"].push_back(to_string(ops.reason));
    }
    return json;
}

}  // namespace

Result<ModelAtEnd> model_at_end(Remote const& remote, std::string const& stream) {
    CAPSTAN_TRY(auto const found, remote.stat(stream));
    CAPSTAN_TRY(auto client, remote.reader());
    CAPSTAN_TRY(auto model, client.model(stream));
    if (Result<> const read = model.wait_for(found.head, remote.timeout()); !read) {
        return read.error().code == Errc::timed_out ? remote.no_answer() : read.error();
    }
    return ModelAtEnd{std::move(client), std::move(model), found.head};
}

namespace {

struct ObjectsAt {
    std::vector<ModelObject> objects;
    Seq seq;
};

Result<ObjectsAt> objects_at(Context& context, Remote const& remote, ModelShow const& command) {
    if (!command.at) {
        CAPSTAN_TRY(auto const at_end, model_at_end(remote, command.stream));
        return ObjectsAt{at_end.model.objects(), at_end.head};
    }
    CAPSTAN_TRY(auto const name, StreamName::parse(command.stream));
    CAPSTAN_TRY(auto const known, remote.stat(command.stream));
    CAPSTAN_TRY(auto const client, remote.reader());
    PositionResolver const resolver(client, remote, name, known.head);
    ObjectsAt at;
    CAPSTAN_TRY(at.seq, last_event_at(resolver, *command.at, known.head));
    PastModel model(context, remote, client, name);
    CAPSTAN_TRY(model.go_to(at.seq));
    for (auto& [id, value] : model.objects()) {
        at.objects.push_back({id, std::move(value)});
    }
    return at;
}

}  // namespace

Result<> execute(Context& context, ModelShow const& command) {
    CAPSTAN_TRY(auto const remote, Remote::open(context));
    CAPSTAN_TRY(auto const at, objects_at(context, remote, command));
    Rows rows(context.output, {{.key = "id"}, {.key = "type"}, {.key = "fields", .shrinks = true}});
    bool found = command.object.empty();
    for (auto const& object : at.objects) {
        bool const is_wanted = (command.object.empty() || object.id == command.object) &&
                               (command.type.empty() || object.type() == command.type);
        if (is_wanted) {
            add(rows, object);
            found = true;
        }
    }
    if (!found) {
        return Error{Errc::not_found, "object " + command.object};
    }
    rows.end();
    context.output.note("At event " + std::to_string(at.seq.value) + ".");
    return success();
}

Result<> execute(Context& context, History const& command) {
    CAPSTAN_TRY(auto const remote, Remote::open(context));
    CAPSTAN_TRY(auto const stream, remote.stat(command.stream));
    CAPSTAN_TRY(auto const reader, remote.reader());
    CAPSTAN_TRY(auto const name, StreamName::parse(command.stream));
    CAPSTAN_TRY(auto const entries,
                read_history(reader, name, command.object, stream.head, remote.timeout()));
    Rows rows(context.output,
              {{.key = "seq", .right = true},
               {.key = "time"},
               {.key = "device"},
               {.key = "saw", .right = true},
               {.key = "what", .shrinks = true}});
    for (HistoryEntry const& entry : entries) {
        auto const what = summary_of(entry);
        rows.add({entry.seq.value,
                  to_string(entry.time),
                  to_string(entry.device).substr(0, 8),
                  entry.preceding_seq.value,
                  what},
                 {dump(json_of(entry))},
                 what);
    }
    rows.end();
    return success();
}

}  // namespace capstan::cli
