#pragma once
#include <capstan/engine/model/object.hpp>
#include <capstan/engine/model/tables.hpp>
#include <capstan/schema/hash.hpp>
#include <span>

namespace capstan {

/// Parts of the state hash: a sum, modulo 2^64, of one hash for each stamped value and one for each
/// object. Sums don't care for order, and a change costs the parts that it changes.
///
/// Only what is kept for ever enters: never what the mark lets go.
template <std::size_t count>
std::uint64_t hash_words(std::array<std::uint64_t, count> const& words) {
    return hash64(std::as_bytes(std::span(words)));
}

std::uint64_t birth_hash(Object const& object, Tables const& tables);
/// Of the object itself: its birth, changes and unsettled deletions.
std::uint64_t head_hash(Object const& object, Devices const& devices);

/// Names a field of an object, or a key in it, in hashes.
struct HashPlace {
    std::uint64_t object = 0;
    std::uint64_t name = 0;
    FieldKind kind = FieldKind::reg;
    std::uint64_t key = 0;
};
std::uint64_t register_hash(HashPlace const& place, Register const& reg, Devices const& devices);
std::uint64_t element_hash(HashPlace const& place, Element const& element, Devices const& devices);
/// Sum over the elements of a set or map, or the hash of a register, counter, text or list. An
/// empty text or list counts for nothing: it is as if it had never been edited.
std::uint64_t field_hash(Object const& object, Field const& field, Tables const& tables);
/// Those of an object that was read from bytes, which don't hold what follows from them.
void work_out_hashes(Object& object, Tables const& tables);
/// After its texts and lists were edited.
void bring_hash_up_to_date(Object& object, Tables const& tables);

}  // namespace capstan
