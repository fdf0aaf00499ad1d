#include <algorithm>
#include <capstan/importers/event_json.hpp>
#include <capstan/schema/body.hpp>
#include <capstan/schema/limits.hpp>
#include <limits>
#include <optional>
#include <utility>

namespace capstan::importers {
namespace {

struct ValueToJson {
    Json operator()(std::monostate) const { return nullptr; }
    Json operator()(bool value) const { return value; }
    Json operator()(std::int64_t value) const { return value; }
    Json operator()(double value) const { return value; }
    Json operator()(std::string const& value) const { return value; }
    Json operator()(Bytes const& value) const { return {{"bytes", hex(value)}}; }
    Json operator()(Reference const& value) const { return {{"reference", value.object}}; }
    Json operator()(BlobReference const& value) const {
        return {{"sha256", hex(value.sha256)},
                {"size", value.size_bytes},
                {"media_type", value.media_type}};
    }
};

constexpr std::pair<OpKind, std::string_view> kNames[] = {
    {OpKind::set, "set"},
    {OpKind::insert, "insert"},
    {OpKind::remove, "remove"},
    {OpKind::unset, "unset"},
    {OpKind::add, "add"},
    {OpKind::set_add, "set_add"},
    {OpKind::set_remove, "set_remove"},
    {OpKind::map_put, "map_put"},
    {OpKind::map_remove, "map_remove"},
    {OpKind::list_insert, "list_insert"},
    {OpKind::list_remove, "list_remove"},
    {OpKind::list_move, "list_move"},
    {OpKind::splice, "splice"},
    {OpKind::counter_set, "counter_set"},
    {OpKind::list_set, "list_set"},
};

Error unreadable(std::string_view what) {
    return {Errc::malformed, "no readable " + std::string(what)};
}

/// A member that may be missing; of another type than asked for, it is an error.
template <class T>
Result<T> member(Json const& json, char const* name) {
    auto const at = json.find(name);
    if (at == json.end()) {
        return T{};
    }
    if constexpr (std::is_same_v<T, std::string>) {
        return at->is_string() ? Result<T>(at->get<T>()) : unreadable(name);
    } else {
        return at->is_number_unsigned() ? Result<T>(at->get<T>()) : unreadable(name);
    }
}

Result<Value> blob_of(Json const& json) {
    BlobReference blob;
    CAPSTAN_TRY(auto const digits, member<std::string>(json, "sha256"));
    CAPSTAN_TRY(auto const digest, bytes_of_hex(digits));
    if (digest.size() != blob.sha256.size()) {
        return unreadable("sha256");
    }
    std::ranges::copy(digest, blob.sha256.begin());
    CAPSTAN_TRY(blob.size_bytes, member<std::uint64_t>(json, "size"));
    CAPSTAN_TRY(blob.media_type, member<std::string>(json, "media_type"));
    return Value{std::move(blob)};
}

Result<Value> object_value_of(Json const& json) {
    if (json.contains("sha256")) {
        return blob_of(json);
    }
    if (json.contains("bytes")) {
        CAPSTAN_TRY(auto const digits, member<std::string>(json, "bytes"));
        CAPSTAN_TRY(auto bytes, bytes_of_hex(digits));
        return Value{std::move(bytes)};
    }
    CAPSTAN_TRY(auto object, member<std::string>(json, "reference"));
    return Value{Reference{std::move(object)}};
}

Result<Value> value_of(Json const& json) {
    switch (json.type()) {
        case Json::value_t::null:
            return Value{};
        case Json::value_t::boolean:
            return Value{json.get<bool>()};
        case Json::value_t::number_unsigned:
            if (json.get<std::uint64_t>() >
                std::uint64_t{std::numeric_limits<std::int64_t>::max()}) {
                return unreadable("value");
            }
            [[fallthrough]];
        case Json::value_t::number_integer:
            return Value{json.get<std::int64_t>()};
        case Json::value_t::number_float:
            return Value{json.get<double>()};
        case Json::value_t::string:
            return Value{json.get<std::string>()};
        case Json::value_t::object:
            return object_value_of(json);
        default:
            return unreadable("value");
    }
}

bool is_one_line(std::string_view text) {
    return text.find_first_of("\r\n") == std::string_view::npos;
}

std::string in_quotes(std::string_view text) {
    return Json(text).dump();
}

/// Precondition: texts are UTF-8, as in every event that could be decoded.
std::string members_of(Body const& body) {
    auto const type = body.type.empty() ? "" : "\"type\":" + in_quotes(body.type) + ",";
    switch (body.kind) {
        case Body::Kind::json:
            return type + "\"json\":" + body.content;
        case Body::Kind::text:
            return type + "\"text\":" + in_quotes(body.content);
        case Body::Kind::bytes:
            return type + "\"bytes\":\"" + hex(as_bytes(body.content)) + "\"";
    }
    return {};
}

std::string members_of(Event const& event) {
    Json ops = Json::array();
    for (auto const& op : event.ops) {
        ops.push_back(to_json(op));
    }
    auto text = "\"ops\":" + ops.dump();
    if (event.authored_p) {
        text += ",\"authored_p\":" + std::to_string(event.authored_p->value);
    }
    return text;
}

/// Nothing if the event has no readable form.
std::optional<std::string> readable_members(ByteView bytes) {
    auto const event = decode_event(bytes);
    if (!event) {
        return std::nullopt;
    }
    auto const body = body_of(event.value());
    if (!body) {
        return members_of(event.value());
    }
    bool const is_text = body->kind != Body::Kind::json ||
                         (is_one_line(body->content) && Json::accept(body->content));
    return is_text ? std::optional(members_of(*body)) : std::nullopt;
}

/// The text of the member `json` as it stands, if it is the last one of the line.
std::string_view last_json(std::string_view line) {
    constexpr std::string_view kMember = "\"json\":";
    auto const from = line.find(kMember);
    auto const end = line.rfind('}');
    if (from == std::string_view::npos || end == std::string_view::npos || end < from) {
        return {};
    }
    auto const text = line.substr(from + kMember.size(), end - from - kMember.size());
    return Json::accept(text) ? text : std::string_view{};
}

Result<Body> body_of(std::string_view line, Json const& json) {
    Body body;
    CAPSTAN_TRY(body.type, member<std::string>(json, "type"));
    if (json.contains("json")) {
        body.kind = Body::Kind::json;
        auto const text = last_json(line);
        body.content = text.empty() ? json["json"].dump() : std::string(text);
    } else if (json.contains("bytes")) {
        body.kind = Body::Kind::bytes;
        CAPSTAN_TRY(auto const digits, member<std::string>(json, "bytes"));
        CAPSTAN_TRY(auto const bytes, bytes_of_hex(digits));
        body.content = as_text(bytes);
    } else {
        CAPSTAN_TRY(body.content, member<std::string>(json, "text"));
    }
    return body;
}

Result<Event> ops_of(Json const& json) {
    Event event;
    for (auto const& each : json["ops"]) {
        CAPSTAN_TRY(auto op, op_of(each));
        event.ops.push_back(std::move(op));
    }
    if (json.contains("authored_p")) {
        CAPSTAN_TRY(auto const authored, member<std::uint64_t>(json, "authored_p"));
        event.authored_p = Seq{authored};
    }
    return event;
}

}  // namespace

std::string hex(ByteView bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string out;
    out.reserve(2 * bytes.size());
    for (auto const byte : bytes) {
        out += digits[std::to_integer<std::size_t>(byte) >> 4];
        out += digits[std::to_integer<std::size_t>(byte) & 15];
    }
    return out;
}

Result<Bytes> bytes_of_hex(std::string_view text) {
    auto const value = [](char c) {
        return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    };
    Bytes bytes(text.size() / 2);
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        auto const high = value(text[2 * i]);
        auto const low = value(text[2 * i + 1]);
        if (high < 0 || low < 0) {
            return unreadable("hex");
        }
        bytes[i] = static_cast<std::byte>(high * 16 + low);
    }
    return text.size() % 2 == 0 ? Result<Bytes>(std::move(bytes)) : unreadable("hex");
}

