// Files that claim to be exports of streams, either form, and events in JSON.
//
//   input = the file; one that begins with 'e' is a line with an event
#include <capstan/importers/event_json.hpp>
#include <capstan/importers/export_file.hpp>
#include <capstan/schema/error.hpp>
#include <cstdint>

namespace {

using namespace capstan;
using namespace capstan::importers;

void read_file(std::string_view text) {
    auto opened = ExportReader::open([text](std::span<char> buffer) mutable -> Result<std::size_t> {
        auto const got = text.copy(buffer.data(), buffer.size());
        text.remove_prefix(got);
        return got;
    });
    ExportCheck check;
    for (ExportedPiece piece; opened;) {
        auto const more = opened.value()->next(piece);
        if (!more || !more.value() || !check.take(piece)) {
            return;
        }
    }
}

void read_event(std::string_view line) {
    auto const json = Json::parse(line, nullptr, false);
    if (!json.is_object()) {
        return;
    }
    if (auto const event = event_of(line, json); event && !event.value().empty()) {
        auto const again = "{" + event_members(event.value()) + "}";
        CAPSTAN_INVARIANT(event_of(again, Json::parse(again)).value() == event.value());
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    std::string_view const text(reinterpret_cast<char const*>(data), size);
    text.starts_with('e') ? read_event(text.substr(1)) : read_file(text);
    return 0;
}
