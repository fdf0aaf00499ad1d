#include "model/model_hash.hpp"

namespace capstan {

std::uint64_t birth_hash(Object const& object, Tables const& tables) {
    InsertStamp const& at = object.inserted;
    return hash_words<8>({object.id_hash,
                          tables.names.hash(object.type),
                          at.a,
                          at.run_first,
                          at.seq,
                          tables.devices.hash(at.device),
                          object.life.seq,
                          tables.devices.hash(object.life.device)});
}

std::uint64_t head_hash(Object const& object, Devices const& devices) {
    Touches const& changes = object.changes;
    Touches const none;
    Touches const& deletions = object.deletions ? *object.deletions : none;
    std::uint64_t const unsettled =
        deletions.last.seq == 0 ? 0
                                : hash_words<5>({deletions.last.seq,
                                                 devices.hash(deletions.last.device),
                                                 deletions.other.seq,
                                                 devices.hash(deletions.other.device),
                                                 static_cast<std::uint64_t>(object.deleted_under)});
    return hash_words<6>({object.birth_hash,
                          changes.last.seq,
                          devices.hash(changes.last.device),
                          changes.other.seq,
                          devices.hash(changes.other.device),
                          unsettled});
}

namespace {

std::uint64_t value_hash(HashPlace const& place,
                         StoredValue const& value,
                         Write const& write,
                         Devices const& devices) {
    auto const words = value.words();
    return hash_words<8>({place.object,
                          place.name ^ static_cast<std::uint64_t>(place.kind),
                          place.key,
                          words[0],
                          words[1],
                          write.a,
                          write.seq,
                          devices.hash(write.device)});
}

}  // namespace

std::uint64_t register_hash(HashPlace const& place, Register const& reg, Devices const& devices) {
    std::uint64_t sum = value_hash(place, reg.value, reg.write, devices);
    if (reg.more) {
        for (auto const& [value, write] : reg.more->entries) {
            sum += value_hash(place, value, write, devices);
        }
    }
    return sum;
}

std::uint64_t element_hash(HashPlace const& place, Element const& element, Devices const& devices) {
    if (!element.present()) {
        return 0;
    }
    std::uint64_t sum = 0;
    for (Touch const& dot : element.adds) {
        sum += value_hash(place, {}, {0, dot.seq, dot.device}, devices);
    }
    return element.value.written() ? sum + register_hash(place, element.value, devices) : sum;
}

namespace {

/// Texts and lists have no stamps at rest: what they hold is all that stays.
template <class Merged>
std::uint64_t content_hash(HashPlace const& place, Merged const* merged) {
    if (merged == nullptr || merged->content().items() == 0) {
        return 0;
    }
    return hash_words<4>({place.object,
                          place.name ^ static_cast<std::uint64_t>(place.kind),
                          merged->content().items(),
                          merged->content().hash()});
}

}  // namespace

std::uint64_t field_hash(Object const& object, Field const& field, Tables const& tables) {
    HashPlace place{object.id_hash, tables.names.hash(field.name), field.kind};
    if (field.kind == FieldKind::text) {
        return content_hash(place, field.text());
    }
    if (field.kind == FieldKind::list) {
        return content_hash(place, field.list());
    }
    if (field.kind != FieldKind::set && field.kind != FieldKind::map) {
        return register_hash(place, field.value, tables.devices);
    }
    std::uint64_t sum = 0;
    if (field.more) {
        for (auto const& [key, element] : field.more->elements) {
            place.key = hash64(as_bytes(key));
            sum += element_hash(place, element, tables.devices);
        }
    }
    return sum;
}

void work_out_hashes(Object& object, Tables const& tables) {
    object.id_hash = hash64(as_bytes(object.id));
    object.birth_hash = birth_hash(object, tables);
    object.fields_hash = 0;
    for (Field& field : object.fields.all()) {
        field.hash = field_hash(object, field, tables);
        object.fields_hash += field.hash;
    }
    object.hash = object.alive() ? object.fields_hash + head_hash(object, tables.devices) : 0;
}

void bring_hash_up_to_date(Object& object, Tables const& tables) {
    for (Field& field : object.fields.all()) {
        if (std::exchange(field.hash_stale, false)) {
            auto const hash = field_hash(object, field, tables);
            object.fields_hash += hash - std::exchange(field.hash, hash);
        }
    }
    object.hash = object.alive() ? object.fields_hash + head_hash(object, tables.devices) : 0;
}

}  // namespace capstan
