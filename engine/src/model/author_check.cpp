#include <array>
#include <capstan/engine/model/author_check.hpp>
#include <capstan/schema/limits.hpp>
#include <map>
#include <set>
#include <tuple>

#include "model/object_rules.hpp"

namespace capstan {
namespace {

constexpr std::array kAllKinds{FieldKind::reg,
                               FieldKind::counter,
                               FieldKind::set,
                               FieldKind::map,
                               FieldKind::list,
                               FieldKind::text};

Error invalid(std::string detail) {
    return Error{Errc::request_invalid, std::move(detail)};
}

std::string quoted(std::string_view name) {
    return '"' + std::string(name) + '"';
}

std::string_view text_in(Value const& value) {
    if (auto const* text = std::get_if<std::string>(&value)) {
        return *text;
    }
    if (auto const* reference = std::get_if<Reference>(&value)) {
        return reference->object;
    }
    if (auto const* blob = std::get_if<BlobReference>(&value)) {
        return blob->media_type;
    }
    return {};
}

std::size_t bytes_in(Op const& op) {
    auto const* bytes = std::get_if<Bytes>(&op.value);
    return op.object.size() + op.field.size() + op.type.size() + op.key.size() +
           (bytes == nullptr ? text_in(op.value).size() : bytes->size());
}

/// Sizes before anything is encoded: a guard against mistakes has to be cheap itself.
Result<> check_size(Event const& event) {
    if (event.ops.size() > kEventOpsMax) {
        return Error{Errc::too_large,
                     std::to_string(event.ops.size()) + " operations in one event, at most " +
                         std::to_string(kEventOpsMax)};
    }
    std::size_t bytes = 0;
    for (Op const& op : event.ops) {
        bytes += bytes_in(op);
    }
    if (bytes > kEventBytesMax) {
        return Error{Errc::too_large,
                     std::to_string(bytes) + " bytes in one event, at most " +
                         std::to_string(kEventBytesMax)};
    }
    return success();
}

Result<> check_name(std::string_view what, std::string_view name, std::size_t bytes_max) {
    if (name.empty() || name.size() > bytes_max || !is_utf8(name)) {
        return invalid(std::string(what) + " is empty, too long or not UTF-8");
    }
    return success();
}

bool is_of_object(OpKind kind) {
    return kind == OpKind::insert || kind == OpKind::remove;
}

Result<> check_form(Op const& op) {
    CAPSTAN_TRY(check_name("an object id", op.object, kObjectIdBytesMax));
    if (op.kind == OpKind::insert) {
        CAPSTAN_TRY(check_name("a type", op.type, kFieldNameBytesMax));
    }
    if (!is_of_object(op.kind)) {
        CAPSTAN_TRY(check_name("a field name", op.field, kFieldNameBytesMax));
    }
    if (op.key.size() > kObjectIdBytesMax || !is_utf8(op.key)) {
        return invalid("a key is too long or not UTF-8");
    }
    if (!is_utf8(text_in(op.value))) {
        return invalid("field " + quoted(op.field) + ": text is not UTF-8");
    }
    bool const counts = op.kind == OpKind::add || op.kind == OpKind::counter_set;
    if (counts && !std::holds_alternative<std::int64_t>(op.value)) {
        return invalid("counter " + quoted(op.field) + " takes an integer");
    }
    return success();
}

/// One event's operations in order, on what the author sees and what those before them made of it.
class AuthorCheck {
  public:
    explicit AuthorCheck(View const& view) : view_(view) {}

    Result<> operator()(Op const& op) {
        CAPSTAN_TRY(check_form(op));
        auto const there = type_of(op.object);
        if (op.kind == OpKind::insert) {
            if (there) {
                return invalid("object " + quoted(op.object) + " is there already");
            }
            types_[op.object] = op.type;
            born_.insert(op.object);
            forget_sizes(op.object);
            return success();
        }
        if (!there) {
            return Error{Errc::not_found, "object " + quoted(op.object)};
        }
        if (op.kind == OpKind::remove) {
            types_[op.object] = std::nullopt;
            return success();
        }
        return check_kind(op, *there);
    }

  private:
    std::optional<std::string> type_of(std::string const& object) const {
        auto const own = types_.find(object);
        return own != types_.end() ? own->second : view_.type(object);
    }

