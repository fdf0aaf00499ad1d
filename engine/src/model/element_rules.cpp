#include <algorithm>

#include "model/field_rules.hpp"

namespace capstan {
namespace {

/// Sets that remove wins are judged where their author put the edit: they need the window.
bool knew(Author const& author, SetRule rule, Touch const& touch) {
    return rule == SetRule::remove_wins ? author.saw_at_p(touch) : author.saw(touch);
}

Touch const* first_unseen(Author const& author, SetRule rule, std::vector<Touch> const& dots) {
    auto const at =
        std::ranges::find_if(dots, [&](Touch const& dot) { return !knew(author, rule, dot); });
    return at == dots.end() ? nullptr : &*at;
}

}  // namespace

bool add_element(Scene const& scene, Target const& target, Element& element, SetRule rule) {
    Author const& author = scene.author;
    if (rule == SetRule::remove_wins) {
        Touch const* const remove = first_unseen(author, rule, element.removes);
        if (remove != nullptr && author.remembered(*remove)) {
            scene.conflict(target, Rule::remove_wins, scene.side(*remove), scene.own_side({}));
            return false;
        }
    }
    std::erase_if(element.adds, [&](Touch const& dot) { return knew(author, rule, dot); });
    element.adds.push_back(author.touch());
    return true;
}

void remove_element(Scene const& scene, Target const& target, Element& element, SetRule rule) {
    Author const& author = scene.author;
    Touch const* const unseen = first_unseen(author, rule, element.adds);
    if (rule == SetRule::add_wins) {
        if (unseen != nullptr) {
            scene.conflict(target, Rule::add_wins, scene.side(*unseen), scene.own_side({}));
        }
        std::erase_if(element.adds, [&](Touch const& dot) { return author.saw(dot); });
        return;
    }
    if (unseen != nullptr) {
        scene.conflict(target, Rule::remove_wins, scene.own_side({}), scene.side(*unseen));
    }
    element.adds.clear();
    // An add that does not know an earlier remove does not know this one either, if this one does.
    std::erase_if(element.removes, [&](Touch const& dot) { return author.saw_at_p(dot); });
    element.removes.push_back(author.touch());
    scene.remember(target);
}

void forget(Element& element, std::uint64_t mark) {
    std::erase_if(element.removes, [&](Touch const& dot) { return dot.seq <= mark; });
    forget(element.value, mark);
}

}  // namespace capstan
