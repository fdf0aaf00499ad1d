#include <algorithm>
#include <capstan/importers/ndjson_mapping.hpp>
#include <capstan/schema/limits.hpp>
#include <nlohmann/json.hpp>
#include <utility>

#include "import_layout.hpp"

namespace capstan::importers {
namespace {

using Json = nlohmann::ordered_json;

Error bad_line(std::string detail) {
    return Error{Errc::request_invalid, std::move(detail)};
}

/// How deep arrays and objects stand in each other at most, if the text is JSON.
std::size_t depth_of(std::string_view text) {
    std::size_t depth = 0;
    std::size_t most = 0;
    bool in_string = false;
    for (std::size_t at = 0; at < text.size(); ++at) {
        char const c = text[at];
        if (in_string) {
            at += c == '\\' ? 1 : 0;
            in_string = c != '"';
        } else if (c == '{' || c == '[') {
            most = std::max(most, ++depth);
        } else if (c == '}' || c == ']') {
            depth -= depth > 0 ? 1 : 0;
        } else {
            in_string = c == '"';
        }
    }
    return most;
}

/// What the parser says, without its own way of naming things:
/// `parse error at line 1, column 7: syntax error while parsing value - unexpected end of input`.
std::string reason_of(std::string_view text) {
    try {
        return std::string("it is a value of type ") + Json::parse(text).type_name();
    } catch (Json::exception const& error) {
        std::string_view const what = error.what();
        auto const tag = what.find("] ");
        auto reason = std::string(what.substr(tag == std::string_view::npos ? 0 : tag + 2));
        auto const line = reason.find("line 1, ");
        return line == std::string::npos ? reason : reason.erase(line, 8);
    }
}

Result<Json> parse_object(std::string_view line) {
    if (line.size() > kLineBytesMax) {
        return Error{Errc::too_large,
                     "it has more than " + std::to_string(kLineBytesMax) + " bytes"};
    }
    // The library destroys and writes nested values by recursion.
    if (depth_of(line) > kLineDepthMax) {
        return bad_line("its values are nested deeper than " + std::to_string(kLineDepthMax));
    }
    auto json = Json::parse(line, nullptr, false);
    if (!json.is_object()) {
        return bad_line("no JSON object: " + reason_of(line));
    }
    return json;
}

/// A field by its path; nothing if there is none.
Json const* find(Json const& object, std::string_view path) {
    auto const whole = object.find(path);
    if (whole != object.end()) {
        return &*whole;
    }
    auto const dot = path.find('.');
    auto const outer =
        dot == std::string_view::npos ? object.end() : object.find(path.substr(0, dot));
    return outer != object.end() && outer->is_object() ? find(*outer, path.substr(dot + 1))
                                                       : nullptr;
}

std::string names_of(Json const& object) {
    std::string names;
    for (auto const& [name, value] : object.items()) {
        names += (names.empty() ? "" : ", ") + name;
        if (names.size() > 200) {
            return names + ", …";
        }
    }
    return names;
}

/// Fields of one line as text.
class LineFields {
  public:
    LineFields(NdjsonMapping const& mapping, Json const& object, std::uint64_t number)
        : mapping_(mapping), object_(object), number_(number) {}

    Result<std::string> fill(LineTemplate const& line_template, bool in_stream_name = false) const {
        auto filled = line_template.fill([&](std::string const& field) {
            auto text = text_of(field);
            if (text && text.value() && in_stream_name) {
                text.value() = escaped(*text.value());
            }
            return text;
        });
        if (!filled && filled.error().code == Errc::request_invalid) {
            return bad_line(filled.error().detail + "; there are " + names_of(object_));
        }
        return filled;
    }

  private:
    Result<std::optional<std::string>> text_of(std::string const& field) const {
        if (field == kLineField) {
            return std::optional(std::to_string(number_));
        }
        if (field == kFileField) {
            return std::optional(mapping_.file);
        }
        auto const* value = find(object_, field);
        if (value == nullptr || value->is_null()) {
            return std::optional<std::string>();
        }
        if (value->is_structured()) {
            return bad_line("field '" + field + "' is no text, number, true or false");
        }
        return std::optional(value->is_string() ? value->get<std::string>() : value->dump());
    }

    static std::string escaped(std::string_view text) {
        constexpr std::string_view kAllowed = "._~:@+-/";
        constexpr std::string_view kDigits = "0123456789ABCDEF";
        std::string out;
        for (char const c : text) {
            bool const is_plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                                  (c >= '0' && c <= '9') ||
                                  kAllowed.find(c) != std::string_view::npos;
            if (is_plain) {
                out += c;
            } else {
                auto const byte = static_cast<unsigned char>(c);
                out += {'=', kDigits[byte >> 4], kDigits[byte & 15]};
            }
        }
        return out;
    }

