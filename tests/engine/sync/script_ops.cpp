#include "script_ops.hpp"

#include <array>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace capstan::test {
namespace {

constexpr std::array kNames{std::pair{OpKind::insert, "insert"},
                            std::pair{OpKind::remove, "remove"},
                            std::pair{OpKind::set, "set"},
                            std::pair{OpKind::add, "add"}};

bool is_whole(OpKind kind) {
    return kind == OpKind::insert || kind == OpKind::remove;
}

Op parse_op(std::string const& text) {
    std::istringstream words(text);
    std::string name;
    Op op;
    words >> name >> op.object;
    for (auto const& [kind, known] : kNames) {
        if (name != known) {
            continue;
        }
        op.kind = kind;
        op.type = kind == OpKind::insert ? "Thing" : "";
        std::int64_t value = 0;
        if (!is_whole(kind) && words >> op.field >> value) {
            op.value = value;
        }
        if (!words.fail()) {
            return op;
        }
    }
    throw std::invalid_argument("not an operation: " + text);
}

std::string text_of(Op const& op) {
    for (auto const& [kind, name] : kNames) {
        if (op.kind == kind) {
            auto const text = std::string(name) + " " + op.object;
            auto const* value = std::get_if<std::int64_t>(&op.value);
            return is_whole(kind) || value == nullptr
                       ? text
                       : text + " " + op.field + " " + std::to_string(*value);
        }
    }
    return "?";
}

}  // namespace

Event parse_ops(std::string_view text) {
    Event event;
    std::istringstream list{std::string(text)};
    for (std::string op; std::getline(list, op, ',');) {
        event.ops.push_back(parse_op(op));
    }
    return event;
}

std::string text_of(Event const& event) {
    std::string text;
    for (auto const& op : event.ops) {
        text += (text.empty() ? "" : ", ") + text_of(op);
    }
    return text;
}

}  // namespace capstan::test
