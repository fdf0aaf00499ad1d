#include "author.hpp"

#include <array>

namespace capstan::test {
namespace {

constexpr std::array kWords = {"", "a", "bc", "\xC3\xBC", "def", "\xF0\x9F\x91\xA9\xE2\x80\x8D"};
constexpr std::array kNumbers = {std::int64_t{0},
                                 std::int64_t{1},
                                 std::int64_t{-1},
                                 std::int64_t{7},
                                 std::int64_t{0x7FFFFFFFFFFFFFFF},
                                 -std::int64_t{0x7FFFFFFFFFFFFFFF} - 1};

template <class Fields>
auto size_of(Fields const* fields, std::string const& field) {
    auto const found = fields->find(field);
    return found == fields->end() ? std::uint64_t{0} : std::uint64_t{found->second.size()};
}

}  // namespace

std::uint64_t Author::below(std::uint64_t end) {
    if (!has_choices() || end == 0) {
        return 0;
    }
    return choices_[at_++] % end;
}

Event Author::next(PlainModel& model) {
    Event event;
    auto ahead = model;
    for (auto rest = 1 + below(3); rest > 0; --rest) {
        event.ops.push_back(next_op(ahead));
        ahead.apply(event.ops.back());
    }
    model.apply(std::vector<Event>{event});
    return event;
}

Op Author::next_op(PlainModel const& model) {
    Op op;
    op.object = std::string(1, static_cast<char>('A' + below(3)));
    auto const found = model.objects().find(op.object);
    bool const lives = found != model.objects().end();
    auto const choice = below(16);
    if (!lives && choice < 14) {
        op.kind = OpKind::insert;
        op.type = "Thing";
    } else if (lives && choice == 0) {
        op.kind = OpKind::remove;
    } else {
        // Mostly the text and the list: that is where most can go wrong.
        constexpr std::array kKinds = {OpKind::splice,
                                       OpKind::splice,
                                       OpKind::splice,
                                       OpKind::list_insert,
                                       OpKind::list_insert,
                                       OpKind::list_remove,
                                       OpKind::list_move,
                                       OpKind::list_set,
                                       OpKind::set,
                                       OpKind::unset,
                                       OpKind::add,
                                       OpKind::counter_set,
                                       OpKind::set_add,
                                       OpKind::set_remove,
                                       OpKind::map_put,
                                       OpKind::map_remove};
        op.kind = kKinds[below(kKinds.size())];
        fill(op, lives ? &found->second : nullptr);
    }
    return op;
}

/// The places in a text or list that is not there are 0.
void Author::fill(Op& op, PlainModel::Object const* object) {
    op.field = std::string(below(4) == 0 ? "other" : "field");
    static PlainModel::Object const kNone;
    object = object == nullptr ? &kNone : object;
    auto const texts = size_of(&object->texts, op.field);
    auto const elements = size_of(&object->lists, op.field);
    switch (op.kind) {
        case OpKind::splice:
            op.at = below(texts + 1);
            op.count = below(texts - op.at + 1);
            op.value = std::string(kWords[below(kWords.size())]);
            break;
        case OpKind::list_insert:
            op.at = below(elements + 1);
            op.value = static_cast<std::int64_t>(below(256));
            break;
        case OpKind::list_remove:
            op.at = below(elements + 1);
            op.count = below(std::min(elements - op.at, std::uint64_t{3}) + 1);
            break;
        case OpKind::list_move:
            op.at = below(elements);
            op.to = below(elements);
            if (elements == 0) {
                op.kind = OpKind::list_remove;
            }
            break;
        case OpKind::list_set:
            op.at = below(elements);
            op.value = static_cast<std::int64_t>(below(256));
            if (elements == 0) {
                op.kind = OpKind::list_remove;
            }
            break;
        case OpKind::add:
        case OpKind::counter_set:
            op.value = kNumbers[below(kNumbers.size())];
            break;
        case OpKind::map_put:
        case OpKind::map_remove:
            op.key = kWords[below(3)];
            [[fallthrough]];
        default:
            op.value = kNumbers[below(3)];
    }
}

}  // namespace capstan::test
