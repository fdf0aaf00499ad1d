#include <zlib.h>

#include <algorithm>
#include <capstan/importers/line_source.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

namespace capstan::importers {
namespace {

constexpr std::size_t kBufferBytes = 256 * 1'024;

struct CloseFile {
    void operator()(gzFile file) const { gzclose_r(file); }
};
using File = std::unique_ptr<gzFile_s, CloseFile>;

Error read_error(gzFile file, std::string const& path) {
    int code = Z_OK;
    std::string const what = gzerror(file, &code);
    return code == Z_ERRNO ? Error{Errc::disk_io, path + ": " + std::strerror(errno)}
                           : Error{Errc::request_invalid, path + " is damaged: " + what};
}

Error open_error(std::string const& path) {
    auto const code = errno == ENOENT ? Errc::not_found : Errc::disk_io;
    return {code, "file " + path + ": " + std::strerror(errno)};
}

}  // namespace

Result<ReadBytes> open_text_file(std::string const& path) {
    errno = 0;
    // std::function copies what it holds.
    std::shared_ptr<gzFile_s> const file(File(gzopen(path.c_str(), "rb")));
    if (!file) {
        return open_error(path);
    }
    gzbuffer(file.get(), kBufferBytes);
    return ReadBytes([file, path](std::span<char> buffer) -> Result<std::size_t> {
        int const got = gzread(file.get(), buffer.data(), static_cast<unsigned>(buffer.size()));
        int code = Z_OK;
        gzerror(file.get(), &code);
        if (got < 0 || code == Z_BUF_ERROR) {  // the latter: cut off
            return read_error(file.get(), path);
        }
        return static_cast<std::size_t>(got);
    });
}

Result<ReadBytes> open_bytes(std::string const& path) {
    errno = 0;
    std::shared_ptr<std::FILE> const file(std::fopen(path.c_str(), "rb"), [](std::FILE* open) {
        if (open != nullptr) {
            std::fclose(open);
        }
    });
    if (!file) {
        return open_error(path);
    }
    return ReadBytes([file, path](std::span<char> buffer) -> Result<std::size_t> {
        auto const got = std::fread(buffer.data(), 1, buffer.size(), file.get());
        if (got == 0 && std::ferror(file.get()) != 0) {
            return Error{Errc::disk_io, path + ": " + std::strerror(errno)};
        }
        return got;
    });
}

Result<std::string> read_text_file(std::string const& path) {
    CAPSTAN_TRY(auto const read, open_text_file(path));
    std::string text;
    std::string part(kBufferBytes, '\0');
    for (;;) {
        CAPSTAN_TRY(auto const got, read(part));
        if (got == 0) {
            return text;
        }
        text.append(part, 0, got);
    }
}

LineSource::LineSource(ReadBytes read, std::size_t bytes_max)
    : read_(std::move(read)), bytes_max_(bytes_max), buffer_(kBufferBytes, '\0') {}

Result<std::optional<InputLine>> LineSource::next() {
    line_.clear();
    bool begun = false;
    for (;;) {
        if (waiting_.empty()) {
            CAPSTAN_TRY(auto const more, fill());
            if (!more) {
                return begun ? std::optional(InputLine{++number_, line_, false})
                             : std::optional<InputLine>();
            }
        }
        auto const end = waiting_.find('\n');
        auto const piece = waiting_.substr(0, end);
        waiting_.remove_prefix(end == std::string_view::npos ? waiting_.size() : end + 1);
        if (end != std::string_view::npos && !begun) {
            return std::optional(InputLine{++number_, piece.substr(0, bytes_max_ + 1)});
        }
        begun = true;
        keep(piece);
        if (end != std::string_view::npos) {
            return std::optional(InputLine{++number_, line_});
        }
    }
}

Result<bool> LineSource::fill() {
    CAPSTAN_TRY(auto const got, read_(buffer_));
    waiting_ = std::string_view(buffer_).substr(0, got);
    return got > 0;
}

void LineSource::keep(std::string_view piece) {
    line_ += piece.substr(0, bytes_max_ + 1 - line_.size());
}

}  // namespace capstan::importers
