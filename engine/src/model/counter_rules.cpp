#include <algorithm>

#include "model/field_rules.hpp"

namespace capstan {
namespace {

/// Modulo 2^64, so that increments commute whatever they add up to.
std::int64_t sum(std::int64_t a, std::int64_t b) {
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}

void drop_if_empty(Field& counter) {
    if (counter.more->adds.empty()) {
        counter.more.reset();
    }
}

std::int64_t total_of(Register const& counter) {
    return counter.value.absent() ? 0 : counter.value.as_int();
}

}  // namespace

void add_to_counter(Scene const& scene, Target const& target, std::int64_t delta) {
    Register& counter = target.field.value;
    counter.value = StoredValue::of_int(sum(total_of(counter), delta));
    target.field.room().adds.push_back({scene.author.touch(), delta});
    scene.remember(target);
}

/// The base is a causal register, read at p: a set needs the window. The total is its value and
/// what it had not seen of the adds. An add at or below the mark was seen by every set to come.
void set_counter(Scene const& scene, Target const& target, std::int64_t value) {
    Author const& author = scene.author;
    Register& counter = target.field.value;
    Write const own{author.p, author.seq, author.device};
    bool const wins = !causally_less(own, counter.write);  // equal: of the same event
    if (counter.written() && !author.saw_at_p(counter.write.touch())) {
        auto ours = scene.side(own, StoredValue::of_int(value));
        auto theirs = scene.side(counter.write, counter.value);
        scene.conflict(target,
                       Rule::causal,
                       wins ? std::move(ours) : std::move(theirs),
                       wins ? std::move(theirs) : std::move(ours));
    }
    if (!wins) {
        return;
    }
    for (CounterAdd const& add : target.field.room().adds) {
        if (author.remembered(add.touch) && !author.saw_at_p(add.touch)) {
            value = sum(value, add.delta);
        }
    }
    drop_if_empty(target.field);
    counter.value = StoredValue::of_int(value);
    counter.write = own;
}

void forget_adds(Field& field, std::uint64_t mark) {
    if (!field.more || field.kind != FieldKind::counter) {
        return;
    }
    std::erase_if(field.more->adds, [&](CounterAdd const& add) { return add.touch.seq <= mark; });
    drop_if_empty(field);
}

}  // namespace capstan
