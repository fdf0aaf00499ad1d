#include "export_target.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

namespace capstan::cli {
namespace {

using importers::ExportCheck;
using importers::ExportForm;
using importers::ExportReader;

Error disk_error(std::string const& path) {
    return {Errc::disk_io, path + ": " + std::strerror(errno)};
}

ExportForm form_of(Export const& command) {
    return command.container ? ExportForm::container : ExportForm::ndjson;
}

Result<bool> is_compressed(std::string const& path) {
    CAPSTAN_TRY(auto const read, importers::open_bytes(path));
    std::string magic(2, '\0');
    CAPSTAN_TRY(auto const got, read(magic));
    return got == magic.size() && magic == "\x1f\x8b";
}

/// What a file holds, up to where it is whole.
struct Held {
    ExportCheck check;
    std::uint64_t bytes = 0;
    ExportForm form = ExportForm::ndjson;
};

Result<Held> look_into(std::string const& path) {
    CAPSTAN_TRY(auto const compressed, is_compressed(path));
    if (compressed) {
        return Error{Errc::request_invalid, path + " is compressed; nothing can be added to it"};
    }
    CAPSTAN_TRY(auto read, importers::open_bytes(path));
    CAPSTAN_TRY(auto const reader, ExportReader::open(std::move(read)));
    Held held{.form = reader->form()};
    for (importers::ExportedPiece piece;;) {
        CAPSTAN_TRY(auto const more, reader->next(piece));
        if (!more) {
            held.bytes = reader->whole_bytes();
            return held;
        }
        CAPSTAN_TRY(held.check.take(piece));
    }
}

}  // namespace

Result<std::unique_ptr<ExportTarget>> ExportTarget::open(Context& context, Export const& command) {
    std::unique_ptr<ExportTarget> target(new ExportTarget(context));
    if (command.file == "-") {
        target->writer_ = importers::ExportWriter::make(
            form_of(command),
            [raw = target.get()](std::string_view bytes) { return raw->write(bytes); });
        return target;
    }
    std::error_code unknown;
    auto const size = std::filesystem::file_size(command.file, unknown);
    if (!unknown && size > 0) {
        auto const taken = target->take_up(command.file, command);
        if (!taken) {
            return Error{taken.error().code, command.file + ": " + taken.error().detail};
        }
    } else {
        CAPSTAN_TRY(target->open_file(command.file, form_of(command)));
    }
    return target;
}

ExportTarget::~ExportTarget() {
    if (file_ != nullptr) {
        std::fclose(file_);
    }
}

Result<> ExportTarget::take_up(std::string const& path, Export const& command) {
    CAPSTAN_TRY(auto const held, look_into(path));
    if (held.form != form_of(command)) {
        return Error{Errc::request_invalid,
                     held.form == ExportForm::container ? "it is a container: say --container"
                                                        : "it holds lines, no container"};
    }
    if (::truncate(path.c_str(), static_cast<off_t>(held.bytes)) != 0) {
        return disk_error(path);
    }
    places_ = held.check.streams();
    CAPSTAN_TRY(open_file(path, held.form));
    if (auto const* const open = held.check.open_section()) {
        return writer_->end({open->seq, open->chain});
    }
    return success();
}

Result<> ExportTarget::open_file(std::string const& path, ExportForm form) {
    path_ = path;
    file_ = std::fopen(path.c_str(), "ab");
    if (file_ == nullptr) {
        return disk_error(path);
    }
    writer_ = importers::ExportWriter::make(
        form, [this](std::string_view bytes) { return write(bytes); });
    return success();
}

Result<> ExportTarget::write(std::string_view bytes) {
    written_bytes_ += bytes.size();
    if (file_ != nullptr) {
        bool const written = std::fwrite(bytes.data(), 1, bytes.size(), file_) == bytes.size();
        return written ? Result<>(success()) : disk_error(path_);
    }
    context_.output.write(bytes);
    return context_.output.ok() ? Result<>(success())
                                : Error{Errc::cancelled, "nobody reads standard output any more"};
}

Result<> ExportTarget::finish() {
    if (file_ == nullptr) {
        context_.output.flush();
        return success();
    }
    bool const flushed = std::fflush(file_) == 0 && ::fsync(::fileno(file_)) == 0;
    return flushed ? Result<>(success()) : disk_error(path_);
}

}  // namespace capstan::cli
