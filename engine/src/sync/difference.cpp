#include "sync/difference.hpp"

#include <algorithm>
#include <capstan/engine/model/stored_value.hpp>
#include <capstan/engine/text/rope.hpp>
#include <iterator>
#include <string_view>
#include <utility>

namespace capstan::sync {
namespace {

using coalesce::FieldValue;
using coalesce::ObjectValue;

/// Steps that the difference of one text or list may take: a millisecond or so. Beyond that, what
/// is between the common ends is told as replaced.
constexpr std::size_t kStepsMax = 200'000;

/// Appends the updates of one field.
class Difference {
  public:
    Difference(std::string const& object,
               std::string const& type,
               std::string const& field,
               std::vector<Change>& out)
        : object_(object), type_(type), field_(field), out_(out) {}

    void operator()(FieldValue const* before, FieldValue const* after) {
        std::visit(
            [&](auto const& one) {
                using Content = std::decay_t<decltype(one)>;
                compare(before == nullptr ? nullptr : &std::get<Content>(*before),
                        after == nullptr ? nullptr : &std::get<Content>(*after));
            },
            before != nullptr ? *before : *after);
    }

  private:
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
    void compare(coalesce::ListField const* before, coalesce::ListField const* after) {
        static coalesce::ListField const kNone;
        auto const& old = (before == nullptr ? kNone : *before).elements;
        std::vector<ListEffect> effects;
        std::uint64_t shift = 0;  // of places behind the edits so far, modulo 2^64
        auto edits =
            coalesce::diff_list(old, (after == nullptr ? kNone : *after).elements, kStepsMax);
        for (auto& [at, count, elements] : edits) {
            auto const first = old.begin() + static_cast<std::ptrdiff_t>(at - shift);
            shift += elements.size() - count;
            effects.push_back(
                {at, {first, first + static_cast<std::ptrdiff_t>(count)}, std::move(elements)});
        }
        if (!effects.empty()) {
            update_content(FieldKind::list).list = std::move(effects);
        }
    }
    void compare(coalesce::TextField const* before, coalesce::TextField const* after) {
        static coalesce::TextField const kNone;
        std::string_view rest = (before == nullptr ? kNone : *before).text;
        std::vector<TextEffect> effects;
        std::uint64_t passed = 0;  // code points before `rest`, as they are now
        auto splices =
            coalesce::diff_text(rest, (after == nullptr ? kNone : *after).text, kStepsMax);
        for (auto& [at, count, content] : splices) {
            rest.remove_prefix(Rope::slice_of(rest, 0, at - passed).size());
            auto gone = Rope::slice_of(rest, 0, count);
            rest.remove_prefix(gone.size());
            passed = at + Rope::count(content);
            effects.push_back({at, std::move(gone), std::move(content)});
        }
        if (!effects.empty()) {
            update_content(FieldKind::text).text = std::move(effects);
        }
    }

    void update(FieldKind kind,
                Value key,
                std::optional<Value> before,
                std::optional<Value> after) {
        if (before != after) {
            Change& change = update_content(kind);
            change.key = std::move(key);
            change.before = std::move(before);
            change.after = std::move(after);
        }
    }
    Change& update_content(FieldKind kind) {
        return out_.emplace_back(Change{.kind = Change::Kind::update,
                                        .object = object_,
                                        .type = type_,
                                        .field = field_,
                                        .field_kind = kind});
    }

    std::string const& object_;
    std::string const& type_;
    std::string const& field_;
    std::vector<Change>& out_;
};

void append_fields(std::string const& object,
                   std::string const& type,
                   std::map<std::string, FieldValue> const& before,
                   std::map<std::string, FieldValue> const& after,
                   std::vector<Change>& out) {
    for (auto const& [name, value] : before) {
        auto const found = after.find(name);
        bool const same_kind = found != after.end() && found->second.index() == value.index();
        append_difference(object, type, name, &value, same_kind ? &found->second : nullptr, out);
    }
    for (auto const& [name, value] : after) {
        auto const found = before.find(name);
        if (found == before.end() || found->second.index() != value.index()) {
            append_difference(object, type, name, nullptr, &value, out);
        }
    }
}

}  // namespace

void append_difference(std::string const& object,
                       std::string const& type,
                       std::string const& field,
                       FieldValue const* before,
                       FieldValue const* after,
                       std::vector<Change>& out) {
    Difference(object, type, field, out)(before, after);
}

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
    append_fields(object, after->type, stays ? before->fields : none, after->fields, out);
}

}  // namespace capstan::sync
