// A server for tests of the client: the real fold behind gateways with bad habits. It speaks real
// messages; time and losses belong to the test.
#pragma once
#include <boost/test/unit_test.hpp>
#include <capstan/schema.hpp>
#include <capstan/schema/wire.hpp>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "dice.hpp"
#include "fold_bed.hpp"
#include "test_snapshot.hpp"

namespace capstan::test {

template <class Result>
void require_ok(Result const& result) {
    if (!result) {
        BOOST_FAIL(to_string(result.error()));
    }
}

template <class Message>
Bytes payload_of(Message const& message) {
    MessageWriter writer;
    writer.add(message);
    return writer.take();
}

/// How often, in a thousand, a gateway does something that the client has to live with.
struct GatewayHabits {
    std::uint64_t turns_away_for_load = 0;
    std::uint64_t turns_away_for_good = 0;
    std::uint64_t answers_gaps_itself = 0;
    std::uint64_t passes_copies_on = 0;  // that arrive later, or twice
    std::uint64_t loses_answers = 0;
    std::uint64_t drops_events = 0;  // of a stream, on their way to the reader
    std::uint64_t repeats_events = 0;
    std::uint64_t declares_holes = 0;
    std::uint64_t offers_snapshots = 0;
    std::uint64_t offers_deltas = 0;         // instead, where the device can take one
    std::uint64_t folds_by_other_rules = 0;  // the model refuses what comes of it
    std::uint64_t offers_stale = 0;          // the snapshot of an earlier offer
    std::uint64_t damages_chunks = 0;
    std::uint64_t loses_chunks = 0;    // nothing more is said of one
    std::uint64_t forgets_chunks = 0;  // another snapshot has taken their place
};

/// The model of some delivered runs of a stream up to a seq, made by nothing but `apply`.
Model fold_runs(std::vector<Bytes> const& runs, std::vector<TapedEvent> const& tape, Seq last);

class TestServer {
  public:
    using Connection = std::uint64_t;

    TestServer(Dice& dice, GatewayHabits habits, FoldBed::Decide decide);

    void open(Connection connection) { sessions_.try_emplace(connection); }
    /// Submissions on their way may still arrive.
    void close(Connection connection) { sessions_.erase(connection); }
    /// One WebSocket message of a device.
    void receive(Connection connection, ByteView payload);
    /// The next message to the device, if there is one.
    std::optional<Bytes> next(Connection connection);

    /// Folds the next submission in order, and answers it.
    bool fold_one();
    /// A copy that was passed on another way arrives.
    bool copy_arrives();
    /// Sends events to readers that have credit.
    void push();

    /// The state as a backup has it; copies under way are no part of it.
    struct Backup {
        FoldBed bed;
        std::map<std::string, std::vector<Bytes>> runs;
    };
    Backup backup() const { return {bed_, runs_}; }
    /// All connections are gone; copies under way still arrive.
    void restore(Backup const& backup);

    FoldBed const& bed() const { return bed_; }
    std::vector<TapedEvent> const& tape(std::string_view stream) const {
        return bed_.stream(stream).tape;
    }
    /// The stream's accepted runs, as readers get them.
    std::vector<Bytes> const& runs(std::string const& stream) { return runs_[stream]; }
    /// Creates a stream whose merge mark stays this close behind its head.
    void create(std::string const& stream, std::uint32_t grace);
    /// What is offered in place of events stays as it is, with all that befalls it.
    void stop_misbehaving() {
        habits_ = {.offers_snapshots = habits_.offers_snapshots,
                   .offers_deltas = habits_.offers_deltas,
                   .offers_stale = habits_.offers_stale,
                   .damages_chunks = habits_.damages_chunks,
                   .loses_chunks = habits_.loses_chunks,
                   .forgets_chunks = habits_.forgets_chunks};
    }
    void behave() { habits_ = {.offers_snapshots = habits_.offers_snapshots}; }
    std::map<std::string, std::uint64_t> const& counts() const { return counts_; }

  private:
    struct Reader {
        Seq sent;
        bool announced = false;  // its handle
    };
    struct Session {
        DeviceId device;
        bool greeted = false;
        std::int64_t credit = 0;
        std::map<std::string, Reader> readers;
        std::map<std::uint32_t, std::string> handles;
        std::map<std::string, TestSnapshot> snapshots;  // that were offered
        std::vector<Bytes> after_welcome;
        std::deque<Bytes> out;
    };
    struct Submission {
        Connection connection = 0;  // 0: a copy; nobody waits for its answer
        std::string stream;
        bool by_name = false;
        DeviceId device;
        Bytes run;
        Bytes record;
    };
    struct Handler;

    fb::StreamStateT state_of(Session& session, std::string const& name);
    fb::StreamStateT judge(Session& session, fb::StreamCursor const& cursor);
    bool stands(std::string const& name, fb::StreamCursor const& cursor) const;
    bool offer_snapshot(Session& session, fb::StreamCursor const& cursor, fb::StreamStateT& state);
    TestSnapshot snapshot_at(std::string const& name, Seq seq);
    TestSnapshot snapshot_for(fb::StreamCursor const& cursor, fb::StreamStateT const& state);
    bool offer_delta(Session& session, fb::StreamCursor const& cursor, fb::StreamStateT& state);
    void send_chunk(Session& session, std::uint32_t stream, ChunkId const& id, Bytes bytes);
    void send_chunks(Session& session, fb::NeedChunks const& message);
    void welcome(Session& session, fb::WelcomeT const& message);
    void subscribe(Session& session, fb::StreamCursor const& cursor, fb::WelcomeT& welcome);
    void publish(Connection connection, Session& session, fb::Publish const& message);
    void turn_away(Session& session, Submission const& submission, Errc why);
    Verdict fold(Submission const& submission);
    void answer(Session& session, Submission const& submission, Verdict const& verdict);
    void answer(Session& session, Submission const& submission, fb::RunResult const& result);
    void push(Session& session, std::string const& name, Reader& reader);
    Bytes events(std::string const& name,
                 std::uint32_t handle,
                 Seq from,
                 std::uint64_t runs,
                 std::size_t& bytes,
                 Seq& last) const;
    bool sometimes(std::uint64_t in_a_thousand, char const* what);

    Dice& dice_;
    GatewayHabits habits_;
    FoldBed bed_;
    std::map<std::string, std::vector<Bytes>> runs_;  // delivered runs, by stream
    std::map<std::string, TestSnapshot> offered_;     // last, by stream
    std::map<Connection, Session> sessions_;
    std::deque<Submission> queue_;
    std::vector<Submission> copies_;
    std::uint64_t last_lineage_ = 0x2000;
    std::map<std::string, std::uint64_t> counts_;  // what has happened
};

}  // namespace capstan::test
