#include <array>
#include <capstan/engine/model/changes.hpp>
#include <capstan/engine/model/conflict_log.hpp>

namespace capstan {

std::string_view to_string(Rule rule) {
    static constexpr std::array<std::string_view, 12> kWords{"causal",
                                                             "arrival",
                                                             "first",
                                                             "max",
                                                             "min",
                                                             "multi",
                                                             "add_wins",
                                                             "remove_wins",
                                                             "delete_wins",
                                                             "update_wins",
                                                             "surfaced",
                                                             "id_taken"};
    return kWords[static_cast<std::size_t>(rule)];
}

std::string_view to_string(VoidReason reason) {
    static constexpr std::array<std::string_view, 9> kWords{"missing",
                                                            "deleted",
                                                            "known_deleted",
                                                            "earlier_life",
                                                            "below_mark",
                                                            "kind",
                                                            "operand",
                                                            "position",
                                                            "unsupported"};
    return kWords[static_cast<std::size_t>(reason)];
}

void Changes::clear() {
    changes.clear();
    conflicts.clear();
    voids.clear();
}

std::size_t ConflictLog::bytes_of(Conflict const& conflict) {
    auto const of = [](std::optional<Value> const& value) -> std::size_t {
        if (!value) {
            return 0;
        }
        if (auto const* text = std::get_if<std::string>(&*value)) {
            return text->size();
        }
        if (auto const* bytes = std::get_if<Bytes>(&*value)) {
            return bytes->size();
        }
        return 0;
    };
    return sizeof conflict + conflict.object.size() + conflict.type.size() + conflict.field.size() +
           of(conflict.key) + of(conflict.winner.value) + of(conflict.loser.value);
}

void ConflictLog::add(Changes const& changes) {
    for (Conflict const& conflict : changes.conflicts) {
        records_.push_back(conflict);
        bytes_ += bytes_of(conflict);
        ++count_;
    }
    while (records_.size() > limits_.records_max || bytes_ > limits_.bytes_max) {
        bytes_ -= bytes_of(records_.front());
        records_.pop_front();
    }
}

}  // namespace capstan
