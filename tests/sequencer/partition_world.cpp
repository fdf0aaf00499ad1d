#include "partition_world.hpp"

#include <boost/test/unit_test.hpp>

namespace capstan::test {
namespace {

void append_events(std::vector<std::string>& out, RunView const& run) {
    for (std::uint32_t i = 0; i < run.count(); ++i) {
        out.emplace_back(as_text(run.event(i)));
    }
}

}  // namespace

void Heard::on_folded(std::span<Folded const> batch) {
    for (auto const& folded : batch) {
        BOOST_TEST(verdicts.emplace(folded.token, folded.verdict).second);
    }
}

void Heard::on_turned_away(std::span<std::uint64_t const> tokens, Error const& why) {
    for (auto const token : tokens) {
        turned_away.emplace(token, why.code);
    }
}

void Heard::on_moved(StreamMoved const& moved) {
    auto const [at, is_new] = live.try_emplace(std::string(moved.name), Live{moved.first, {}});
    auto& [first, events] = at->second;
    BOOST_TEST((moved.first == first.plus(events.size())));
    BOOST_TEST(moved.marks.size() == moved.runs.size());
    for (auto const bytes : moved.runs) {
        ByteReader reader(bytes);
        append_events(events, DeliveredRunView::take(reader).value().run());
        BOOST_TEST(reader.done());
    }
    BOOST_TEST((moved.last.next() == first.plus(events.size())));
}

Bytes Author::record(std::vector<std::string> const& events) const {
    std::vector<ByteView> views;
    for (auto const& event : events) {
        views.push_back(as_bytes(event));
    }
    auto const bytes =
        encode_run({.attempt = attempt, .after = last, .preceding_seq = Seq{0}}, views);
    RunEnvelope const envelope{.stream = stream, .principal = "acme/alice", .device = device};
    return encode_submission(envelope, RunView::decode(bytes).value());
}

void Author::sent(std::size_t events) {
    last = {last.counter.plus(events), attempt};
}

PartitionWorld::Process::Process(PartitionWorld& world)
    : schedule(world.clock, world.random), strand(schedule), disk(schedule), background(schedule) {}

PartitionWorld::PartitionWorld(std::uint64_t seed) : random(seed) {
    options.segment_bytes = kSegmentBytesMin;
    options.checkpoint_bytes = 64 * 1'024;
}

PartitionWorld::~PartitionWorld() = default;

OpenLog PartitionWorld::open_log() {
    if (topic == nullptr) {
        return other_log;
    }
    return [this](LogOffset from, LogWake wake) -> Result<std::unique_ptr<SharedLog>> {
        return std::make_unique<MemoryLog>(*topic, from, std::move(wake));
    };
}

Result<> PartitionWorld::open() {
    heard = {};
    process_ = std::make_unique<Process>(*this);
    auto& process = *process_;
    auto opened = Partition::open(options,
                                  {storage,
                                   *checkpoints,
                                   clock,
                                   random,
                                   process.strand,
                                   process.disk,
                                   process.background,
                                   open_log()},
                                  heard);
    if (!opened) {
        process_.reset();
        return opened.error();
    }
    process.partition = std::move(opened).value();
    return success();
}

void PartitionWorld::kill() {
    process_.reset();
    storage.kill();
    checkpoints->crash(random.chance(1, 2));
}

void PartitionWorld::lose_power() {
    process_.reset();
    storage.crash(random);
    checkpoints->crash(random.chance(1, 2));
}

std::uint64_t PartitionWorld::submit(Bytes record) {
    auto const token = next_token_++;
    if (auto const queued = partition().submit(std::move(record), token); !queued) {
        heard.turned_away.emplace(token, queued.error().code);
    }
    return token;
}

Verdict PartitionWorld::publish(Author& author, std::vector<std::string> const& events) {
    auto const token = submit(author.record(events));
    run();
    BOOST_TEST_REQUIRE(heard.verdicts.contains(token));
    auto const verdict = heard.verdicts.at(token);
    if (verdict.outcome == Verdict::accepted) {
        author.sent(events.size());
    }
    return verdict;
}

void PartitionWorld::run() {
    process_->schedule.run_for({});
}

void PartitionWorld::run_for(Duration duration) {
    process_->schedule.run_for(duration);
}

std::vector<std::string> PartitionWorld::read_all(std::string const& stream,
                                                  std::size_t page_bytes) {
    std::vector<std::string> events;
    auto const stat = partition().stat(stream).value();
    if (!stat) {
        return events;
    }
    auto chain = chain_start(stream);
    Seq mark{0};
    while (events.size() < stat->head.value) {
        auto const page =
            partition().read(stat->number, Seq{events.size() + 1}, page_bytes).value();
        BOOST_TEST_REQUIRE(page.first.value == events.size() + 1);
        BOOST_TEST(page.mark_before.value == mark.value);
        ByteReader reader(page.runs);
        for (auto const mark_after : page.marks) {
            auto const delivered = DeliveredRunView::take(reader).value();
            auto const& run = delivered.run();
            auto const p = run.header().preceding_seq == kAtHead ? Seq{events.size()}
                                                                 : run.header().preceding_seq;
            for (std::uint32_t i = 0; i < run.count(); ++i) {
                Dot const dot{delivered.device(), run.first_counter().plus(i)};
                chain =
                    chain_next(chain, dot, p, run.header().flags & RunFlags::chained, run.event(i));
            }
            append_events(events, run);
            mark = Seq{mark_after};
        }
        BOOST_TEST(reader.done());
        BOOST_TEST(page.last.value == events.size());
        BOOST_TEST((page.chain == chain));
    }
    BOOST_TEST((stat->chain == chain));
    BOOST_TEST(stat->mark.value == mark.value);
    return events;
}

}  // namespace capstan::test
