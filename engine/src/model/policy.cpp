#include <algorithm>
#include <array>
#include <capstan/engine/model/policy.hpp>
#include <span>

namespace capstan {
namespace {

constexpr std::array<std::string_view, kFieldKinds> kKindWords{
    "register", "counter", "set", "map", "list", "text"};
constexpr std::array<std::string_view, 6> kRegisterWords{
    "causal", "arrival", "first", "max", "min", "multi"};
constexpr std::array<std::string_view, 2> kSetWords{"add_wins", "remove_wins"};
constexpr std::array<std::string_view, 3> kDeleteWords{"delete_wins", "update_wins", "surfaced"};

std::optional<std::uint8_t> number_of(std::span<std::string_view const> words,
                                      std::string_view word) {
    auto const at = std::ranges::find(words, word);
    if (at == words.end()) {
        return std::nullopt;
    }
    return static_cast<std::uint8_t>(at - words.begin());
}

}  // namespace

std::string_view to_string(FieldKind kind) {
    return kKindWords[static_cast<std::size_t>(kind)];
}
std::string_view to_string(RegisterRule rule) {
    return kRegisterWords[static_cast<std::size_t>(rule)];
}
std::string_view to_string(SetRule rule) {
    return kSetWords[static_cast<std::size_t>(rule)];
}
std::string_view to_string(DeleteRule rule) {
    return kDeleteWords[static_cast<std::size_t>(rule)];
}

void Policies::choose(NameNumber type, NameNumber field, PolicyChoice const& choice) {
    auto const set = [&](std::optional<Chosen>& place, std::span<std::string_view const> words) {
        auto const value = number_of(words, choice.word);
        if (value && (!place || causally_less(place->stamp, choice.stamp))) {
            place = Chosen{*value, choice.stamp};
        }
    };
    Entry& entry = entries_[{type, field}];
    resolved_.clear();
    if (choice.aspect == "register") {
        set(entry.reg, kRegisterWords);
    } else if (choice.aspect == "set") {
        set(entry.elements, kSetWords);
    } else if (choice.aspect == "delete" && field == kAny) {
        set(entry.deletion, kDeleteWords);
    } else if (choice.aspect == "kind" && field != kAny) {
        set(entry.kind, kKindWords);
    }
}

template <class Choice>
std::optional<Choice> Policies::nearest(std::optional<Chosen> Entry::*aspect,
                                        NameNumber type,
                                        NameNumber name) const {
    for (Place const& place :
         {Place{type, name}, Place{type, kAny}, Place{kAny, name}, Place{kAny, kAny}}) {
        auto const at = entries_.find(place);
        if (at != entries_.end() && at->second.*aspect) {
            return static_cast<Choice>((at->second.*aspect)->value);
        }
    }
    return std::nullopt;
}

FieldRules const& Policies::field(NameNumber type, NameNumber name) const {
    static constexpr FieldRules kDefaults;
    if (entries_.empty() || type == policy_type_) {
        return kDefaults;
    }
    auto const [at, fresh] = resolved_.try_emplace(std::uint64_t{type} << 32 | name);
    if (fresh) {
        at->second.reg = nearest<RegisterRule>(&Entry::reg, type, name).value_or(kDefaults.reg);
        at->second.elements =
            nearest<SetRule>(&Entry::elements, type, name).value_or(kDefaults.elements);
        at->second.kind = nearest<FieldKind>(&Entry::kind, type, name);
    }
    return at->second;
}

DeleteRule Policies::deletion(NameNumber type) const {
    if (entries_.empty() || type == policy_type_) {
        return DeleteRule::delete_wins;
    }
    return nearest<DeleteRule>(&Entry::deletion, type, kAny).value_or(DeleteRule::delete_wins);
}

}  // namespace capstan
