#include "run_header.hpp"

#include <algorithm>
#include <charconv>
#include <string>

namespace capstan {
namespace {

Error bad(std::string_view what) {
    return Error{Errc::request_invalid, "Capstan-Run: " + std::string(what)};
}

Result<std::uint64_t> number(std::string_view name, std::string_view text, int base = 10) {
    std::uint64_t value = 0;
    auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (error != std::errc{} || end != text.data() + text.size()) {
        return bad(std::string(name) + "=" + std::string(text));
    }
    return value;
}

Result<Link> link(std::string_view text) {
    auto const at = std::min(text.find('@'), text.size());
    Link parsed;
    CAPSTAN_TRY(parsed.counter.value, number("after", text.substr(0, at)));
    CAPSTAN_TRY(parsed.attempt.value, number("after", text.substr(std::min(at + 1, text.size()))));
    return parsed;
}

Result<> set(RunField& field, std::string_view name, std::string_view value) {
    if (name == "device") {
        CAPSTAN_TRY(field.device, parse_device(value));
    } else if (name == "attempt") {
        CAPSTAN_TRY(field.header.attempt.value, number(name, value));
    } else if (name == "after") {
        CAPSTAN_TRY(field.header.after, link(value));
    } else if (name == "generation") {
        CAPSTAN_TRY(field.generation.value, number(name, value, 16));
    } else if (name == "p") {
        CAPSTAN_TRY(field.header.preceding_seq.value, number(name, value));
    } else {
        return bad("`" + std::string(name) + "` is not known");
    }
    return success();
}

}  // namespace

Result<RunField> RunField::parse(std::string_view text) {
    RunField field;
    while (!text.empty()) {
        auto pair = text.substr(0, text.find(';'));
        text.remove_prefix(std::min(pair.size() + 1, text.size()));
        pair.remove_prefix(std::min(pair.find_first_not_of(' '), pair.size()));
        pair = pair.substr(0, pair.find_last_not_of(' ') + 1);
        auto const equals = std::min(pair.find('='), pair.size());
        CAPSTAN_TRY(
            set(field, pair.substr(0, equals), pair.substr(std::min(equals + 1, pair.size()))));
    }
    if (field.device == DeviceId{} || field.header.attempt == Attempt{}) {
        return bad("device and attempt are needed");
    }
    return field;
}

Result<std::optional<Seq>> expected_head(HttpRequest const& request) {
    auto text = request.field("If-Match");
    if (text.empty()) {
        return std::optional<Seq>{};
    }
    if (text.size() > 2 && text.front() == '"' && text.back() == '"') {
        text = text.substr(1, text.size() - 2);
    }
    Seq seq;
    auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), seq.value);
    if (error != std::errc{} || end != text.data() + text.size() || seq > kSeqMax) {
        return Error{Errc::request_invalid, "If-Match is not a seq"};
    }
    return std::optional(seq);
}

}  // namespace capstan
