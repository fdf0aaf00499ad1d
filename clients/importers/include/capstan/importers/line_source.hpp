#pragma once
#include <capstan/schema/error.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

/// Where lines to import come from.
namespace capstan::importers {

/// Fills a prefix of the buffer with the next bytes, as many as are there; 0: the end. May block.
using ReadBytes = std::function<Result<std::size_t>(std::span<char>)>;

/// A file, or the text in one that gzip has compressed. Errors: `not_found`, `disk_io`; of a read
/// also `request_invalid` (compressed data that is damaged or cut off).
Result<ReadBytes> open_text_file(std::string const& path);
/// A file as it stands. Errors: `not_found`, `disk_io`.
Result<ReadBytes> open_bytes(std::string const& path);

/// All bytes of it, from the first one on. Errors: as of a read.
Result<std::string> read_text_file(std::string const& path);

struct InputLine {
    std::uint64_t number = 0;  // 1, 2, 3, …
    std::string_view text;     // without its end; cut off behind `bytes_max` + 1
    bool has_end = true;       // the last line may lack it
};

/// Cuts bytes into lines. Memory: one buffer, and one line of at most `bytes_max` + 1 bytes,
/// however long a line is.
class LineSource {
  public:
    LineSource(ReadBytes read, std::size_t bytes_max);

    /// The next line, valid until the next call; nothing at the end. The last line may lack its
    /// end. Errors: those of reading.
    Result<std::optional<InputLine>> next();
    /// Whether the next line is there without reading more.
    bool has_line() const { return waiting_.find('\n') != std::string_view::npos; }
    std::uint64_t lines() const { return number_; }

  private:
    Result<bool> fill();
    void keep(std::string_view piece);

    ReadBytes read_;
    std::size_t bytes_max_;
    std::string buffer_;
    std::string_view waiting_;  // of `buffer_`
    std::string line_;          // a line that several reads brought
    std::uint64_t number_ = 0;
};

}  // namespace capstan::importers
