// All that a user sees of a stream, compared.
#pragma once
#include <map>
#include <string>

#include "replica_device.hpp"

namespace capstan::test {

using ShownObjects = std::map<std::string, ObjectValue>;

/// A counter of 0 is as good as none.
inline ShownObjects shown_objects(View const& view) {
    ShownObjects objects;
    for (auto const& id : view.ids()) {
        auto& object = objects.emplace(id, *view.get(id)).first->second;
        std::erase_if(object.fields, [](auto const& field) {
            auto const* const counter = std::get_if<coalesce::CounterField>(&field.second);
            return counter != nullptr && counter->total == 0;
        });
    }
    return objects;
}

/// The first object or field that is not the same.
inline std::string find_difference(ShownObjects const& before, ShownObjects const& after) {
    for (auto const& [id, object] : before) {
        auto const now = after.find(id);
        if (now == after.end()) {
            return id;
        }
        for (auto const* const one : {&object, &now->second}) {
            for (auto const& [name, field] : one->fields) {
                ObjectValue was{object.type, {}};
                ObjectValue is{now->second.type, {}};
                if (object.fields.contains(name)) {
                    was.fields.emplace(name, object.fields.at(name));
                }
                if (now->second.fields.contains(name)) {
                    is.fields.emplace(name, now->second.fields.at(name));
                }
                if (!equal(was, is)) {
                    return id + "." + name;
                }
            }
        }
    }
    for (auto const& [id, object] : after) {
        if (!before.contains(id)) {
            return id;
        }
    }
    return {};
}

}  // namespace capstan::test
