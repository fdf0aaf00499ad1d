#include "event_json.hpp"

#include <array>
#include <capstan/schema/body.hpp>
#include <capstan/schema/event.hpp>
#include <capstan/schema/stream_position.hpp>
#include <nlohmann/json.hpp>

namespace capstan {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<std::string_view, 15> kOpNames = {"set",
                                                       "insert",
                                                       "remove",
                                                       "unset",
                                                       "add",
                                                       "set_add",
                                                       "set_remove",
                                                       "map_put",
                                                       "map_remove",
                                                       "list_insert",
                                                       "list_remove",
                                                       "list_move",
                                                       "splice",
                                                       "counter_set",
                                                       "list_set"};

std::string hex(ByteView bytes) {
    constexpr char kDigits[] = "0123456789abcdef";
    std::string out;
    out.reserve(bytes.size() * 2);
    for (auto const byte : bytes) {
        out += {kDigits[std::to_integer<unsigned>(byte) >> 4],
                kDigits[std::to_integer<unsigned>(byte) & 15]};
    }
    return out;
}

std::string dump(Json const& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

struct ValueToJson {
    Json operator()(std::monostate) const { return nullptr; }
    Json operator()(Bytes const& value) const { return {{"bytes", hex(value)}}; }
    Json operator()(Reference const& value) const { return {{"reference", value.object}}; }
    Json operator()(BlobReference const& value) const {
        return {{"sha256", hex(value.sha256)},
                {"size", value.size_bytes},
                {"media_type", value.media_type}};
    }
    template <class Plain>
    Json operator()(Plain const& value) const {
        return value;
    }
};

bool has_value(OpKind kind) {
    return kind != OpKind::insert && kind != OpKind::remove && kind != OpKind::unset &&
           kind != OpKind::map_remove && kind != OpKind::list_remove && kind != OpKind::list_move;
}

Json to_json(Op const& op) {
    Json json{{"op", kOpNames[static_cast<std::size_t>(op.kind)]}, {"object", op.object}};
    if (op.kind == OpKind::insert) {
        json["type"] = op.type;
    }
    if (!op.field.empty()) {
        json["field"] = op.field;
    }
    if (!op.key.empty()) {
        json["key"] = op.key;
    }
    bool const placed = op.kind >= OpKind::list_insert && op.kind <= OpKind::splice;
    if (placed || op.kind == OpKind::list_set) {
        json["at"] = op.at;
    }
    if (op.kind == OpKind::list_remove || op.kind == OpKind::splice) {
        json["count"] = op.count;
    }
    if (op.kind == OpKind::list_move) {
        json["to"] = op.to;
    }
    if (has_value(op.kind)) {
        json["value"] = std::visit(ValueToJson{}, op.value);
    }
    return json;
}

void append_body(std::string& out, Body const& body) {
    if (!body.type.empty()) {
        out += ",\"type\":" + json_string(body.type);
    }
    // A device may call anything JSON; what isn't must not break the document around it.
    if (body.kind == Body::Kind::json && Json::accept(body.content)) {
        out += ",\"json\":" + body.content;
    } else if (body.kind == Body::Kind::bytes) {
        out += ",\"bytes\":\"" + hex(as_bytes(body.content)) + '"';
    } else {
        out += ",\"text\":" + json_string(body.content);
    }
}

void append_said(std::string& out, ByteView bytes) {
    auto const event = decode_event(bytes);
    if (!event) {
        out += ",\"malformed\":\"" + hex(bytes) + '"';
        return;
    }
    if (auto const body = body_of(event.value())) {
        append_body(out, *body);
        return;
    }
    Json ops = Json::array();
    for (auto const& op : event.value().ops) {
        ops.push_back(to_json(op));
    }
    out += ",\"ops\":" + dump(ops);
}

}  // namespace

std::string json_string(std::string_view text) {
    return dump(text);
}

void append_event_json(std::string& out,
                       Seq seq,
                       DeliveredRunView const& delivered,
                       std::uint32_t index) {
    auto const& run = delivered.run();
    auto const preceding = run.header().preceding_seq;
    out += "{\"seq\":" + std::to_string(seq.value);
    out += ",\"time\":\"" + to_string(delivered.gateway_time()) + '"';
    out += ",\"device\":\"" + to_string(delivered.device()) + '"';
    out += ",\"counter\":" + std::to_string(run.first_counter().value + index);
    // A keyless author had seen what stood before its first event.
    auto const first = seq.value - index;
    out +=
        ",\"preceding_seq\":" + std::to_string(preceding == kAtHead ? first - 1 : preceding.value);
    append_said(out, run.event(index));
    out += '}';
}

}  // namespace capstan
