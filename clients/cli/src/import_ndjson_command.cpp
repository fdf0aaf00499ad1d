#include <algorithm>
#include <capstan/engine/os/system_random.hpp>
#include <capstan/importers.hpp>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <map>
#include <set>
#include <thread>
#include <utility>

#include "ordered_publisher.hpp"
#include "progress.hpp"
#include "stream_reading.hpp"

namespace capstan::cli {
namespace {

using importers::ImportId;
using importers::LineTemplate;
using importers::MappedLine;
using importers::NdjsonMapping;
using importers::NdjsonReplay;
using importers::RegisterMapping;
using Mode = ImportNdjson::Mode;

/// Lines that are looked at together, so that their streams are asked about together.
constexpr std::size_t kChunkLines = 4'096;
/// Streams of one question: their names fit one message.
constexpr std::size_t kAskedMax = 1'024;

Result<NdjsonMapping> mapping_of(ImportNdjson const& command) {
    NdjsonMapping mapping;
    CAPSTAN_TRY(mapping.stream, LineTemplate::parse(command.stream));
    if (!command.author.empty()) {
        CAPSTAN_TRY(mapping.author, LineTemplate::parse(command.author));
    }
    CAPSTAN_TRY(mapping.id, LineTemplate::parse(command.id));
    CAPSTAN_TRY(mapping.type, LineTemplate::parse(command.type));
    for (auto const& word : command.registers) {
        CAPSTAN_TRY(auto wanted, RegisterMapping::parse(word));
        mapping.registers.push_back(std::move(wanted));
    }
    std::filesystem::path const path(command.file);
    auto const own = command.file == "-"         ? std::filesystem::path("stdin")
                     : path.extension() == ".gz" ? path.stem()
                                                 : path.filename();
    mapping.file = command.name.empty() ? own.string() : command.name;
    return mapping;
}

/// Lines from stdin. What gzip has written is no text; it says so at once.
importers::ReadBytes read_stdin(Context& context) {
    return [&in = context.surroundings.in,
            first = true](std::span<char> buffer) mutable -> Result<std::size_t> {
        auto const got = in.read(buffer);
        auto const text = std::string_view(buffer.data(), got);
        if (std::exchange(first, false) && text.starts_with("\x1f\x8b")) {
            return Error{Errc::request_invalid, "stdin is compressed; pipe it through `gzip -dc`"};
        }
        return got;
    };
}

Error at_line(Error error, std::uint64_t number, std::string const& file) {
    error.detail = "line " + std::to_string(number) + " of " + file + ": " + error.detail;
    return error;
}

double rate(std::uint64_t count, double seconds) {
    return seconds > 0 ? std::round(static_cast<double>(count) / seconds) : 0;
}

/// A run over the input: what each line's stream holds of it, and what is published.
class LineImport {
  public:
    LineImport(Context& context,
               Remote const& remote,
               ImportNdjson const& command,
               NdjsonMapping mapping,
               importers::ReadBytes read)
        : context_(context),
          remote_(remote),
          command_(command),
          mapping_(std::move(mapping)),
          source_(std::move(read), importers::kLineBytesMax),
          devices_(remote),
          publisher_(remote, devices_),
          progress_(context, command.mode == Mode::import ? "Imported events" : "Read lines", 0) {
        SystemRandom random;
        random.fill(import_.value.bytes);
    }

    Result<> run() {
        auto done = take_all();
        if (done) {
            done = publisher_.finish();
        } else {
            publisher_.settle();
        }
        context_.surroundings.on_interrupt({});
        return done;
    }

    bool was_overtaken() const { return publisher_.was_overtaken(); }
    bool has_effect() const { return publisher_.confirmed() > 0; }
    bool is_equal() const { return difference_.empty(); }
    std::string const& difference() const { return difference_; }
    void report() {
        bool const imports = command_.mode == Mode::import;
        auto const events = imports ? publisher_.confirmed() : missing_;
        auto const seconds = progress_.seconds();
        std::vector<Column> columns{{.key = "file"},
                                    {.key = "lines"},
                                    {.key = imports ? "events" : "missing"},
                                    {.key = "already_there"},
                                    {.key = "streams"},
                                    {.key = "authors"}};
        std::vector<Cell> cells{command_.file,
                                source_.lines(),
                                events,
                                already_there_,
                                std::uint64_t{targets_.size()},
                                std::uint64_t{authors_.size()}};
        if (imports) {
            columns.insert(columns.end(), {{.key = "event_bytes"}});
            cells.emplace_back(publisher_.confirmed_bytes());
        }
        if (command_.mode == Mode::verify) {
            columns.insert(columns.end(), {{.key = "equal"}});
            cells.emplace_back(is_equal());
        }
        columns.insert(columns.end(), {{.key = "seconds"}, {.key = "lines_per_second"}});
        cells.emplace_back(seconds);
        cells.emplace_back(rate(source_.lines(), seconds));
        show(context_.output, columns, cells);
    }

