#include "plain_model.hpp"

#include <algorithm>
#include <stdexcept>

#include "points.hpp"

namespace capstan::test {
namespace {

void require(bool condition) {
    if (!condition) {
        throw std::out_of_range("an operation outside of its text or list");
    }
}

/// What is empty is not there.
template <class Fields>
void tidy(Fields& fields, std::string const& field) {
    if (fields[field].empty()) {
        fields.erase(field);
    }
}

}  // namespace

void PlainModel::apply(std::vector<Event> const& events) {
    for (auto const& event : events) {
        std::set<std::string> inserted;
        for (auto const& op : event.ops) {
            if (op.kind == OpKind::insert && !objects_.contains(op.object)) {
                inserted.insert(op.object);
            }
            if (op.kind == OpKind::remove) {
                inserted.erase(op.object);
                for (auto& ids : order_) {
                    ids.erase(op.object);
                }
            }
            apply(op);
        }
        order_.push_back(std::move(inserted));
        std::erase_if(order_, [](auto const& ids) { return ids.empty(); });
    }
}

void PlainModel::apply(std::vector<Op> const& ops) {
    apply(std::vector<Event>{{ops, {}}});
}

void PlainModel::apply(Op const& op) {
    if (op.kind == OpKind::insert) {
        objects_.try_emplace(op.object, Object{}).first->second.type = op.type;
    } else if (op.kind == OpKind::remove) {
        objects_.erase(op.object);
    } else if (objects_.contains(op.object)) {
        apply_to(objects_.at(op.object), op);
    }
}

void PlainModel::apply_to(Object& object, Op const& op) {
    auto const at = static_cast<std::ptrdiff_t>(op.at);
    auto const count = static_cast<std::ptrdiff_t>(op.count);
    switch (op.kind) {
        case OpKind::set:
            object.registers[op.field] = op.value;
            break;
        case OpKind::unset:
            object.registers.erase(op.field);
            break;
        case OpKind::add: {
            auto& total = object.counters[op.field];
            total += static_cast<std::uint64_t>(std::get<std::int64_t>(op.value));
            if (total == 0) {
                object.counters.erase(op.field);
            }
            break;
        }
        case OpKind::counter_set:
            object.counters[op.field] =
                static_cast<std::uint64_t>(std::get<std::int64_t>(op.value));
            std::erase_if(object.counters, [](auto const& each) { return each.second == 0; });
            break;
        case OpKind::set_add:
            object.sets[op.field].insert(op.value);
            break;
        case OpKind::set_remove:
            object.sets[op.field].erase(op.value);
            tidy(object.sets, op.field);
            break;
        case OpKind::map_put:
            object.maps[op.field][op.key] = op.value;
            break;
        case OpKind::map_remove:
            object.maps[op.field].erase(op.key);
            tidy(object.maps, op.field);
            break;
        case OpKind::list_insert: {
            auto& list = object.lists[op.field];
            require(op.at <= list.size());
            list.insert(list.begin() + at, op.value);
            break;
        }
        case OpKind::list_remove: {
            auto& list = object.lists[op.field];
            require(op.at + op.count <= list.size());
            list.erase(list.begin() + at, list.begin() + at + count);
            tidy(object.lists, op.field);
            break;
        }
        case OpKind::list_move: {
            auto& list = object.lists[op.field];
            require(op.at < list.size() && op.to < list.size());
            auto element = list[op.at];
            list.erase(list.begin() + at);
            list.insert(list.begin() + static_cast<std::ptrdiff_t>(op.to), element);
            break;
        }
        case OpKind::list_set: {
            auto& list = object.lists[op.field];
            require(op.at < list.size());
            list[op.at] = op.value;
            break;
        }
        case OpKind::splice: {
            auto& text = object.texts[op.field];
            require(op.at + op.count <= text.size());
            text.replace(op.at, op.count, points_of(std::get<std::string>(op.value)));
            tidy(object.texts, op.field);
            break;
        }
        case OpKind::insert:
        case OpKind::remove:
            break;
    }
}

coalesce::ObjectValue value_of(PlainModel::Object const& object) {
    coalesce::ObjectValue value;
    value.type = object.type;
    for (auto const& [name, field] : object.registers) {
        value.fields[name] = field;
    }
    for (auto const& [name, total] : object.counters) {
        value.fields[name] = coalesce::CounterField{static_cast<std::int64_t>(total)};
    }
    for (auto const& [name, set] : object.sets) {
        value.fields[name] = coalesce::SetField{{set.begin(), set.end()}};
    }
    for (auto const& [name, map] : object.maps) {
        value.fields[name] = coalesce::MapField{map};
    }
    for (auto const& [name, list] : object.lists) {
        value.fields[name] = coalesce::ListField{list};
    }
    for (auto const& [name, text] : object.texts) {
        value.fields[name] = coalesce::TextField{utf8_of(text)};
    }
    return value;
}

}  // namespace capstan::test
