#include "value_json.hpp"

namespace capstan::cli {
namespace {

Json array_of(std::vector<Value> const& values) {
    Json json = Json::array();
    for (Value const& value : values) {
        json.push_back(to_json(value));
    }
    return json;
}

struct FieldToJson {
    Json operator()(Value const& value) const { return to_json(value); }
    Json operator()(coalesce::CounterField const& counter) const { return counter.total; }
    Json operator()(coalesce::SetField const& set) const { return array_of(set.elements); }
    Json operator()(coalesce::MapField const& map) const {
        Json json = Json::object();
        for (auto const& [key, value] : map.entries) {
            json[key] = to_json(value);
        }
        return json;
    }
    Json operator()(coalesce::ListField const& list) const { return array_of(list.elements); }
    Json operator()(coalesce::TextField const& text) const { return text.text; }
};

}  // namespace

Json to_json(std::optional<Value> const& value) {
    return value ? to_json(*value) : Json(nullptr);
}

Json to_json(coalesce::FieldValue const& field) {
    return std::visit(FieldToJson{}, field);
}

std::string dump(Json const& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<Value> parse_value(std::string_view text) {
    auto const json = Json::parse(text, nullptr, false);
    if (json.is_boolean()) {
        return Value{json.get<bool>()};
    }
    if (json.is_number_float()) {
        return Value{json.get<double>()};
    }
    if (json.is_number_integer() &&
        (!json.is_number_unsigned() ||
         json.get<std::uint64_t>() <= std::uint64_t{std::numeric_limits<std::int64_t>::max()})) {
        return Value{json.get<std::int64_t>()};
    }
    if (json.is_string()) {
        return Value{json.get<std::string>()};
    }
    return Error{Errc::usage,
                 "'" + std::string(text) +
                     "' is no value: give true, false, a number or a string in quotes"};
}

}  // namespace capstan::cli
