#include <capstan/engine/coalesce/assign.hpp>
#include <capstan/engine/coalesce/value_order.hpp>
#include <set>
#include <utility>

namespace capstan::coalesce {
namespace {

/// Says what one field needs. Both sides are of one kind; none: there is nothing yet, or no more.
class FieldAssignment {
  public:
    FieldAssignment(std::string_view object,
                    std::string const& field,
                    std::size_t steps_max,
                    std::vector<Op>& out)
        : object_(object), field_(field), steps_max_(steps_max), out_(out) {}

    void operator()(Value const* before, Value const* after) {
        if (after == nullptr) {
            say(OpKind::unset);
        } else if (before == nullptr || !same(*before, *after)) {
            say(OpKind::set).value = *after;
        }
    }

    void operator()(CounterField const* before, CounterField const* after) {
        auto const total = [](CounterField const* field) {
            return field == nullptr ? 0U : static_cast<std::uint64_t>(field->total);
        };
        if (auto const delta = total(after) - total(before); delta != 0) {
            say(OpKind::add).value = static_cast<std::int64_t>(delta);
        }
    }

    void operator()(SetField const* before, SetField const* after) {
        auto const elements = [](SetField const* field) {
            return field == nullptr
                       ? std::set<Value, ValueLess>{}
                       : std::set<Value, ValueLess>(field->elements.begin(), field->elements.end());
        };
        auto const olds = elements(before);
        auto const news = elements(after);
        for (auto const& element : olds) {
            if (!news.contains(element)) {
                say(OpKind::set_remove).value = element;
            }
        }
        for (auto const& element : news) {
            if (!olds.contains(element)) {
                say(OpKind::set_add).value = element;
            }
        }
    }

    void operator()(MapField const* before, MapField const* after) {
        static MapField const kEmpty;
        auto const& olds = (before == nullptr ? kEmpty : *before).entries;
        auto const& news = (after == nullptr ? kEmpty : *after).entries;
        for (auto const& [key, value] : olds) {
            if (!news.contains(key)) {
                say(OpKind::map_remove).key = key;
            }
        }
        for (auto const& [key, value] : news) {
            auto const old = olds.find(key);
            if (old == olds.end() || !same(old->second, value)) {
                auto& op = say(OpKind::map_put);
                op.key = key;
                op.value = value;
            }
        }
    }

    void operator()(ListField const* before, ListField const* after) {
        static ListField const kEmpty;
        auto const& olds = (before == nullptr ? kEmpty : *before).elements;
        auto const& news = (after == nullptr ? kEmpty : *after).elements;
        for (auto& edit : diff_list(olds, news, steps_max_)) {
            if (edit.count > 0) {
                auto& op = say(OpKind::list_remove);
                op.at = edit.at;
                op.count = edit.count;
            }
            for (auto& element : edit.elements) {
                auto& op = say(OpKind::list_insert);
                op.at = edit.at++;
                op.value = std::move(element);
            }
        }
    }

    void operator()(TextField const* before, TextField const* after) {
        static TextField const kEmpty;
        auto const& was = (before == nullptr ? kEmpty : *before).text;
        auto const& is = (after == nullptr ? kEmpty : *after).text;
        for (auto& splice : diff_text(was, is, steps_max_)) {
            auto& op = say(OpKind::splice);
            op.at = splice.at;
            op.count = splice.count;
            op.value = std::move(splice.content);
        }
    }

  private:
    Op& say(OpKind kind) {
        auto& op = out_.emplace_back();
        op.kind = kind;
        op.object = object_;
        op.field = field_;
        return op;
    }

    std::string_view object_;
    std::string const& field_;
    std::size_t steps_max_;
    std::vector<Op>& out_;
};

FieldValue const* find(ObjectValue const* object, std::string const& field) {
    if (object == nullptr) {
        return nullptr;
    }
    auto const found = object->fields.find(field);
    return found == object->fields.end() ? nullptr : &found->second;
}

/// Preconditions: one of both is there, and they are of one kind.
void assign_field(FieldAssignment&& field, FieldValue const* before, FieldValue const* after) {
    std::visit(
        [&]<class Kind>(Kind const&) {
            field(before == nullptr ? nullptr : &std::get<Kind>(*before),
                  after == nullptr ? nullptr : &std::get<Kind>(*after));
        },
        after == nullptr ? *before : *after);
}

}  // namespace

Result<std::vector<Op>> assign(std::string_view object,
                               ObjectValue const* before,
                               ObjectValue const& after,
                               std::size_t steps_max) {
    std::vector<Op> ops;
    if (before == nullptr) {
        auto& op = ops.emplace_back();
        op.kind = OpKind::insert;
        op.object = object;
        op.type = after.type;
    } else if (before->type != after.type) {
        return Error{Errc::request_invalid, "type is " + before->type + ", not " + after.type};
    }
    std::set<std::string> names;
    for (auto const* side : {before, &after}) {
        if (side != nullptr) {
            for (auto const& [name, value] : side->fields) {
                names.insert(name);
            }
        }
    }
    for (auto const& name : names) {
        auto const* was = find(before, name);
        auto const* is = find(&after, name);
        if (was != nullptr && is != nullptr && was->index() != is->index()) {
            return Error{Errc::request_invalid, "field " + name + " is of another kind"};
        }
        assign_field(FieldAssignment(object, name, steps_max, ops), was, is);
    }
    return ops;
}

}  // namespace capstan::coalesce