    /// It begins anew.
    void forget_sizes(std::string const& object) {
        auto at = sizes_.lower_bound({object, {}});
        while (at != sizes_.end() && at->first.first == object) {
            at = sizes_.erase(at);
        }
    }

    /// A field of the object is of one kind, as declared or as it is.
    Result<> check_kind(Op const& op, std::string const& type) {
        auto const kind = *kind_of(op.kind);
        auto const& names = view_.tables().names;
        auto const declared = view_.tables()
                                  .policies
                                  .field(names.find(type).value_or(Policies::kAny),
                                         names.find(op.field).value_or(Policies::kAny))
                                  .kind;
        auto used = declared;
        auto const own = kinds_.find({op.object, op.field});
        if (!used && own != kinds_.end()) {
            used = own->second;
        }
        if (!used && !born_.contains(op.object)) {
            for (auto const other : kAllKinds) {
                if (other != kind && view_.has(op.object, op.field, other)) {
                    used = other;
                }
            }
        }
        if (used && *used != kind) {
            return invalid("field " + quoted(op.field) + " of " + quoted(op.object) + " is a " +
                           std::string(to_string(*used)));
        }
        kinds_[{op.object, op.field}] = kind;
        return kind == FieldKind::list || kind == FieldKind::text ? check_edit(op, kind)
                                                                  : success();
    }

    /// Its place lies in what the author sees, those before it in the event applied.
    Result<> check_edit(Op const& op, FieldKind kind) {
        if (op.kind == OpKind::list_move) {
            return invalid("field " + quoted(op.field) + ": this build does not move elements");
        }
        bool const born = born_.contains(op.object);
        auto const [at, first] = sizes_.try_emplace({op.object, op.field}, 0);
        auto& size = at->second;
        if (first && !born) {
            size = view_.size(op.object, op.field, kind);
        }
        auto const removed = op.kind == OpKind::list_insert ? 0 : op.count;
        if (op.at > size || removed > size - op.at) {
            return invalid("field " + quoted(op.field) + " has " + std::to_string(size) +
                           " places, and not " + std::to_string(removed) + " from " +
                           std::to_string(op.at) + " on");
        }
        auto const* const text = std::get_if<std::string>(&op.value);
        if (op.kind == OpKind::splice && text == nullptr &&
            !std::holds_alternative<std::monostate>(op.value)) {
            return invalid("field " + quoted(op.field) + " is a text and takes one");
        }
        size -= removed;
        size += op.kind == OpKind::list_insert ? 1 : 0;
        size += op.kind == OpKind::splice && text != nullptr ? Rope::count(*text) : 0;
        return success();
    }

    View const& view_;
    std::map<std::string, std::optional<std::string>> types_;  // nothing: removed
    std::set<std::string> born_;
    std::map<std::pair<std::string, std::string>, FieldKind> kinds_;
    std::map<std::pair<std::string, std::string>, std::uint64_t> sizes_;  // of texts and lists
};

bool needs_window(Tables const& tables, Op const& op, std::string const& type) {
    auto const kind = kind_of(op.kind);
    auto const type_number = tables.names.find(type).value_or(Policies::kAny);
    auto const rules =
        tables.policies.field(type_number, tables.names.find(op.field).value_or(Policies::kAny));
    bool const elements = kind == FieldKind::set || kind == FieldKind::map;
    return op.kind == OpKind::counter_set || kind == FieldKind::list || kind == FieldKind::text ||
           (elements && rules.elements == SetRule::remove_wins) ||
           (kind && tables.policies.deletion(type_number) != DeleteRule::delete_wins);
}

}  // namespace

Result<> check_as_author(View const& view, Event const& event) {
    if (event.ops.empty()) {
        return invalid("an event without operations");
    }
    CAPSTAN_TRY(check_size(event));
    AuthorCheck check(view);
    for (Op const& op : event.ops) {
        CAPSTAN_TRY(check(op));
    }
    return success();
}

bool needs_window(View const& view, Event const& event) {
    std::set<std::string_view> born;  // what nobody else can have touched
    for (Op const& op : event.ops) {
        if (op.kind == OpKind::insert) {
            born.insert(op.object);
        } else if (!born.contains(op.object) &&
                   needs_window(view.tables(), op, view.type(op.object).value_or(""))) {
            return true;
        }
    }
    return false;
}

}  // namespace capstan