    NdjsonMapping const& mapping_;
    Json const& object_;
    std::uint64_t number_;
};

Result<Value> value_of(std::string const& name, Json const& json) {
    switch (json.type()) {
        case Json::value_t::null:
            return Value{};
        case Json::value_t::boolean:
            return Value{json.get<bool>()};
        case Json::value_t::number_integer:
            return Value{json.get<std::int64_t>()};
        case Json::value_t::number_unsigned:
            if (json.get<std::uint64_t>() > static_cast<std::uint64_t>(INT64_MAX)) {
                return bad_line("field '" + name + "': " + json.dump() +
                                " does not fit a signed integer of 64 bits");
            }
            return Value{json.get<std::int64_t>()};
        case Json::value_t::number_float:
            return Value{json.get<double>()};
        case Json::value_t::string:
            return Value{json.get<std::string>()};
        default:
            return Value{json.dump()};
    }
}

class EventMaker {
  public:
    EventMaker(std::string const& object, std::string const& type) : object_(object) {
        event_.ops.push_back({.kind = OpKind::insert, .object = object, .type = type});
    }
    Result<> add(std::string const& name, Json const& json) {
        if (name.empty() || name.size() > kFieldNameBytesMax) {
            return bad_line("a register's name has 1 to " + std::to_string(kFieldNameBytesMax) +
                            " bytes, not " + std::to_string(name.size()));
        }
        CAPSTAN_TRY(auto value, value_of(name, json));
        event_.ops.push_back(
            {.kind = OpKind::set, .object = object_, .field = name, .value = std::move(value)});
        return success();
    }
    Event take() { return std::move(event_); }

  private:
    std::string const& object_;
    Event event_;
};

Result<Event> event_of(NdjsonMapping const& mapping,
                       Json const& json,
                       std::string const& object,
                       std::string const& type) {
    EventMaker maker(object, type);
    if (mapping.registers.empty()) {
        for (auto const& [name, value] : json.items()) {
            CAPSTAN_TRY(maker.add(name, value));
        }
        return maker.take();
    }
    for (auto const& wanted : mapping.registers) {
        if (auto const* value = find(json, wanted.path)) {
            CAPSTAN_TRY(maker.add(wanted.name, *value));
        } else if (!wanted.optional) {
            return bad_line("there is no field '" + wanted.path + "'; there are " + names_of(json));
        }
    }
    return maker.take();
}

}  // namespace

Result<RegisterMapping> RegisterMapping::parse(std::string_view text) {
    RegisterMapping result;
    auto rest = text;
    if (rest.ends_with('?')) {
        result.optional = true;
        rest.remove_suffix(1);
    }
    auto const equals = rest.find('=');
    result.name = rest.substr(0, equals);
    result.path = equals == std::string_view::npos ? result.name : rest.substr(equals + 1);
    if (result.name.empty() || result.path.empty() || result.name.size() > kFieldNameBytesMax) {
        return Error{Errc::usage, "'" + std::string(text) + "' is not of the form NAME=FIELD"};
    }
    return result;
}

Result<MappedLine> map_line(NdjsonMapping const& mapping,
                            std::string_view line,
                            std::uint64_t number) {
    CAPSTAN_TRY(auto const json, parse_object(line));
    LineFields const fields(mapping, json, number);
    CAPSTAN_TRY(auto const name, fields.fill(mapping.stream, true));
    CAPSTAN_TRY(auto stream, StreamName::parse(name));
    std::string author;
    if (mapping.author) {
        CAPSTAN_TRY(author, fields.fill(*mapping.author));
    }
    CAPSTAN_TRY(auto object, fields.fill(mapping.id));
    if (object.empty() || object.size() > kObjectIdBytesMax || object == layout::kImport) {
        return bad_line("'" + object.substr(0, 80) + "' is no id for an object: 1 to " +
                        std::to_string(kObjectIdBytesMax) + " bytes, and not " +
                        std::string(layout::kImport));
    }
    CAPSTAN_TRY(auto const type, fields.fill(mapping.type));
    CAPSTAN_TRY(auto event, event_of(mapping, json, object, type));
    if (event.ops.size() > kEventOpsMax - layout::kImportOps) {
        return Error{Errc::too_large, "it has " + std::to_string(event.ops.size()) + " fields"};
    }
    return MappedLine{std::move(stream), std::move(author), std::move(object), std::move(event)};
}

DeviceId line_author_device(ImportId const& import, std::string_view author) {
    return author_device(import, "capstan import ndjson author", {author});
}

std::vector<Op> ndjson_import_ops(ImportId const& import) {
    return import_ops(import, layout::kNdjsonSource, kNdjsonImportFormat);
}

}  // namespace capstan::importers