std::string_view name_of(OpKind kind) {
    auto const* const at =
        std::ranges::find(kNames, kind, [](auto const& row) { return row.first; });
    return at == std::end(kNames) ? "unknown" : at->second;
}

Json to_json(Value const& value) {
    return std::visit(ValueToJson{}, value);
}

Json to_json(Op const& op) {
    Json json{{"op", name_of(op.kind)}, {"object", op.object}};
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
    bool const has_value = op.kind != OpKind::insert && op.kind != OpKind::remove &&
                           op.kind != OpKind::unset && op.kind != OpKind::map_remove;
    if (has_value) {
        json["value"] = to_json(op.value);
    }
    return json;
}

Result<Op> op_of(Json const& json) {
    CAPSTAN_TRY(auto const name, member<std::string>(json, "op"));
    auto const* const at =
        std::ranges::find(kNames, name, [](auto const& row) { return row.second; });
    if (at == std::end(kNames)) {
        return unreadable("op");
    }
    Op op{.kind = at->first};
    CAPSTAN_TRY(op.object, member<std::string>(json, "object"));
    CAPSTAN_TRY(op.type, member<std::string>(json, "type"));
    CAPSTAN_TRY(op.field, member<std::string>(json, "field"));
    CAPSTAN_TRY(op.key, member<std::string>(json, "key"));
    CAPSTAN_TRY(op.at, member<std::uint64_t>(json, "at"));
    CAPSTAN_TRY(op.count, member<std::uint64_t>(json, "count"));
    CAPSTAN_TRY(op.to, member<std::uint64_t>(json, "to"));
    if (auto const value = json.find("value"); value != json.end()) {
        CAPSTAN_TRY(op.value, value_of(*value));
    }
    return op;
}

std::string event_members(ByteView event) {
    if (auto text = readable_members(event)) {
        auto const line = "{" + *text + "}";
        auto const again = event_of(line, Json::parse(line, nullptr, false));
        if (again && std::ranges::equal(again.value(), event)) {
            return std::move(*text);
        }
    }
    return "\"event\":\"" + hex(event) + "\"";
}

Result<Bytes> event_of(std::string_view line, Json const& json) {
    Bytes bytes;
    if (json.contains("event")) {
        CAPSTAN_TRY(auto const digits, member<std::string>(json, "event"));
        CAPSTAN_TRY(bytes, bytes_of_hex(digits));
    } else if (json.contains("ops")) {
        CAPSTAN_TRY(auto const event, ops_of(json));
        bytes = encode_event(event);
    } else if (json.contains("json") || json.contains("text") || json.contains("bytes")) {
        CAPSTAN_TRY(auto body, body_of(line, json));
        bytes = encode_event(to_event(std::move(body)));
    } else {
        return unreadable("event");
    }
    return bytes.size() <= kEventBytesMax
               ? Result<Bytes>(std::move(bytes))
               : Error{Errc::too_large, "event of " + std::to_string(bytes.size()) + " bytes"};
}

}  // namespace capstan::importers