  private:
    struct Line {
        std::uint64_t number = 0;
        MappedLine mapped;
    };
    /// A stream that lines go to.
    struct Target {
        NdjsonReplay replay;
        OrderedPublisher::Lane* lane = nullptr;
        ImportId import;
        bool is_named = false;  // the import, in the stream
        Seq newest;             // event of a line that is there
    };

    Result<> take_all() {
        std::vector<Line> chunk;
        for (;;) {
            if (!source_.has_line() || chunk.size() == kChunkLines) {
                CAPSTAN_TRY(take(std::exchange(chunk, {})));
            }
            CAPSTAN_TRY(auto const line, source_.next());
            if (!line) {
                return take(std::exchange(chunk, {}));
            }
            if (line->text.find_first_not_of(" \t\r") == std::string_view::npos) {
                continue;
            }
            auto mapped = importers::map_line(mapping_, line->text, line->number);
            if (!mapped) {
                CAPSTAN_TRY(take(std::exchange(chunk, {})));
                CAPSTAN_TRY(publisher_.finish());
                return at_line(mapped.error(), line->number, command_.file);
            }
            chunk.push_back({line->number, std::move(mapped.value())});
        }
    }

    Result<> take(std::vector<Line> chunk) {
        CAPSTAN_TRY(open_targets(chunk));
        context_.surroundings.on_interrupt([this] { publisher_.interrupt(); });
        for (auto& line : chunk) {
            if (auto const taken = take(line); !taken) {
                (void)publisher_.finish().has_value();
                return at_line(taken.error(), line.number, command_.file);
            }
        }
        CAPSTAN_TRY(publisher_.flush());
        progress_.at(command_.mode == Mode::import ? publisher_.confirmed() : source_.lines());
        return success();
    }

    Result<> take(Line& line) {
        auto& [number, mapped] = line;
        auto& target = targets_.at(mapped.stream.str());
        auto const device = importers::line_author_device(target.import, mapped.author);
        authors_.insert(device);
        auto const found = target.replay.find(mapped.object, mapped.event);
        if (!found) {
            missing_ += 1;
            differs(line, "is missing");
            return command_.mode == Mode::import ? publish(target, device, std::move(mapped))
                                                 : note(target, mapped);
        }
        if (!found->same) {
            auto const where = found->seq == Seq{} ? std::string("an earlier line has inserted it")
                                                   : "event " + std::to_string(found->seq.value) +
                                                         " has inserted it";
            differs(line, "differs");
            return command_.mode == Mode::verify
                       ? success()
                       : Result<>(Error{Errc::position_conflict,
                                        "object '" + mapped.object + "' of " + mapped.stream.str() +
                                            " has other content: " + where});
        }
        already_there_ += 1;
        if (found->seq < target.newest) {
            differs(line, "is out of order");
        }
        target.newest = std::max(target.newest, found->seq);
        return success();
    }

    /// An id with the number of the line is never met again in this run.
    Result<> note(Target& target, MappedLine const& mapped) {
        if (!mapping_.id.names(importers::kLineField)) {
            target.replay.note(mapped.object, mapped.event);
        }
        return success();
    }

    Result<> publish(Target& target, DeviceId const& device, MappedLine mapped) {
        CAPSTAN_TRY(note(target, mapped));
        auto event = std::move(mapped.event);
        if (!std::exchange(target.is_named, true)) {
            auto const named = importers::ndjson_import_ops(target.import);
            event.ops.insert(event.ops.begin(), named.begin(), named.end());
        }
        auto bytes = encode_event(event);
        if (bytes.size() > kEventBytesMax) {
            return Error{Errc::too_large,
                         "the event would have " + std::to_string(bytes.size()) + " bytes"};
        }
        return publisher_.add(*target.lane, device, std::move(bytes));
    }

    void differs(Line const& line, std::string const& how) {
        if (command_.mode == Mode::verify && difference_.empty()) {
            difference_ = "line " + std::to_string(line.number) + " of " + command_.file + " " +
                          how + " in " + line.mapped.stream.str();
        }
    }

