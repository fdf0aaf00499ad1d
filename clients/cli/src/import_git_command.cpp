#include <algorithm>
#include <capstan/engine/os/system_random.hpp>
#include <capstan/importers.hpp>
#include <cmath>
#include <utility>

#include "ordered_publisher.hpp"
#include "progress.hpp"
#include "stream_reading.hpp"

namespace capstan::cli {
namespace {

using importers::GitCommit;
using importers::GitReplay;
using importers::GitRepository;

/// What reading the stream cost.
struct ReadBack {
    GitReplay replay;
    Generation generation;
    std::uint64_t event_bytes = 0;
    double seconds = 0;
};

/// Reads 1..head as a device that has never seen the stream.
Result<ReadBack> read_back(Context& context, Remote const& remote, StreamSummary const& stream) {
    ReadBack read;
    read.generation = stream.generation;
    CAPSTAN_TRY(auto const client, remote.reader());
    Progress progress(context, "Read events", stream.head.value);
    auto const visit = [&read](DeliveredEvent const& event, Attempt attempt) -> Result<> {
        CAPSTAN_TRY(auto const decoded, decode_event(event.bytes));
        read.event_bytes += event.bytes.size();
        return read.replay.apply(event.seq, event.dot, attempt, event.preceding_seq, decoded);
    };
    CAPSTAN_TRY(read_whole_stream(
        context, remote, client, stream, visit, [&](Seq last) { progress.at(last.value); }));
    read.seconds = progress.seconds();
    return read;
}

double rate(std::uint64_t count, double seconds) {
    return seconds > 0 ? std::round(static_cast<double>(count) / seconds) : 0;
}

/// A run of importing, from what is there to the end of the history.
class Import {
  public:
    Import(Context& context, Remote const& remote, ImportGit const& command, ReadBack before)
        : context_(context),
          command_(command),
          repository_(command.repository),
          before_(std::move(before)),
          devices_(remote),
          publisher_(remote, devices_),
          lane_(publisher_.lane(StreamName::parse(command.stream).value(), before_.replay.head())) {
        devices_.know(StreamName::parse(command.stream).value(),
                      before_.generation,
                      before_.replay.authors());
        if (auto const known = before_.replay.import()) {
            import_ = *known;
        } else {
            SystemRandom random;
            random.fill(import_.value.bytes);
        }
    }

    Result<> run() {
        CAPSTAN_TRY(tip_, repository_.resolve(command_.revision));
        CAPSTAN_TRY(auto const history, repository_.history(tip_));
        CAPSTAN_TRY(auto const todo, todo_of(history));
        Progress progress(context_, "Imported commits", todo);
        context_.surroundings.on_interrupt([this] { publisher_.interrupt(); });
        auto imported = import_all(progress);
        if (imported) {
            imported = publisher_.finish();
        }
        context_.surroundings.on_interrupt({});
        seconds_ = progress.seconds();
        return imported;
    }

    void report() {
        auto const events = publisher_.confirmed();
        show(context_.output,
             {{.key = "stream"},
              {.key = "commit"},
              {.key = "commits"},
              {.key = "events"},
              {.key = "head"},
              {.key = "event_bytes"},
              {.key = "seconds"},
              {.key = "events_per_second"}},
             {command_.stream,
              tip_,
              commits_,
              events,
              before_.replay.head().plus(events).value,
              publisher_.confirmed_bytes(),
              seconds_,
              rate(events, seconds_)});
        if (context_.surroundings.err_is_terminal) {
            context_.output.note("Compare: capstan import git " + command_.repository +
                                 " --stream " + command_.stream + " --verify");
        }
    }

  private:
    /// How many commits are to be imported.
    Result<std::uint64_t> todo_of(std::vector<std::string> const& history) const {
        auto const& newest = before_.replay.commit();
        if (newest.empty()) {
            return history.size();
        }
        auto const at = std::ranges::find(history, newest);
        if (at == history.end()) {
            return Error{Errc::position_conflict,
                         command_.stream + " ends with commit " + newest +
                             ", which is not in the history of " + command_.revision +
                             " as this repository has it"};
        }
        auto const done = static_cast<std::uint64_t>(at - history.begin());
        return history.size() - done - (before_.replay.commit_is_whole() ? 1 : 0);
    }

