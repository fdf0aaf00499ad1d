#include <algorithm>
#include <capstan/importers/ndjson_mapping.hpp>
#include <capstan/importers/ndjson_replay.hpp>
#include <string>
#include <utility>

#include "import_layout.hpp"

namespace capstan::importers {
namespace {

Hash128 hash_of(std::string_view object) {
    return hash128(as_bytes(object));
}

/// Of an event as this build encodes it, whoever wrote it.
Hash128 content_of(Event const& event) {
    return hash128(encode_event(event));
}

bool names_import(Op const& op) {
    return op.object == layout::kImport;
}

std::string text_of(Event const& event, std::string_view field) {
    for (auto const& op : event.ops) {
        auto const* text = std::get_if<std::string>(&op.value);
        if (names_import(op) && op.field == field && text != nullptr) {
            return *text;
        }
    }
    return {};
}

bool has_format(Event const& event, std::int64_t format) {
    return std::ranges::any_of(event.ops, [format](Op const& op) {
        return names_import(op) && op.field == layout::kFormat && op.value == Value{format};
    });
}

}  // namespace

Result<> NdjsonReplay::apply(
    Seq seq, Dot const& dot, Attempt attempt, Seq preceding_seq, ByteView bytes) {
    head_ = seq;
    authors_[dot.device] = AuthorState{Link{dot.counter, attempt}, preceding_seq};
    auto decoded = decode_event(bytes);
    if (!decoded) {
        return success();
    }
    Event& event = decoded.value();
    if (std::ranges::any_of(event.ops, names_import)) {
        CAPSTAN_TRY(read_import(event));
        std::erase_if(event.ops, names_import);
    }
    if (!event.ops.empty() && event.ops.front().kind == OpKind::insert) {
        keep(event.ops.front().object, event, seq);
    }
    return success();
}

Result<> NdjsonReplay::read_import(Event const& event) {
    if (text_of(event, layout::kSource) != layout::kNdjsonSource) {
        return Error{Errc::position_conflict, "the stream holds an import of another kind"};
    }
    if (!has_format(event, kNdjsonImportFormat)) {
        return Error{Errc::format_unknown,
                     "the import's format is not " + std::to_string(kNdjsonImportFormat)};
    }
    CAPSTAN_TRY(auto const device, parse_device(text_of(event, layout::kId)));
    import_ = ImportId{device};
    return success();
}

/// The first insertion counts.
void NdjsonReplay::keep(std::string_view object, Event const& event, Seq seq) {
    inserted_.emplace(hash_of(object), Inserted{content_of(event), seq});
}

std::optional<NdjsonReplay::Found> NdjsonReplay::find(std::string_view object,
                                                      Event const& event) const {
    auto const at = inserted_.find(hash_of(object));
    if (at == inserted_.end()) {
        return std::nullopt;
    }
    return Found{at->second.seq, at->second.content == content_of(event)};
}

}  // namespace capstan::importers
