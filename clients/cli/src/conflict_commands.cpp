#include <utility>

#include "model_reading.hpp"
#include "value_json.hpp"

/// `capstan conflicts`: what authors did unaware of each other, and deciding it.
namespace capstan::cli {
namespace {

/// Open ones stand until somebody decides; settled ones did.
std::string_view state_of(KnownConflict const& known) {
    return known.open ? "open" : known.conflict.open ? "settled" : "decided";
}

Result<KnownConflict> find(ModelStream const& model, std::uint64_t number) {
    for (auto& known : model.conflicts()) {
        if (known.number == number) {
            return std::move(known);
        }
    }
    auto const count = model.status().model.conflicts;
    return Error{Errc::not_found,
                 "conflict " + std::to_string(number) +
                     (number <= count ? " is too old to be kept"
                                      : ", the stream has " + std::to_string(count))};
}

Json json_of(ConflictSide const& side) {
    return {{"seq", side.seq.value},
            {"saw", side.a.value},
            {"device", to_string(side.device)},
            {"value", to_json(side.value)}};
}

Json json_of(std::optional<ConflictBase> const& base) {
    return base ? Json{{"seq", base->seq.value}, {"value", to_json(base->value)}} : Json(nullptr);
}

Json json_of(KnownConflict const& known) {
    Conflict const& conflict = known.conflict;
    return {{"number", known.number},
            {"state", state_of(known)},
            {"rule", to_string(conflict.rule)},
            {"object", conflict.object},
            {"type", conflict.type},
            {"field", conflict.field},
            {"kind", conflict.field.empty() ? Json(nullptr) : Json(to_string(conflict.field_kind))},
            {"key", to_json(conflict.key)},
            {"base", json_of(known.base)},
            {"winner", json_of(conflict.winner)},
            {"loser", json_of(conflict.loser)}};
}

Cell cell_of(std::optional<ConflictBase> const& base) {
    if (!base) {
        return {};
    }
    return (base->value ? dump(to_json(*base->value)) : "nothing") + " (behind event " +
           std::to_string(base->seq.value) + ")";
}

std::string text_of(ConflictSide const& side) {
    return (side.value ? dump(to_json(*side.value)) : "nothing") + " (event " +
           std::to_string(side.seq.value) + ")";
}

/// Says of the field what is to stand; the author of this has seen both sides. Nothing is said of
/// an object as a whole but that it goes.
Result<> decide(MutationBuilder& m, Conflict const& conflict, std::optional<Value> const& value) {
    auto const& [object, field] = std::pair(conflict.object, conflict.field);
    if (conflict.field.empty()) {
        if (value) {
            return Error{Errc::request_invalid,
                         "object " + object + " is not a value: write something to it"};
        }
        m.remove(object);
        return success();
    }
    switch (conflict.field_kind) {
        case FieldKind::reg:
            value ? m.set(object, field, *value) : m.unset(object, field);
            return success();
        case FieldKind::counter:
            if (auto const* const total = value ? std::get_if<std::int64_t>(&*value) : nullptr) {
                m.set_counter(object, field, *total);
                return success();
            }
            return Error{Errc::request_invalid, "counter " + field + " takes an integer"};
        case FieldKind::set:
            value ? m.add_element(object, field, conflict.key)
                  : m.remove_element(object, field, conflict.key);
            return success();
        case FieldKind::map: {
            auto const& key = std::get<std::string>(conflict.key);
            value ? m.put(object, field, key, *value) : m.erase(object, field, key);
            return success();
        }
        case FieldKind::list:
        case FieldKind::text:
            break;
    }
    return Error{Errc::request_invalid, "field " + field + " has no sides to choose from"};
}

Result<std::optional<Value>> wanted(ConflictsResolve const& command, Conflict const& conflict) {
    if (!command.value.empty()) {
        CAPSTAN_TRY(auto value, parse_value(command.value));
        return std::optional(std::move(value));
    }
    if (command.take.empty()) {
        return Error{Errc::usage, "say what is to stand: --take winner, --take loser or --value"};
    }
    return command.take == "winner" ? conflict.winner.value : conflict.loser.value;
}

}  // namespace

Result<> execute(Context& context, ConflictsList const& command) {
    CAPSTAN_TRY(auto const remote, Remote::open(context));
    CAPSTAN_TRY(auto const at_end, model_at_end(remote, command.stream));
    Rows rows(context.output,
              {{.key = "number", .right = true},
               {.key = "state"},
               {.key = "rule"},
               {.key = "object"},
               {.key = "field"},
               {.key = "winner", .shrinks = true},
               {.key = "loser", .shrinks = true}});
    for (KnownConflict const& each : at_end.model.conflicts()) {
        if (command.open && !each.open) {
            continue;
        }
        auto const json = dump(json_of(each));
        rows.add({each.number,
                  std::string(state_of(each)),
                  std::string(to_string(each.conflict.rule)),
                  each.conflict.object,
                  each.conflict.field,
                  text_of(each.conflict.winner),
                  text_of(each.conflict.loser)},
                 {json},
                 json);
    }
    rows.end();
    return success();
}

Result<> execute(Context& context, ConflictsShow const& command) {
    CAPSTAN_TRY(auto const remote, Remote::open(context));
    CAPSTAN_TRY(auto const at_end, model_at_end(remote, command.stream));
    CAPSTAN_TRY(auto found, find(at_end.model, command.number));
    if (!found.base) {
        CAPSTAN_TRY(found.base, at_end.model.read_base(found.conflict, remote.timeout()));
    }
    if (context.output.is_json()) {
        context.output.write(dump(json_of(found)) + "\n");
        return success();
    }
    Conflict const& conflict = found.conflict;
    auto const author = [](ConflictSide const& side) {
        return to_string(side.device) + ", having seen 1.." + std::to_string(side.a.value);
    };
    show(context.output,
         {{.key = "number"},
          {.key = "state"},
          {.key = "rule"},
          {.key = "object"},
          {.key = "type"},
          {.key = "field"},
          {.key = "key"},
          {.key = "base"},
          {.key = "winner"},
          {.key = "winner_author"},
          {.key = "loser"},
          {.key = "loser_author"}},
         {found.number,
          std::string(state_of(found)),
          std::string(to_string(conflict.rule)),
          conflict.object,
          conflict.type,
          conflict.field,
          std::holds_alternative<std::monostate>(conflict.key) ? Cell{}
                                                               : Cell{dump(to_json(conflict.key))},
          cell_of(found.base),
          text_of(conflict.winner),
          author(conflict.winner),
          text_of(conflict.loser),
          author(conflict.loser)});
    return success();
}

Result<> execute(Context& context, ConflictsResolve const& command) {
    CAPSTAN_TRY(auto const remote, Remote::open(context));
    CAPSTAN_TRY(auto at_end, model_at_end(remote, command.stream));
    CAPSTAN_TRY(auto const found, find(at_end.model, command.number));
    CAPSTAN_TRY(auto const value, wanted(command, found.conflict));
    Result<> said = success();
    auto write =
        at_end.model.mutate([&](MutationBuilder& m) { said = decide(m, found.conflict, value); });
    CAPSTAN_TRY(std::move(said));
    CAPSTAN_TRY(auto pending, std::move(write));
    if (pending.confirmed.wait_for(remote.timeout()) != std::future_status::ready) {
        return remote.no_answer();
    }
    CAPSTAN_TRY(auto const published, pending.confirmed.get());
    show(context.output,
         {{.key = "number"}, {.key = "object"}, {.key = "field"}, {.key = "seq"}},
         {found.number, found.conflict.object, found.conflict.field, published.last.value});
    return success();
}

}  // namespace capstan::cli
