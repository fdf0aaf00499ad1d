#include <capstan/importers/line_template.hpp>
#include <utility>

namespace capstan::importers {
namespace {

Error bad_template(std::string_view text, std::string_view why) {
    return Error{Errc::usage, "'" + std::string(text) + "': " + std::string(why)};
}

}  // namespace

Result<LineTemplate> LineTemplate::parse(std::string_view text) {
    LineTemplate result;
    std::string plain;
    for (std::size_t at = 0; at < text.size(); ++at) {
        char const c = text[at];
        bool const doubled = at + 1 < text.size() && text[at + 1] == c;
        if ((c == '{' || c == '}') && doubled) {
            plain += c;
            at += 1;
        } else if (c == '}') {
            return bad_template(text, "a } without a {; a brace itself is written }}");
        } else if (c != '{') {
            plain += c;
        } else {
            auto const end = text.find('}', at);
            if (end == std::string_view::npos) {
                return bad_template(text, "a { without a }; a brace itself is written {{");
            }
            auto const inside = text.substr(at + 1, end - at - 1);
            auto const bar = inside.find('|');
            Part field{.text = std::string(inside.substr(0, bar)), .is_field = true};
            if (field.text.empty()) {
                return bad_template(text, "{} names no field");
            }
            if (field.text.front() == '@' && field.text != kLineField && field.text != kFileField) {
                return bad_template(text, "there are {@line} and {@file}");
            }
            if (bar != std::string_view::npos) {
                field.fallback = std::string(inside.substr(bar + 1));
            }
            if (!plain.empty()) {
                result.parts_.push_back({.text = std::exchange(plain, {})});
            }
            result.parts_.push_back(std::move(field));
            at = end;
        }
    }
    if (!plain.empty()) {
        result.parts_.push_back({.text = std::move(plain)});
    }
    return result;
}

Result<std::string> LineTemplate::fill(ValueOf const& value_of) const {
    std::string out;
    for (auto const& part : parts_) {
        if (!part.is_field) {
            out += part.text;
            continue;
        }
        CAPSTAN_TRY(auto const value, value_of(part.text));
        if (!value && !part.fallback) {
            return Error{Errc::request_invalid, "there is no field '" + part.text + "'"};
        }
        out += value ? *value : *part.fallback;
    }
    return out;
}

bool LineTemplate::names(std::string_view field) const {
    for (auto const& part : parts_) {
        if (part.is_field && part.text == field) {
            return true;
        }
    }
    return false;
}

}  // namespace capstan::importers
