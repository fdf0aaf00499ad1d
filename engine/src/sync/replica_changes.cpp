// What changes for the user: what the confirmed model says, and for objects with pending writes the
// difference between what was shown and what is.
#include <algorithm>
#include <capstan/engine/sync/replica.hpp>
#include <iterator>
#include <utility>

namespace capstan::sync {
namespace {

using coalesce::FieldValue;
using coalesce::ObjectValue;

/// Appends the updates of one object, field by field.
class Difference {
  public:
    Difference(std::string const& object, std::string const& type, std::vector<Change>& out)
        : object_(object), type_(type), out_(out) {}

    void fields(std::map<std::string, FieldValue> const& before,
                std::map<std::string, FieldValue> const& after) {
        static FieldValue const kNothing = Value{};
        for (auto const& [name, value] : before) {
            auto const found = after.find(name);
            bool const same_kind = found != after.end() && found->second.index() == value.index();
            field(name, &value, same_kind ? &found->second : nullptr);
        }
        for (auto const& [name, value] : after) {
            auto const found = before.find(name);
            if (found == before.end() || found->second.index() != value.index()) {
                field(name, nullptr, &value);
            }
        }
    }

  private:
    void field(std::string const& name, FieldValue const* before, FieldValue const* after) {
        name_ = &name;
        std::visit(
            [&](auto const& one) {
                using Content = std::decay_t<decltype(one)>;
                compare(before == nullptr ? nullptr : &std::get<Content>(*before),
                        after == nullptr ? nullptr : &std::get<Content>(*after));
            },
            before != nullptr ? *before : *after);
    }

    static std::optional<Value> copy(Value const* value) {
        return value == nullptr ? std::nullopt : std::optional(*value);
    }

    void compare(Value const* before, Value const* after) {
        update(FieldKind::reg, {}, copy(before), copy(after));
    }
    void compare(coalesce::CounterField const* before, coalesce::CounterField const* after) {
        auto const total = [](coalesce::CounterField const* counter) {
            return counter == nullptr ? std::nullopt : std::optional<Value>(counter->total);
        };
        update(FieldKind::counter, {}, total(before), total(after));
    }
    void compare(coalesce::SetField const* before, coalesce::SetField const* after) {
        // Both ascend, as `View::get` has them.
        auto const less = [](Value const& x, Value const& y) {
            return StoredValue(x) < StoredValue(y);
        };
        std::vector<Value> const none;
        auto const& old = before == nullptr ? none : before->elements;
        auto const& now = after == nullptr ? none : after->elements;
        std::vector<Value> gone;
        std::vector<Value> come;
        auto const without = [&less](auto const& from, auto const& others, auto& out) {
            std::set_difference(from.begin(),
                                from.end(),
                                others.begin(),
                                others.end(),
                                std::back_inserter(out),
                                less);
        };
        without(old, now, gone);
        without(now, old, come);
        for (Value& element : gone) {
            update(FieldKind::set, std::move(element), Value{true}, std::nullopt);
        }
        for (Value& element : come) {
            update(FieldKind::set, std::move(element), std::nullopt, Value{true});
        }
    }
    void compare(coalesce::MapField const* before, coalesce::MapField const* after) {
        std::map<std::string, Value> const none;
        auto const& old = before == nullptr ? none : before->entries;
        auto const& now = after == nullptr ? none : after->entries;
        for (auto const& [key, value] : old) {
            auto const found = now.find(key);
            update(FieldKind::map, key, value, copy(found == now.end() ? nullptr : &found->second));
        }
        for (auto const& [key, value] : now) {
            if (!old.contains(key)) {
                update(FieldKind::map, key, std::nullopt, value);
            }
        }
    }
    void compare(coalesce::ListField const*, coalesce::ListField const*) {}
    void compare(coalesce::TextField const*, coalesce::TextField const*) {}

    void update(FieldKind kind,
                Value key,
                std::optional<Value> before,
                std::optional<Value> after) {
        if (before != after) {
            out_.push_back({.kind = Change::Kind::update,
                            .object = object_,
                            .type = type_,
                            .field = *name_,
                            .field_kind = kind,
                            .key = std::move(key),
                            .before = std::move(before),
                            .after = std::move(after)});
        }
    }

    std::string const& object_;
    std::string const& type_;
    std::vector<Change>& out_;
    std::string const* name_ = nullptr;
};

void append_difference(std::string const& object,
                       std::optional<ObjectValue> const& before,
                       std::optional<ObjectValue> const& after,
                       std::vector<Change>& out) {
    auto const whole = [&](Change::Kind kind, ObjectValue const& value) {
        out.push_back({.kind = kind, .object = object, .type = value.type});
    };
    bool const stays = before && after && before->type == after->type;
    if (before && !stays) {
        whole(Change::Kind::remove, *before);
    }
    if (!after) {
        return;
    }
    if (!stays) {
        whole(Change::Kind::insert, *after);
    }
    std::map<std::string, FieldValue> const none;
    Difference(object, after->type, out).fields(stays ? before->fields : none, after->fields);
}

}  // namespace

/// To be called before anything happens that may change how an object is shown.
void Replica::remember(std::string const& object) {
    if (!before_.contains(object)) {
        before_.emplace(object, view().get(object));
    }
}

void Replica::remember_pending() {
    for (auto const& object : overlay_->touched_objects()) {
        remember(object);
    }
}

/// Changes of objects that were remembered come out as differences; all others as they are.
void Replica::keep_unpending(Changes&& changes) {
    conflicts_.add(changes);
    for (Change& change : changes.changes) {
        if (!before_.contains(change.object)) {
            changes_.changes.push_back(std::move(change));
        }
    }
    std::ranges::move(changes.conflicts, std::back_inserter(changes_.conflicts));
    std::ranges::move(changes.voids, std::back_inserter(changes_.voids));
}

Changes Replica::take_changes() {
    auto out = std::exchange(changes_, {});
    for (auto const& [object, before] : std::exchange(before_, {})) {
        append_difference(object, before, view().get(object), out.changes);
    }
    return out;
}

}  // namespace capstan::sync
