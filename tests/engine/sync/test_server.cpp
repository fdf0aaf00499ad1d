#include "test_server.hpp"

#include <boost/test/unit_test.hpp>
#include <stdexcept>

namespace capstan::test {
namespace {

constexpr std::string_view kPrincipal = "acme/anna";

ByteView bytes_of(flatbuffers::Vector<std::uint8_t> const& vector) {
    return {reinterpret_cast<std::byte const*>(vector.data()), vector.size()};
}

fb::Outcome outcome_of(Verdict const& verdict) {
    return static_cast<fb::Outcome>(static_cast<int>(verdict.outcome));
}
static_assert(static_cast<int>(fb::Outcome::not_your_device) ==
              static_cast<int>(Verdict::not_your_device));

/// What an answer says about a run.
struct Reply {
    fb::Outcome outcome{};
    std::optional<Errc> code;
    Seq first_seq;
    Link last;
    Attempt device_attempt;
    std::uint32_t retry_after_ms = 0;
    std::uint32_t handle = 0;
};

fb::RunResult result_of(RunView const& run, Reply const& reply) {
    auto const code = reply.code ? static_cast<std::uint16_t>(*reply.code) : std::uint16_t{0};
    return {run.header().attempt.value,
            run.first_counter().value,
            reply.first_seq.value,
            reply.last.counter.value,
            reply.last.attempt.value,
            reply.device_attempt.value,
            reply.retry_after_ms,
            reply.handle,
            static_cast<std::uint16_t>(run.count()),
            code,
            reply.outcome,
            run.is_floor()};
}

}  // namespace

TestServer::TestServer(Dice& dice, GatewayHabits habits, FoldBed::Decide decide)
    : dice_(dice), habits_(habits), bed_(FoldBed::started(decide)) {}

bool TestServer::sometimes(std::uint64_t in_a_thousand, char const* what) {
    bool const happens = in_a_thousand > 0 && dice_.below(1'000) < in_a_thousand;
    counts_[what] += happens;
    return happens;
}

struct TestServer::Handler {
    TestServer& server;
    Connection connection;
    Session& session;

    void operator()(fb::Hello const* hello) {
        session.device = from_wire(*hello->device());
        session.greeted = true;
        session.credit = hello->credit();
        fb::WelcomeT welcome;
        welcome.version = kProtocolVersion;
        welcome.session = connection;
        if (hello->streams() != nullptr) {
            for (auto const* cursor : *hello->streams()) {
                server.subscribe(session, *cursor, welcome);
            }
        }
        server.welcome(session, welcome);
    }
    void operator()(fb::Subscribe const* subscribe) {
        fb::WelcomeT welcome;
        welcome.version = kProtocolVersion;
        for (auto const* cursor : *subscribe->streams()) {
            server.subscribe(session, *cursor, welcome);
        }
        server.welcome(session, welcome);
    }
    void operator()(fb::Unsubscribe const* message) {
        session.readers.erase(session.handles[message->stream()]);
    }
    void operator()(fb::Publish const* message) { server.publish(connection, session, *message); }
    void operator()(fb::Need const* message) {
        auto const& name = session.handles.at(message->stream());
        Seq from{message->first()};
        while (from.value <= message->last()) {
            std::size_t bytes = 0;
            session.out.push_back(server.events(name, message->stream(), from, 2, bytes, from));
            session.credit -= static_cast<std::int64_t>(bytes);
            from = from.next();
        }
    }
    void operator()(fb::NeedChunks const* message) { server.send_chunks(session, *message); }
    void operator()(fb::Credit const* message) { session.credit += message->bytes(); }
    void operator()(fb::Ack const*) {}
    void operator()(fb::Head const* message) {
        fb::HeadT head;
        head.name = message->name()->str();
        head.state = std::make_unique<fb::StreamStateT>(server.state_of(session, head.name));
        session.out.push_back(payload_of(head));
    }
    template <class Other>
    void operator()(Other const*) {
        throw std::logic_error("a message that devices do not send");
    }
};

void TestServer::receive(Connection connection, ByteView payload) {
    auto const found = sessions_.find(connection);
    if (found == sessions_.end()) {
        return;
    }
    MessageReader reader(payload);
    for (;;) {
        auto next = reader.next();
        require_ok(next);
        if (!next.value()) {
            return;
        }
        bool const hello = std::holds_alternative<fb::Hello const*>(*next.value());
        BOOST_REQUIRE(hello != found->second.greeted);
        std::visit(Handler{*this, connection, found->second}, *next.value());
    }
}

std::optional<Bytes> TestServer::next(Connection connection) {
    auto const found = sessions_.find(connection);
    if (found == sessions_.end() || found->second.out.empty()) {
        return std::nullopt;
    }
    auto message = std::move(found->second.out.front());
    found->second.out.pop_front();
    return message;
}

fb::StreamStateT TestServer::state_of(Session& session, std::string const& name) {
    auto const& row = bed_.stream(name).row;
    auto const device = bed_.device(name, session.device);
    fb::StreamStateT state;
    state.name = name;
    state.stream = row.exists() ? row.number.value : 0;
    state.generation = bed_.generation(name).value;
    state.head = row.head.value;
    state.chain = std::make_unique<fb::Hash>(to_wire(row.chain));
    state.mark = row.mark.value;
    state.device_attempt = device.attempt.value;
    state.last_counter = device.last.counter.value;
    state.last_attempt = device.last.attempt.value;
    state.device_p = device.preceding_seq.value;
    state.halted = device.halted ? static_cast<std::uint16_t>(*device.halted) : std::uint16_t{0};
    if (state.stream != 0) {
        session.handles[state.stream] = name;
    }
    return state;
}

/// The cursor lies on the stream's history.
bool TestServer::stands(std::string const& name, fb::StreamCursor const& cursor) const {
    if (cursor.generation() == 0) {
        return true;
    }
    auto const& tape = bed_.stream(name).tape;
    auto row = bed_.stream(name).row;
    catch_up(bed_.partition, row);
    auto const ended =
        std::ranges::find(row.ended, Generation{cursor.generation()}, &EndedGeneration::generation);
    bool const known = row.generation == Generation{cursor.generation()} ||
                       (ended != row.ended.end() && cursor.seq() <= ended->last.value);
    if (!known || cursor.seq() > tape.size()) {
        return false;
    }
    auto const chain = cursor.seq() == 0 ? chain_start(name) : tape[cursor.seq() - 1].chain;
    return cursor.chain() == nullptr || from_wire(cursor.chain()) == chain;
}

fb::StreamStateT TestServer::judge(Session& session, fb::StreamCursor const& cursor) {
    auto state = state_of(session, cursor.name()->str());
    if (!stands(state.name, cursor)) {
        state.verdict = fb::Verdict::reset;
    } else if (state.head > cursor.seq()) {
        state.verdict = fb::Verdict::delta;
        state.events = state.head - cursor.seq();
    }
    return state;
}

void TestServer::subscribe(Session& session,
                           fb::StreamCursor const& cursor,
                           fb::WelcomeT& welcome) {
    auto state = judge(session, cursor);
    session.readers.erase(state.name);
    bool const loads = offer_snapshot(session, cursor, state);
    if (!loads && cursor.subscribe() && state.verdict != fb::Verdict::reset) {
        session.readers[state.name] = Reader{Seq{cursor.seq()}, state.stream != 0};
    }
    counts_["resets"] += state.verdict == fb::Verdict::reset;
    welcome.streams.push_back(std::make_unique<fb::StreamStateT>(std::move(state)));
}

void TestServer::publish(Connection connection, Session& session, fb::Publish const& message) {
    auto const run = RunView::decode(bytes_of(*message.run()));
    BOOST_REQUIRE(run.has_value());
    Submission submission;
    submission.connection = connection;
    submission.by_name = message.name() != nullptr;
    submission.stream =
        submission.by_name ? message.name()->str() : session.handles.at(message.stream());
    submission.device = session.device;
    auto const bytes = run.value().bytes();
    submission.run.assign(bytes.begin(), bytes.end());
    std::optional<Seq> expect_head;
    if (message.expect_head() != kAtHead.value) {
        expect_head = Seq{message.expect_head()};
    }
    submission.record = encode_submission({submission.stream,
                                           kPrincipal,
                                           Generation{message.generation()},
                                           expect_head,
                                           session.device,
                                           WallTime{1'700'000'000'000'000}},
                                          run.value());
    if (sometimes(habits_.passes_copies_on, "copies passed on")) {
        copies_.push_back(submission);
        copies_.back().connection = 0;
    }
    if (sometimes(habits_.turns_away_for_load, "turned away for load")) {
        turn_away(session, submission, Errc::overloaded);
        return;
    }
    if (sometimes(habits_.turns_away_for_good, "turned away for good")) {
        turn_away(session, submission, dice_.one_in(2) ? Errc::denied : Errc::request_invalid);
        return;
    }
    auto const last = bed_.device(submission.stream, session.device).last;
    if (run.value().header().after.counter > last.counter &&
        sometimes(habits_.answers_gaps_itself, "gaps answered by a gateway")) {
        Verdict verdict;
        verdict.outcome = Verdict::counter_gap;
        verdict.reason = Errc::counter_gap;
        verdict.last = last;
        verdict.attempt = bed_.device(submission.stream, session.device).attempt;
        answer(session, submission, verdict);
        return;
    }
    queue_.push_back(std::move(submission));
}

void TestServer::create(std::string const& stream, std::uint32_t grace) {
    bed_.fold(encode_create(stream, "acme/anna"));
    FoldPolicy policy;
    policy.grace = grace;
    bed_.fold(encode_fold_policy(stream, "acme/anna", policy));
}

void TestServer::turn_away(Session& session, Submission const& submission, Errc why) {
    Reply reply;
    reply.outcome = fb::Outcome::turned_away;
    reply.code = why;
    reply.retry_after_ms = why == Errc::overloaded ? 50 : 0;
    answer(session, submission, result_of(RunView::decode(submission.run).value(), reply));
}

Verdict TestServer::fold(Submission const& submission) {
    auto const verdict = bed_.fold(submission.record);
    counts_[std::string(to_string(verdict.outcome))] += 1;
    if (verdict.outcome == Verdict::accepted && verdict.count > 0) {
        Bytes delivered;
        encode_delivered_run(
            delivered, submission.device, WallTime{1'700'000'000'000'000}, submission.run);
        runs_[submission.stream].push_back(std::move(delivered));
    }
    return verdict;
}

bool TestServer::fold_one() {
    if (queue_.empty()) {
        return false;
    }
    auto const submission = std::move(queue_.front());
    queue_.pop_front();
    auto const verdict = fold(submission);
    auto const session = sessions_.find(submission.connection);
    if (session != sessions_.end() && !sometimes(habits_.loses_answers, "answers lost")) {
        answer(session->second, submission, verdict);
    }
    return true;
}

bool TestServer::copy_arrives() {
    if (copies_.empty()) {
        return false;
    }
    auto const at = dice_.below(copies_.size());
    fold(copies_[at]);
    if (!dice_.one_in(3)) {
        copies_.erase(copies_.begin() + static_cast<std::ptrdiff_t>(at));
    }
    return true;
}

void TestServer::answer(Session& session, Submission const& submission, Verdict const& verdict) {
    auto const run = RunView::decode(submission.run).value();
    Reply reply;
    reply.handle = bed_.stream(submission.stream).row.number.value;
    session.handles[reply.handle] = submission.stream;
    reply.outcome = outcome_of(verdict);
    reply.code = verdict.reason;
    reply.last = verdict.last;
    reply.device_attempt = verdict.attempt;
    auto const told = verdict.outcome == Verdict::accepted ||
                      verdict.outcome == Verdict::duplicate || verdict.outcome == Verdict::settled;
    if (told && !run.is_floor()) {
        auto const first = bed_.find_run(
            submission.stream, submission.device, run.header().attempt, run.first_counter());
        reply.first_seq = first.value_or(Seq{});
    }
    answer(session, submission, result_of(run, reply));
}

void TestServer::answer(Session& session,
                        Submission const& submission,
                        fb::RunResult const& result) {
    fb::ResultT message;
    message.results.push_back(result);
    message.name = submission.by_name ? submission.stream : "";
    session.out.push_back(payload_of(message));
}

void TestServer::push() {
    for (auto& [connection, session] : sessions_) {
        for (auto& [name, reader] : session.readers) {
            push(session, name, reader);
        }
    }
}

void TestServer::push(Session& session, std::string const& name, Reader& reader) {
    auto const& row = bed_.stream(name).row;
    if (!row.exists() || reader.sent >= row.head) {
        return;
    }
    if (!reader.announced) {
        fb::WelcomeT welcome;
        welcome.version = kProtocolVersion;
        welcome.streams.push_back(std::make_unique<fb::StreamStateT>(state_of(session, name)));
        session.out.push_back(payload_of(welcome));
        reader.announced = true;
    }
    session.handles[row.number.value] = name;
    while (session.credit > 0 && reader.sent < row.head) {
        auto const first = reader.sent.next();
        std::size_t bytes = 0;
        auto message =
            events(name, row.number.value, first, 1 + dice_.below(4), bytes, reader.sent);
        if (sometimes(habits_.declares_holes, "holes")) {
            fb::HoleT hole;
            hole.stream = row.number.value;
            hole.first = first.value;
            hole.last = reader.sent.value;
            session.out.push_back(payload_of(hole));
            continue;
        }
        if (sometimes(habits_.drops_events, "events dropped")) {
            continue;
        }
        session.credit -= static_cast<std::int64_t>(bytes);
        if (sometimes(habits_.repeats_events, "events repeated")) {
            session.out.push_back(message);
            session.credit -= static_cast<std::int64_t>(bytes);
        }
        session.out.push_back(std::move(message));
    }
}

/// An Events message with the run that holds `from` and some that follow; `last` is where it ends.
Bytes TestServer::events(std::string const& name,
                         std::uint32_t handle,
                         Seq from,
                         std::uint64_t runs,
                         std::size_t& bytes,
                         Seq& last) const {
    auto const& stream = bed_.stream(name);
    MessageWriter::Events events;
    std::vector<ByteView> pieces;
    std::vector<std::uint64_t> marks;
    Seq next{1};
    for (Bytes const& delivered : runs_.at(name)) {
        ByteReader in(delivered);
        auto const count = DeliveredRunView::take(in).value().run().count();
        auto const after = next.plus(count);
        if (after > from && pieces.size() < runs) {
            if (pieces.empty()) {
                events.first = next;
                events.mark_before = stream.tape[next.value - 1].mark_before;
            }
            pieces.push_back(delivered);
            bytes += delivered.size();
            events.last = Seq{after.value - 1};
            marks.push_back(after <= stream.row.head
                                ? stream.tape[after.value - 1].mark_before.value
                                : stream.row.mark.value);
        }
        next = after;
    }
    events.stream = StreamNumber{handle};
    events.generation = bed_.generation(name);
    events.chain = stream.tape[events.last.value - 1].chain;
    events.head = stream.row.head;
    events.marks = marks;
    events.runs = pieces;
    last = events.last;
    MessageWriter writer;
    writer.add(events);
    return writer.take();
}

void TestServer::restore(Backup const& backup) {
    // A refusal that the server forgets is beyond any promise: a copy that was refused may be
    // accepted now. So of the copies under way only those arrive that were accepted before.
    std::erase_if(copies_, [this](Submission const& copy) {
        auto const run = RunView::decode(copy.run).value();
        return !bed_.find_run(copy.stream, copy.device, run.header().attempt, run.first_counter());
    });
    queue_.clear();
    sessions_.clear();
    bed_ = backup.bed;
    runs_ = backup.runs;
    bed_.fold(encode_restore(Lineage{++last_lineage_}, 0));
    counts_["restores"] += 1;
}

}  // namespace capstan::test