    Result<> import_all(Progress& progress) {
        auto const& replay = before_.replay;
        if (!replay.commit().empty() && !replay.commit_is_whole()) {
            CAPSTAN_TRY(finish_commit());
        }
        return repository_.log(tip_, replay.commit(), [&](GitCommit&& commit) -> Result<> {
            CAPSTAN_TRY(publish(commit, 0));
            progress.at(commits_);
            return success();
        });
    }

    /// An earlier import was cut off between two parts of a commit.
    Result<> finish_commit() {
        CAPSTAN_TRY(auto const commit, repository_.commit(before_.replay.commit()));
        return publish(commit, before_.replay.parts_seen());
    }

    Result<> publish(GitCommit const& commit, std::size_t parts_there) {
        bool const is_first = before_.replay.head() == Seq{} && commits_ == 0;
        auto const events =
            importers::events_of(commit, is_first ? std::optional(import_) : std::nullopt);
        auto const device = importers::author_device(import_, commit);
        for (auto i = parts_there; i < events.size(); ++i) {
            CAPSTAN_TRY(publisher_.add(lane_, device, encode_event(events[i])));
        }
        commits_ += 1;
        return publisher_.flush();
    }

    Context& context_;
    ImportGit const& command_;
    GitRepository repository_;
    ReadBack before_;
    AuthorDevices devices_;
    OrderedPublisher publisher_;
    OrderedPublisher::Lane& lane_;
    importers::ImportId import_;
    std::string tip_;
    std::uint64_t commits_ = 0;
    double seconds_ = 0;
};

Result<> import_into(Context& context, Remote const& remote, ImportGit const& command) {
    CAPSTAN_TRY(auto const stream, remote.find(command.stream));
    ReadBack before;
    if (stream) {
        CAPSTAN_TRY(before, read_back(context, remote, *stream));
    }
    Import import(context, remote, command, std::move(before));
    CAPSTAN_TRY(import.run());
    import.report();
    return success();
}

/// How the files of the events differ from git's; empty if they don't.
std::string first_difference(std::vector<importers::GitTreeEntry> const& rebuilt,
                             std::vector<importers::GitTreeEntry> const& wanted) {
    auto const [mine, git] = std::ranges::mismatch(rebuilt, wanted);
    if (mine == rebuilt.end() && git == wanted.end()) {
        return {};
    }
    return "events say '" + (mine == rebuilt.end() ? "no more files" : to_string(*mine)) +
           "', git says '" + (git == wanted.end() ? "no more files" : to_string(*git)) + "'";
}

/// Rebuilds the files from the events alone, as another device, and compares them with git.
Result<> compare(Context& context, Remote const& remote, ImportGit const& command) {
    GitRepository const repository(command.repository);
    CAPSTAN_TRY(auto const tip, repository.resolve(command.revision));
    CAPSTAN_TRY(auto const wanted, repository.files(tip));
    CAPSTAN_TRY(auto const stream, remote.stat(command.stream));
    CAPSTAN_TRY(auto const read, read_back(context, remote, stream));
    CAPSTAN_TRY(auto const rebuilt, read.replay.files());
    auto difference = first_difference(rebuilt, wanted);
    if (read.replay.commit() != tip || !read.replay.commit_is_whole()) {
        difference = "the stream ends with commit " + read.replay.commit() + ", not " + tip;
    } else if (read.replay.not_in_order() != 0) {
        difference =
            std::to_string(read.replay.not_in_order()) + " events have not seen their parent";
    }
    show(context.output,
         {{.key = "stream"},
          {.key = "commit"},
          {.key = "commits"},
          {.key = "events"},
          {.key = "event_bytes"},
          {.key = "devices"},
          {.key = "files"},
          {.key = "equal"},
          {.key = "seconds"},
          {.key = "events_per_second"}},
         {command.stream,
          read.replay.commit(),
          read.replay.commits(),
          read.replay.head().value,
          read.event_bytes,
          std::uint64_t{read.replay.authors().size()},
          std::uint64_t{rebuilt.size()},
          difference.empty(),
          read.seconds,
          rate(read.replay.head().value, read.seconds)});
    if (!difference.empty()) {
        context.output.note(difference);
        context.code = ExitCode::integrity;
    }
    return success();
}

}  // namespace

Result<> execute(Context& context, ImportGit const& command) {
    CAPSTAN_TRY(auto const remote, Remote::open(context));
    return command.verify ? compare(context, remote, command)
                          : import_into(context, remote, command);
}

}  // namespace capstan::cli
