#pragma once
#include <capstan/importers/export_file.hpp>
#include <cstdio>
#include <map>
#include <memory>
#include <string>

#include "commands.hpp"

namespace capstan::cli {

/// Where an export goes: stdout, or a file of which it takes up what is whole.
class ExportTarget {
  public:
    using Places = std::map<std::string, importers::ExportCheck::Place>;

    /// Checks what the file holds, cuts off a piece that is not whole, and ends a section that has
    /// no end. Errors: `disk_io`; `request_invalid` (compressed, or of the other form); those of
    /// reading and checking it, and then the file is as it was.
    static Result<std::unique_ptr<ExportTarget>> open(Context& context, Export const& command);
    ~ExportTarget();
    ExportTarget(ExportTarget const&) = delete;
    ExportTarget& operator=(ExportTarget const&) = delete;

    /// How far the file went for each stream.
    Places const& places() const { return places_; }
    importers::ExportWriter& writer() { return *writer_; }
    /// What was written is on disk. Errors: `disk_io`.
    Result<> finish();
    std::uint64_t written_bytes() const { return written_bytes_; }

  private:
    explicit ExportTarget(Context& context) : context_(context) {}
    Result<> take_up(std::string const& path, Export const& command);
    Result<> open_file(std::string const& path, importers::ExportForm form);
    Result<> write(std::string_view bytes);

    Context& context_;
    std::string path_;  // empty: stdout
    std::FILE* file_ = nullptr;
    Places places_;
    std::unique_ptr<importers::ExportWriter> writer_;
    std::uint64_t written_bytes_ = 0;
};

}  // namespace capstan::cli
