#include <atomic>
#include <capstan/importers/export_file.hpp>
#include <capstan/importers/stream_import.hpp>
#include <capstan/schema/hash.hpp>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "progress.hpp"
#include "remote.hpp"

namespace capstan::cli {
namespace {

using importers::ExportCheck;
using importers::ExportedEnd;
using importers::ExportedPiece;
using importers::ExportedRun;
using importers::ExportedStream;
using importers::ExportReader;
using importers::StreamImport;

Error in_file(Error error, std::string const& file) {
    error.detail = file + ": " + error.detail;
    return error;
}

importers::ReadBytes read_stdin(Context& context) {
    return [&in = context.surroundings.in](std::span<char> buffer) -> Result<std::size_t> {
        return in.read(buffer);
    };
}

Result<std::unique_ptr<ExportReader>> open_file(Context& context, std::string const& file) {
    if (file == "-") {
        return ExportReader::open(read_stdin(context));
    }
    CAPSTAN_TRY(auto read, importers::open_text_file(file));
    return ExportReader::open(std::move(read));
}

/// The pieces of a file, checked, one after another; and that it ends as an export does.
Result<> each_piece(Context& context,
                    std::string const& file,
                    ExportCheck& check,
                    std::function<Result<>(ExportedPiece&&)> const& visit) {
    CAPSTAN_TRY(auto const reader, open_file(context, file));
    for (ExportedPiece piece;;) {
        auto const more = reader->next(piece);
        if (!more) {
            return in_file(more.error(), file);
        }
        if (!more.value()) {
            break;
        }
        if (auto const taken = check.take(piece); !taken) {
            return in_file(taken.error(), file);
        }
        CAPSTAN_TRY(visit(std::move(piece)));
    }
    if (reader->is_cut_off() || check.open_section() != nullptr) {
        return Error{Errc::malformed,
                     file + " is cut off behind byte " + std::to_string(reader->whole_bytes()) +
                         "; `capstan export` into it brings what is missing"};
    }
    return success();
}

/// How many events it holds.
Result<std::uint64_t> check_file(Context& context, std::string const& file) {
    ExportCheck check;
    CAPSTAN_TRY(
        each_piece(context, file, check, [](ExportedPiece&&) -> Result<> { return success(); }));
    return check.events();
}

/// A run over the file, section by section.
class StreamsImport {
  public:
    StreamsImport(Context& context,
                  Remote const& remote,
                  ImportStreams const& command,
                  std::uint64_t events)
        : context_(context),
          remote_(remote),
          command_(command),
          progress_(context, command.dry_run ? "Read events" : "Imported events", events) {
        context_.surroundings.on_interrupt([this] { interrupted_ = true; });
    }
    ~StreamsImport() { context_.surroundings.on_interrupt({}); }

    Result<> take(ExportedPiece&& piece) {
        if (interrupted_) {
            return Error{Errc::cancelled, "interrupted"};
        }
        return std::visit([this](auto&& one) { return take_piece(std::move(one)); },
                          std::move(piece));
    }
    /// Behind the last piece.
    Result<> finish() const {
        for (auto const& [name, target] : streams_) {
            CAPSTAN_TRY(target.import.finish());
        }
        return success();
    }
    std::uint64_t imported() const { return imported_; }
    void report() {
        auto const seconds = progress_.seconds();
        show(context_.output,
             {{.key = "file"},
              {.key = "streams"},
              {.key = command_.dry_run ? "missing" : "events"},
              {.key = "already_there"},
              {.key = "seconds"},
              {.key = "events_per_second"}},
             {command_.file,
              std::uint64_t{streams_.size()},
              imported_,
              already_there(),
              seconds,
              seconds > 0 ? std::round(static_cast<double>(imported_) / seconds) : 0});
    }

  private:
    struct Target {
        std::string name;
        StreamImport import;
    };

