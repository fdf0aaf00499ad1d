#include <algorithm>
#include <cmath>
#include <optional>

#include "export_target.hpp"
#include "progress.hpp"
#include "remote.hpp"

namespace capstan::cli {
namespace {

using importers::ExportedEnd;
using Place = importers::ExportCheck::Place;

/// Those that match, in order of name.
Result<std::vector<StreamSummary>> streams_of(Remote const& remote, std::string const& pattern) {
    CAPSTAN_TRY(auto streams, remote.list(pattern));
    std::erase_if(streams, [](StreamSummary const& stream) { return !stream.exists(); });
    if (streams.empty()) {
        return Error{Errc::not_found, "no stream matches " + pattern};
    }
    std::ranges::sort(streams, {}, &StreamSummary::name);
    return streams;
}

/// Writes what the file lacks of each stream, up to the heads at the start.
class Exporting {
  public:
    Exporting(Context& context, Remote const& remote, Client const& client, ExportTarget& target)
        : context_(context), remote_(remote), client_(client), target_(target) {}

    Result<> run(std::vector<StreamSummary> const& streams) {
        std::uint64_t total = 0;
        for (auto const& stream : streams) {
            total += stream.head.value - std::min(begin_of(stream).seq, stream.head).value;
        }
        progress_.emplace(context_, "Exported events", total);
        for (auto const& stream : streams) {
            CAPSTAN_TRY(take(stream));
        }
        return target_.finish();
    }
    std::uint64_t events() const { return events_; }
    std::uint64_t already_there() const { return already_there_; }
    double seconds() const { return progress_ ? progress_->seconds() : 0; }

  private:
    Place begin_of(StreamSummary const& stream) const {
        auto const at = target_.places().find(stream.name);
        return at != target_.places().end()
                   ? at->second
                   : Place{stream.generation, Seq{}, chain_start(stream.name)};
    }

    Result<> take(StreamSummary const& stream) {
        auto place = begin_of(stream);
        already_there_ += place.seq.value;
        bool const is_known = target_.places().contains(stream.name);
        if (place.seq >= stream.head && is_known) {
            return place.chain == stream.chain ? Result<>(success()) : other_history(stream);
        }
        CAPSTAN_TRY(
            target_.writer().begin({stream.name, stream.generation, place.seq, place.chain}));
        auto const copied = copy(stream, place);
        // Also what was cut short is a section: the next export goes on behind it.
        CAPSTAN_TRY(target_.writer().end({place.seq, place.chain}));
        if (!copied) {
            CAPSTAN_TRY(target_.finish());
            return copied.error().code == Errc::lost_history ? other_history(stream)
                                                             : copied.error();
        }
        return place.chain == stream.chain
                   ? Result<>(success())
                   : Error{Errc::internal, stream.name + ": the chain hash comes out otherwise"};
    }

    static Error other_history(StreamSummary const& stream) {
        return {Errc::lost_history,
                stream.name + ": the server's history is not the one that the file begins with"};
    }

    /// `place` moves with each run that is written.
    Result<> copy(StreamSummary const& stream, Place& place) {
        if (place.seq == stream.head) {
            return success();
        }
        CAPSTAN_TRY(auto const name, StreamName::parse(stream.name));
        Reader reader(
            client_.stream(name),
            {.kind = ReadFrom::Kind::cursor, .cursor = {place.generation, place.seq, place.chain}});
        context_.surroundings.on_interrupt([&reader] { reader.cancel(); });
        auto const copied = copy_all(reader, stream.head, place);
        context_.surroundings.on_interrupt({});
        return copied;
    }

    Result<> copy_all(Reader& reader, Seq head, Place& place) {
        while (place.seq < head) {
            CAPSTAN_TRY(auto const item, reader.next(remote_.timeout()));
            if (!item) {
                return remote_.no_answer();
            }
            auto const* const delivery = std::get_if<Delivery>(&*item);
            if (delivery == nullptr) {
                return Error{Errc::trimmed, "the server does not send all events"};
            }
            CAPSTAN_TRY(copy_runs(*delivery, head, place));
            progress_->at(events_);
        }
        return success();
    }

    Result<> copy_runs(Delivery const& delivery, Seq head, Place& place) {
        ByteReader in(delivery.runs);
        Seq first = delivery.first;
        Seq mark = delivery.mark_before;
        for (std::size_t n = 0; first <= std::min(delivery.last, head); ++n) {
            CAPSTAN_TRY(auto const run, DeliveredRunView::take(in));
            if (first == place.seq.next()) {
                CAPSTAN_TRY(target_.writer().run(first, mark, run));
                place.chain = importers::chain_behind(place.chain, first, run);
                place.seq = place.seq.plus(run.run().count());
                events_ += run.run().count();
            }
            first = first.plus(run.run().count());
            mark = n < delivery.marks.size() ? Seq{delivery.marks[n]} : mark;
        }
        return success();
    }

    Context& context_;
    Remote const& remote_;
    Client const& client_;
    ExportTarget& target_;
    std::optional<Progress> progress_;
    std::uint64_t events_ = 0;
    std::uint64_t already_there_ = 0;
};

void report(Context& context,
            Export const& command,
            Exporting const& exporting,
            ExportTarget const& target,
            std::size_t streams) {
    if (command.file == "-") {
        context.output.note("Exported " + std::to_string(exporting.events()) + " events of " +
                            std::to_string(streams) + " streams.");
        return;
    }
    auto const seconds = exporting.seconds();
    show(context.output,
         {{.key = "file"},
          {.key = "streams"},
          {.key = "events"},
          {.key = "already_there"},
          {.key = "file_bytes_added"},
          {.key = "seconds"},
          {.key = "events_per_second"}},
         {command.file,
          std::uint64_t{streams},
          exporting.events(),
          exporting.already_there(),
          target.written_bytes(),
          seconds,
          seconds > 0 ? std::round(static_cast<double>(exporting.events()) / seconds) : 0});
    if (context.surroundings.err_is_terminal) {
        context.output.note("Check it: capstan import streams " + command.file + " --dry-run");
    }
}

}  // namespace

Result<> execute(Context& context, Export const& command) {
    CAPSTAN_TRY(auto const remote, Remote::open(context));
    CAPSTAN_TRY(auto const streams, streams_of(remote, command.pattern));
    CAPSTAN_TRY(auto const client, remote.reader());
    CAPSTAN_TRY(auto const target, ExportTarget::open(context, command));
    Exporting exporting(context, remote, client, *target);
    auto const done = exporting.run(streams);
    if (done || exporting.events() > 0) {
        report(context, command, exporting, *target, streams.size());
    }
    if (!done && exporting.events() > 0 && command.file != "-") {
        context.output.note("What is in the file is whole; the same command goes on.");
        context.code =
            done.error().code == Errc::cancelled ? ExitCode::interrupted : ExitCode::partial;
    }
    return done;
}

}  // namespace capstan::cli
