#pragma once
#include <capstan/importers/author.hpp>
#include <capstan/schema/event.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace capstan::importers {

/// The object that names an import in the streams that it has written to.
namespace layout {

inline constexpr std::string_view kImport = "/import";
inline constexpr std::string_view kImportType = "Import";
inline constexpr std::size_t kImportOps = 4;

inline constexpr std::string_view kId = "id";
inline constexpr std::string_view kSource = "source";
inline constexpr std::string_view kFormat = "format";

inline constexpr std::string_view kGitSource = "git";
inline constexpr std::string_view kNdjsonSource = "ndjson";

}  // namespace layout

/// The operations that insert it.
inline std::vector<Op> import_ops(ImportId const& import,
                                  std::string_view source,
                                  std::int64_t format) {
    std::string const object(layout::kImport);
    auto const set = [&object](std::string_view field, Value value) {
        return Op{.object = object, .field = std::string(field), .value = std::move(value)};
    };
    return {Op{.kind = OpKind::insert, .object = object, .type = std::string(layout::kImportType)},
            set(layout::kId, to_string(import.value)),
            set(layout::kSource, std::string(source)),
            set(layout::kFormat, format)};
}

}  // namespace capstan::importers