    /// Learns what the streams that are met for the first time hold.
    Result<> open_targets(std::vector<Line> const& chunk) {
        std::vector<std::string> names;
        for (auto const& line : chunk) {
            auto const& name = line.mapped.stream.str();
            if (targets_.try_emplace(name).second) {
                names.push_back(name);
            }
        }
        for (std::size_t at = 0; at < names.size(); at += kAskedMax) {
            auto const end = std::min(at + kAskedMax, names.size());
            CAPSTAN_TRY(auto const known, remote_.find_all({&names[at], &names[at] + (end - at)}));
            for (auto const& stream : known) {
                CAPSTAN_TRY(read_back(stream));
            }
        }
        for (auto const& name : names) {
            open(name, targets_.at(name));
        }
        return success();
    }

    Result<> read_back(StreamSummary const& stream) {
        if (!reader_) {
            CAPSTAN_TRY(auto client, remote_.reader());
            reader_.emplace(std::move(client));
        }
        auto& replay = targets_.at(stream.name).replay;
        auto const visit = [&replay](DeliveredEvent const& event, Attempt attempt) {
            return replay.apply(event.seq, event.dot, attempt, event.preceding_seq, event.bytes);
        };
        auto const read = read_whole_stream(context_, remote_, *reader_, stream, visit, [](Seq) {});
        if (!read) {
            return Error{read.error().code, stream.name + ": " + read.error().detail};
        }
        devices_.know(StreamName::parse(stream.name).value(), stream.generation, replay.authors());
        return success();
    }

    /// New streams share the import of the first one that has one, so that authors are one device
    /// in all of them.
    void open(std::string const& name, Target& target) {
        auto const known = target.replay.import();
        if (known && !std::exchange(import_is_known_, true)) {
            import_ = *known;
        }
        target.is_named = known.has_value();
        target.import = known.value_or(import_);
        target.lane = &publisher_.lane(StreamName::parse(name).value(), target.replay.head());
        import_is_known_ = true;
    }

    Context& context_;
    Remote const& remote_;
    ImportNdjson const& command_;
    NdjsonMapping mapping_;
    importers::LineSource source_;
    std::optional<Client> reader_;
    AuthorDevices devices_;
    OrderedPublisher publisher_;
    Progress progress_;
    std::map<std::string, Target> targets_;
    std::set<DeviceId> authors_;
    ImportId import_;
    bool import_is_known_ = false;
    std::uint64_t missing_ = 0;
    std::uint64_t already_there_ = 0;
    std::string difference_;  // the first one
};

/// Nothing if somebody else's event came in between and `may_repeat`: nothing was reported then.
std::optional<Result<>> import_once(Context& context,
                                    ImportNdjson const& command,
                                    Remote const& remote,
                                    bool may_repeat) {
    auto mapping = mapping_of(command);
    if (!mapping) {
        return mapping.error();
    }
    importers::ReadBytes read = read_stdin(context);
    if (command.file != "-") {
        auto opened = importers::open_text_file(command.file);
        if (!opened) {
            return opened.error();
        }
        read = std::move(opened).value();
    }
    LineImport import(context, remote, command, std::move(mapping).value(), std::move(read));
    auto const done = import.run();
    if (import.was_overtaken() && may_repeat) {
        // Another import of the file, or what one that was killed had still under way.
        context.output.note(done.error().detail + "; looking again at what is there.");
        return std::nullopt;
    }
    if (done || import.has_effect()) {
        import.report();
    }
    if (!done) {
        if (import.has_effect()) {
            context.output.note("The lines before are imported; the same command goes on.");
            context.code = ExitCode::partial;
        }
        return done.error();
    }
    if (!import.is_equal()) {
        context.output.note(import.difference());
        context.code = ExitCode::integrity;
    }
    return success();
}

}  // namespace

Result<> execute(Context& context, ImportNdjson const& command) {
    CAPSTAN_TRY(auto const remote, Remote::open(context));
    constexpr int kTurnsMax = 10;
    // The other one goes on meanwhile; each look costs reading the streams.
    auto pause = std::chrono::milliseconds(100);
    for (int turn = 1;; ++turn) {
        bool const may_repeat = command.file != "-" && turn < kTurnsMax;
        if (auto const done = import_once(context, command, remote, may_repeat)) {
            return *done;
        }
        std::this_thread::sleep_for(pause);
        pause = std::min(2 * pause, std::chrono::milliseconds(5'000));
    }
}

}  // namespace capstan::cli
