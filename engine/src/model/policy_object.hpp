#pragma once
#include <capstan/engine/model/object.hpp>
#include <capstan/engine/model/tables.hpp>
#include <string>
#include <string_view>

namespace capstan {

/// Adds what one policy object says; `register_of(name)` is that register of it, or nothing.
template <class RegisterOf>
void choose_by(Policies& policies, Names& names, RegisterOf register_of) {
    auto const word = [&](std::string_view name) -> std::string {
        Field const* const field = register_of(name);
        auto const value = field == nullptr ? std::nullopt : field->value.value.value();
        auto const* const text = value ? std::get_if<std::string>(&*value) : nullptr;
        return text == nullptr ? std::string() : *text;
    };
    auto const number = [&](std::string const& name) {
        return name.empty() ? Policies::kAny : names.number(name);
    };
    auto const type = number(word("type"));
    auto const name = number(word("field"));
    for (std::string const aspect : {"register", "set", "delete", "kind"}) {
        if (Field const* const choice = register_of(aspect)) {
            policies.choose(type, name, {{}, {}, aspect, word(aspect), choice->value.write});
        }
    }
}

}  // namespace capstan
