#include <capstan/schema/body.hpp>
#include <string_view>
#include <tuple>
#include <utility>

namespace capstan {
namespace {

constexpr std::string_view kObject = "body";
constexpr std::string_view kTypeField = "type";

Op set(std::string_view field, Value value) {
    return Op{.kind = OpKind::set,
              .object = std::string(kObject),
              .field = std::string(field),
              .value = std::move(value)};
}

bool is_set(Op const& op) {
    return op.kind == OpKind::set && op.object == kObject;
}

}  // namespace

Event to_event(Body body) {
    Event event;
    if (!body.type.empty()) {
        event.ops.push_back(set(kTypeField, std::move(body.type)));
    }
    switch (body.kind) {
        case Body::Kind::text:
            event.ops.push_back(set("text", std::move(body.content)));
            break;
        case Body::Kind::json:
            event.ops.push_back(set("json", std::move(body.content)));
            break;
        case Body::Kind::bytes: {
            auto const raw = as_bytes(body.content);
            event.ops.push_back(set("bytes", Bytes(raw.begin(), raw.end())));
            break;
        }
    }
    return event;
}

std::optional<Body> body_of(Event const& event) {
    Body body;
    auto const& ops = event.ops;
    if (ops.empty() || ops.size() > 2 || !is_set(ops.front()) || !is_set(ops.back())) {
        return std::nullopt;
    }
    if (ops.size() == 2) {
        auto const* type = std::get_if<std::string>(&ops.front().value);
        if (type == nullptr || type->empty() || ops.front().field != kTypeField) {
            return std::nullopt;
        }
        body.type = *type;
    }
    auto const& [field, value] = std::tie(ops.back().field, ops.back().value);
    if (auto const* text = std::get_if<std::string>(&value);
        text != nullptr && (field == "text" || field == "json")) {
        body.kind = field == "json" ? Body::Kind::json : Body::Kind::text;
        body.content = *text;
        return body;
    }
    if (auto const* bytes = std::get_if<Bytes>(&value); bytes != nullptr && field == "bytes") {
        body.kind = Body::Kind::bytes;
        body.content = as_text(*bytes);
        return body;
    }
    return std::nullopt;
}

}  // namespace capstan
