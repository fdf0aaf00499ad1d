#pragma once
#include <capstan/importers/exported.hpp>
#include <capstan/importers/line_source.hpp>
#include <capstan/schema/error.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

/// The two forms of exported streams. Both are appended to and read from the front; a piece that
/// was cut off at the end is told from a damaged one.
namespace capstan::importers {

enum class ExportForm : std::uint8_t {
    ndjson,     // a line for each event
    container,  // the runs as they stand in the journal, compressed
};

/// Takes the next bytes of the file.
using WriteBytes = std::function<Result<>(std::string_view)>;

/// Makes a file, or the end of one. Errors, of all calls: those of writing.
class ExportWriter {
  public:
    static std::unique_ptr<ExportWriter> make(ExportForm form, WriteBytes write);
    virtual ~ExportWriter() = default;
    virtual Result<> begin(ExportedStream const& stream) = 0;
    virtual Result<> run(Seq first, Seq mark_before, DeliveredRunView const& run) = 0;
    virtual Result<> end(ExportedEnd const& end) = 0;
};

/// Reads either form, which the first bytes tell. The pieces are not held against each other here.
class ExportReader {
  public:
    /// An empty file has no pieces. Errors: those of reading; `malformed` (neither form).
    static Result<std::unique_ptr<ExportReader>> open(ReadBytes read);
    virtual ~ExportReader() = default;
    /// The next piece; false at the end, also where a last piece is cut off. Errors: those of
    /// reading; `malformed`, which names the line or the byte; `format_unknown`.
    virtual Result<bool> next(ExportedPiece& piece) = 0;
    /// Up to here the pieces that `next` gave are whole.
    virtual std::uint64_t whole_bytes() const = 0;
    /// At the end: a last piece is cut off.
    virtual bool is_cut_off() const = 0;
    virtual ExportForm form() const = 0;
};

}  // namespace capstan::importers