    Result<std::string> name_of(std::string const& exported) const {
        auto const& from = command_.rename_from;
        bool const is_meant = exported == from || exported.starts_with(from + "/");
        if (from.empty() || !is_meant) {
            return exported;
        }
        CAPSTAN_TRY(auto const name,
                    StreamName::parse(command_.rename_to + exported.substr(from.size())));
        return name.str();
    }

    /// Makes the stream, if it isn't there: a run names the generation that it is for.
    Result<StreamImport::Target> find(std::string const& name) {
        CAPSTAN_TRY(auto known, remote_.find(name));
        if (!known && !command_.dry_run) {
            CAPSTAN_TRY(remote_.http("PUT", "/v1/streams/" + in_path(name)));
        }
        return known ? StreamImport::Target{name, known->head, known->chain}
                     : StreamImport::Target{name, Seq{}, chain_start(name)};
    }

    Result<> take_piece(ExportedStream&& stream) {
        auto at = streams_.find(stream.name);
        if (at == streams_.end()) {
            CAPSTAN_TRY(auto const name, name_of(stream.name));
            CAPSTAN_TRY(auto target, find(name));
            at = streams_.emplace(stream.name, Target{name, StreamImport(std::move(target))}).first;
        }
        current_ = &at->second;
        return current_->import.begin(stream);
    }
    Result<> take_piece(ExportedRun&& run) {
        CAPSTAN_TRY(current_->import.take(std::move(run)));
        return send();
    }
    Result<> take_piece(ExportedEnd&&) {
        CAPSTAN_TRY(current_->import.end());
        return send();
    }

    Result<> send() {
        while (auto const batch = current_->import.take_batch()) {
            if (!command_.dry_run) {
                CAPSTAN_TRY(send(*batch));
            }
            imported_ += batch->head_after.value - batch->head.value;
            progress_.at(imported_ + already_there());
        }
        return success();
    }

    /// The answer says where the stream stands; it must be where the original stood.
    Result<> send(StreamImport::Batch const& batch) {
        CAPSTAN_TRY(auto const answer, remote_.import_runs(current_->name, batch.head, batch.runs));
        auto const stream = nlohmann::json::parse(answer.body, nullptr, false);
        bool const is_right = stream.is_object() &&
                              stream.value("head", std::uint64_t{0}) == batch.head_after.value &&
                              stream.value("chain", "") == to_string(batch.chain_after);
        if (!is_right) {
            context_.code = ExitCode::integrity;
            return Error{Errc::position_conflict,
                         current_->name + ": what was imported does not stand where it stood; " +
                             "somebody else publishes to it"};
        }
        return success();
    }

    std::uint64_t already_there() const {
        std::uint64_t events = 0;
        for (auto const& [name, target] : streams_) {
            events += target.import.already_there();
        }
        return events;
    }

    Context& context_;
    Remote const& remote_;
    ImportStreams const& command_;
    Progress progress_;
    std::map<std::string, Target> streams_;  // by the name in the file
    Target* current_ = nullptr;
    std::uint64_t imported_ = 0;
    std::atomic<bool> interrupted_ = false;
};

}  // namespace

/// A file is checked to its end before anything of it is sent.
Result<> execute(Context& context, ImportStreams const& command) {
    CAPSTAN_TRY(auto const remote, Remote::open(context));
    std::uint64_t events = 0;  // of the file; 0: not known
    if (command.file != "-") {
        CAPSTAN_TRY(events, check_file(context, command.file));
    }
    StreamsImport import(context, remote, command, events);
    ExportCheck check;
    auto done = each_piece(context, command.file, check, [&](ExportedPiece&& piece) {
        return import.take(std::move(piece));
    });
    done = done ? import.finish() : done;
    if (done || import.imported() > 0) {
        import.report();
    }
    if (!done && import.imported() > 0 && !command.dry_run) {
        context.output.note("The events before are imported; the same command goes on.");
        context.code = context.code.value_or(ExitCode::partial);
    }
    return done;
}

}  // namespace capstan::cli
