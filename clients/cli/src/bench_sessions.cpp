#include "bench_sessions.hpp"

#include <capstan/schema/event_reader.hpp>
#include <capstan/schema/run.hpp>
#include <capstan/schema/submission.hpp>
#include <map>
#include <utility>

namespace capstan::cli {

BenchSession BenchSession::of(std::string name, importers::EditingTrace trace) {
    BenchSession session{std::move(name), std::move(trace), {}};
    for (auto const& event : session.trace.events) {
        Event said;
        for (auto const& edit : event.edits) {
            said.ops.push_back({.kind = OpKind::splice,
                                .object = "note/1",
                                .field = "body",
                                .value = edit.inserted,
                                .at = edit.at,
                                .count = edit.removed});
        }
        session.events.push_back(encode_event(said));
    }
    return session;
}

EditStamp BenchSession::stamp(std::size_t at) const {
    auto const& event = trace.events[at];
    return {Stamp::of(Seq{at + 1}),
            Seq{event.p},
            DeviceIndex{event.device},
            Seq{at == 0 ? 0 : trace.events[at - 1].mark}};
}

Text BenchSession::replay(std::uint64_t& notices) const {
    Text text;
    EventReader reader;
    std::vector<TextSplice> splices;
    std::vector<TextSplice> effects;
    for (std::size_t at = 0; at < events.size(); ++at) {
        auto const ops = reader.read(events[at]);
        splices.clear();
        for (auto const& op : ops.value()) {
            splices.push_back({op.at, op.count, op.content});
        }
        effects.clear();
        text.apply(stamp(at), splices, effects);
        notices += effects.size();
    }
    return text;
}

Bytes BenchSession::tape() const {
    constexpr Generation kGeneration{1};
    Bytes tape;
    std::map<std::uint32_t, Link> last;  // by device
    for (std::size_t at = 0; at < events.size(); ++at) {
        auto const& [device, p, mark, edits] = trace.events[at];
        Attempt const attempt{1};
        RunHeader const header{attempt, last[device], Seq{p}, RunFlags::needs_window};
        ByteView const event(events[at]);
        auto const bytes = encode_run(header, {&event, 1});
        auto const run = RunView::decode(bytes).value();
        last[device] = run.last_link();
        RunEnvelope envelope{.stream = "notes/1", .principal = "author", .generation = kGeneration};
        envelope.device.bytes[0] = static_cast<std::byte>(device + 1);
        auto const record = encode_submission(envelope, run);
        tape.insert(tape.end(), record.begin(), record.end());
    }
    return tape;
}

importers::EditingTrace made_up_session(std::size_t events, std::size_t lag) {
    importers::EditingTrace trace{{}, {}, 2};
    Text text;
    std::vector<TextSplice> effects;
    std::uint64_t random = 88'172'645'463'325'252;
    std::uint64_t own[2] = {0, 0};  // code points that each author has put in
    for (std::size_t at = 0; at < events; ++at) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        auto const device = static_cast<std::uint32_t>(at / 8 % 2);
        auto const p = at > lag ? at - lag : 0;
        // Each stays within what it has typed itself, which it sees whatever else it knows.
        importers::TraceEdit const edit{random % (own[device] + 1), 0, "word "};
        own[device] += edit.inserted.size();
        trace.events.push_back({device, p, 0, {edit}});
    }
    importers::set_marks(trace.events);
    auto const session = BenchSession::of({}, trace);
    std::uint64_t notices = 0;
    trace.end_content = session.replay(notices).content().str();
    return trace;
}

}  // namespace capstan::cli
