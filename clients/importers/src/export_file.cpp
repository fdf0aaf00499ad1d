#include <capstan/importers/export_file.hpp>
#include <cstring>
#include <utility>

#include "export_container.hpp"
#include "export_lines.hpp"

namespace capstan::importers {
namespace {

/// What was read to look at it comes first.
ReadBytes with_front(std::string front, ReadBytes read) {
    return [front = std::move(front),
            read = std::move(read)](std::span<char> buffer) mutable -> Result<std::size_t> {
        if (front.empty()) {
            return read(buffer);
        }
        auto const got = front.copy(buffer.data(), buffer.size());
        front.erase(0, got);
        return got;
    };
}

}  // namespace

std::unique_ptr<ExportWriter> ExportWriter::make(ExportForm form, WriteBytes write) {
    if (form == ExportForm::ndjson) {
        return std::make_unique<ExportLinesWriter>(std::move(write));
    }
    return std::make_unique<ExportContainerWriter>(std::move(write));
}

Result<std::unique_ptr<ExportReader>> ExportReader::open(ReadBytes read) {
    auto const wanted = ExportContainerReader::kMagic.size();
    std::string front(wanted, '\0');
    std::size_t have = 0;
    while (have < wanted) {
        CAPSTAN_TRY(auto const got, read(std::span(front).subspan(have)));
        if (got == 0) {
            break;
        }
        have += got;
    }
    front.resize(have);
    bool const is_container = ExportContainerReader::kMagic.starts_with(front) && have > 0;
    if (!is_container && have > 0 && front.front() != '{') {
        return Error{Errc::malformed, "the file is no export of streams"};
    }
    auto whole = with_front(std::move(front), std::move(read));
    std::unique_ptr<ExportReader> reader;
    if (is_container) {
        reader = std::make_unique<ExportContainerReader>(std::move(whole));
    } else {
        reader = std::make_unique<ExportLinesReader>(std::move(whole));
    }
    return reader;
}

}  // namespace capstan::importers
