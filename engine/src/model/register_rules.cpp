#include <algorithm>

#include "model/field_rules.hpp"

namespace capstan {
namespace {

RegisterMore& room(Register& reg) {
    if (!reg.more) {
        reg.more = std::make_unique<RegisterMore>();
    }
    return *reg.more;
}

void drop_if_empty(Register& reg) {
    if (reg.more && reg.more->empty()) {
        reg.more.reset();
    }
}

Rule to_rule(RegisterRule rule) {
    return static_cast<Rule>(rule);
}
static_assert(static_cast<Rule>(RegisterRule::multi) == Rule::multi);

/// One write of a register, judged against what is there.
class RegisterWrite {
  public:
    RegisterWrite(Scene const& scene, Target const& target, Register& reg, RegisterRule rule)
        : scene_(scene), author_(scene.author), target_(target), reg_(reg), rule_(rule) {}

    void among_siblings(StoredValue value);
    void for_one_place(StoredValue value);

  private:
    bool beats(StoredValue const& value, StoredValue const& other, Write const& write) const;
    void keep_greatest();
    void report_siblings(StoredValue const& value) const;
    void drop_seen_siblings();
    void keep_as_sibling(StoredValue value, Write const& write);

    Scene const& scene_;
    Author const& author_;
    Target const& target_;
    Register& reg_;
    RegisterRule rule_;
};

/// Whether the author's value wins against one that is there.
bool RegisterWrite::beats(StoredValue const& value,
                          StoredValue const& other,
                          Write const& write) const {
    switch (rule_) {
        case RegisterRule::causal:
        case RegisterRule::multi:
            return !causally_less(author_.write(), write);  // equal: of the same event
        case RegisterRule::arrival:
            return true;
        case RegisterRule::first:
            return author_.saw(write.touch());
        case RegisterRule::max:
        case RegisterRule::min:
            // An absent value is neither great nor small: anything replaces it, it replaces
            // nothing.
            if (value.absent() || other.absent()) {
                return other.absent();
            }
            return rule_ == RegisterRule::max ? other < value : value < other;
    }
    return false;
}

/// What `multi` left behind before another rule came into force: the causally greatest stays, the
/// others have lost to it.
void RegisterWrite::keep_greatest() {
    if (!reg_.more || reg_.more->entries.empty()) {
        return;
    }
    for (StampedValue& entry : std::exchange(reg_.more->entries, {})) {
        keep_as_sibling(std::move(entry.value), entry.write);
    }
}

void RegisterWrite::keep_as_sibling(StoredValue value, Write const& write) {
    if (author_.remembered(write.touch())) {
        auto& siblings = room(reg_).siblings;
        auto const at = std::ranges::upper_bound(
            siblings, write.seq, {}, [](StampedValue const& one) { return one.write.seq; });
        siblings.insert(at, {std::move(value), write});
    }
}

void RegisterWrite::report_siblings(StoredValue const& value) const {
    if (!reg_.more) {
        return;
    }
    for (auto const& [other, write] : reg_.more->siblings) {
        if (!author_.remembered(write.touch()) || author_.saw(write.touch())) {
            continue;
        }
        auto own = scene_.own_side(value);
        auto theirs = scene_.side(write, other);
        bool const wins = beats(value, other, write);
        scene_.conflict(target_,
                        to_rule(rule_),
                        wins ? std::move(own) : std::move(theirs),
                        wins ? std::move(theirs) : std::move(own));
    }
}

void RegisterWrite::drop_seen_siblings() {
    if (reg_.more) {
        std::erase_if(reg_.more->siblings,
                      [&](StampedValue const& one) { return author_.saw(one.write.touch()); });
    }
}

/// Every rule but `multi`: one value wins. Reported are all pairs of writes that did not know each
/// other and that no later write knew.
void RegisterWrite::for_one_place(StoredValue value) {
    keep_greatest();
    bool const knew = author_.saw(reg_.write.touch());
    bool const wins = beats(value, reg_.value, reg_.write);
    if (knew && !wins) {
        return;  // its author knew better and asked for no change
    }
    report_siblings(value);
    drop_seen_siblings();
    if (!knew) {
        auto own = scene_.own_side(value);
        auto theirs = scene_.side(reg_.write, reg_.value);
        scene_.conflict(target_,
                        to_rule(rule_),
                        wins ? std::move(own) : std::move(theirs),
                        wins ? std::move(theirs) : std::move(own));
    }
    if (!wins) {
        keep_as_sibling(std::move(value), author_.write());
    } else {
        if (!knew) {
            keep_as_sibling(std::move(reg_.value), reg_.write);
        }
        reg_.value = std::move(value);
        reg_.write = author_.write();
    }
    if (!knew) {
        scene_.remember(target_);
    }
}

/// `multi`: values that the author knew go, the others stay beside its own.
void RegisterWrite::among_siblings(StoredValue value) {
    drop_seen_siblings();
    std::vector<StampedValue> entries;
    auto const take = [&](StampedValue entry) {
        if (!author_.saw(entry.write.touch())) {
            scene_.conflict(target_,
                            Rule::multi,
                            scene_.own_side(value),
                            scene_.side(entry.write, entry.value),
                            true);
            entries.push_back(std::move(entry));
        }
    };
    if (reg_.more) {
        std::ranges::for_each(std::exchange(reg_.more->entries, {}), take);
    }
    take({std::move(reg_.value), reg_.write});
    entries.push_back({std::move(value), author_.write()});
    auto const greatest = std::ranges::max_element(
        entries, [](auto const& x, auto const& y) { return causally_less(x.write, y.write); });
    reg_.value = std::move(greatest->value);
    reg_.write = greatest->write;
    entries.erase(greatest);
    if (!entries.empty()) {
        std::ranges::sort(entries, {}, [](StampedValue const& one) { return one.write.seq; });
        room(reg_).entries = std::move(entries);
    }
}

}  // namespace

void write_register(
    Scene const& scene, Target const& target, Register& reg, RegisterRule rule, StoredValue value) {
    Author const& author = scene.author;
    bool const alone = !reg.more;
    if (!reg.written() || (alone && rule == RegisterRule::causal && reg.write.a <= author.a &&
                           author.saw(reg.write.touch()))) {
        reg.value = std::move(value);  // what nearly always happens
        reg.write = author.write();
        return;
    }
    RegisterWrite write(scene, target, reg, rule);
    if (rule == RegisterRule::multi) {
        write.among_siblings(std::move(value));
    } else {
        write.for_one_place(std::move(value));
    }
    drop_if_empty(reg);
}

void forget(Register& reg, std::uint64_t mark) {
    if (reg.more) {
        std::erase_if(reg.more->siblings,
                      [&](StampedValue const& one) { return one.write.seq <= mark; });
        drop_if_empty(reg);
    }
}

}  // namespace capstan
