#pragma once
#include "model/scene.hpp"

namespace capstan {

/// The rules of RECONCILIATION by kind of field. Each takes one operation that was found valid and
/// changes the field; hashes and changes are the caller's.

/// Sets the register of `target` (that of a field, or of a map's key) to `value`; absent: `unset`.
void write_register(
    Scene const& scene, Target const& target, Register& reg, RegisterRule rule, StoredValue value);

void add_to_counter(Scene const& scene, Target const& target, std::int64_t delta);
void set_counter(Scene const& scene, Target const& target, std::int64_t value);

/// Adds the author's dot to the element. False if the add lost to a remove.
bool add_element(Scene const& scene, Target const& target, Element& element, SetRule rule);
void remove_element(Scene const& scene, Target const& target, Element& element, SetRule rule);

// Collection: drops what is kept only above the mark and lies at or below it.
void forget(Register& reg, std::uint64_t mark);
void forget(Element& element, std::uint64_t mark);
void forget_adds(Field& field, std::uint64_t mark);

}  // namespace capstan
