#include "server_process.hpp"

#include <capstan/schema/wire.hpp>
#include <utility>
#include <variant>

namespace capstan::simulator {
namespace {

SessionOptions session_options(Knobs const& knobs) {
    SessionOptions options;
    options.streams_max = knobs.session_streams;
    options.in_flight_max = knobs.session_runs;
    options.queued_bytes_soft = knobs.session_queue_bytes;
    options.page_bytes = knobs.page_bytes;
    options.page_bytes_first = knobs.page_bytes / 4;
    options.read_here_bytes = knobs.page_bytes / 2;
    options.page_streams = knobs.page_streams;
    return options;
}

}  // namespace

// The process.

ServerNode::Process::Process(ServerNode& of, std::uint64_t life)
    : node(of),
      random(of.random_.child("life/" + std::to_string(life))),
      strand(of.seams_.schedule),
      disk(of.seams_.schedule, random.child("disk"), of.seams_.knobs),
      background(of.seams_.schedule, random.child("background"), of.seams_.knobs),
      reader(of.seams_.schedule, random.child("reader"), of.seams_.knobs) {}

ServerNode::Process::~Process() {
    door.reset();
}

Result<> ServerNode::Process::open() {
    host = SessionHost::make(session_options(node.seams_.knobs),
                             {node.clock_, random, strand, reader, authenticator});
    CAPSTAN_TRY(
        partition,
        Partition::open(
            node.partition_options(),
            {*node.storage_, node.checkpoints_, node.clock_, random, strand, disk, background},
            *this));
    host->attach(*partition);
    make_door();
    return success();
}

void ServerNode::Process::make_door() {
    auto const& knobs = node.seams_.knobs;
    SimDoorHooks hooks;
    hooks.on_message = [this](SimCircuit const& circuit, ByteView message) {
        look_into(circuit, message);
    };
    hooks.on_taken = [](SimCircuit const&, Result<> const& taken) {
        bool const is_wrong = !taken && (taken.error().code == Errc::malformed ||
                                         taken.error().code == Errc::protocol_violation ||
                                         taken.error().code == Errc::too_large);
        require(!is_wrong, "I38", [&] {
            return "the server calls a message of the SDK wrong: " + to_string(taken.error());
        });
    };
    hooks.mark = [this](std::string_view what) { node.seams_.trace.mark(what); };
    door = std::make_unique<SimDoor>(
        *host,
        node.clock_,
        strand,
        SimDoorOptions{
            knobs.write_bytes, knobs.window_bytes, std::chrono::milliseconds(knobs.tick_ms)},
        std::move(hooks));
}

/// Keeps copies of runs. On a connection that keeps the order nothing is ever missing, so nobody
/// asks again.
void ServerNode::Process::look_into(SimCircuit const& circuit, ByteView payload) {
    MessageReader messages(payload);
    for (auto next = messages.next(); next && next.value(); next = messages.next()) {
        auto const& message = *next.value();
        require(!std::holds_alternative<fb::Need const*>(message), "I5", [&] {
            return "device " + std::to_string(circuit.device()) +
                   " was sent events with a gap, and asks for them";
        });
        if (auto const* const* hello = std::get_if<fb::Hello const*>(&message)) {
            devices[&circuit] = from_wire(*(*hello)->device());
        } else if (auto const* const* publish = std::get_if<fb::Publish const*>(&message)) {
            keep(devices[&circuit], **publish);
        }
    }
}

void ServerNode::Process::keep(DeviceId const& device, fb::Publish const& publish) {
    auto const stat = partition->stat(StreamNumber{publish.stream()});
    bool const is_named = publish.name() != nullptr && publish.name()->size() > 0;
    if (!is_named && (!stat || !stat.value())) {
        return;
    }
    auto const* const run = reinterpret_cast<std::byte const*>(publish.run()->data());
    Seq const guard{publish.expect_head()};
    node.keep_copy({device,
                    is_named ? publish.name()->str() : stat.value()->name,
                    Generation{publish.generation()},
                    guard == kAtHead ? std::nullopt : std::optional(guard),
                    Bytes(run, run + publish.run()->size())});
}

void ServerNode::Process::on_folded(std::span<Folded const> batch) {
    require(!stopped, "I20", [] { return "an answer after the partition has stopped"; });
    for (auto const& folded : batch) {
        node.seams_.trace.add("folded",
                              static_cast<std::uint64_t>(folded.verdict.outcome),
                              folded.position.value,
                              folded.verdict.first.value);
        if (folded.verdict.outcome == Verdict::duplicate) {
            node.seams_.trace.mark("a run came again");
        } else if (folded.verdict.outcome == Verdict::settled) {
            node.seams_.trace.mark("a run of an older attempt came");
        } else if (folded.verdict.outcome == Verdict::halted) {
            node.seams_.trace.mark("a run was halted");
        } else if (folded.verdict.outcome == Verdict::counter_gap) {
            node.seams_.trace.mark("a run came before the one it follows");
        } else if (folded.verdict.outcome == Verdict::behind_itself) {
            node.seams_.trace.mark("a device was behind itself");
        }
    }
    auto const marks = partition->marks();
    require(marks.folded <= marks.durable && marks.durable <= marks.appended, "I1", [&] {
        return "folded " + std::to_string(marks.folded.value) + ", durable " +
               std::to_string(marks.durable.value);
    });
    host->on_folded(batch);
}

void ServerNode::Process::on_turned_away(std::span<std::uint64_t const> tokens, Error const& why) {
    node.seams_.trace.add("turned away", tokens.size(), static_cast<std::uint64_t>(why.code));
    node.seams_.trace.mark("a full disk turned writes away");
    host->on_turned_away(tokens, why);
}

void ServerNode::Process::on_moved(StreamMoved const& moved) {
    require(!stopped, "I20", [] { return "news after the partition has stopped"; });
    node.seams_.oracle.on_moved(moved);
    host->on_moved(moved);
}

void ServerNode::Process::on_stopped(Error const& why) {
    stopped = true;
    host->on_stopped(why);
    node.on_stopped(why);
}

// A look at a disk.

ServerNode::Probe::Probe(NodeSeams const& seams,
                         SimStorage const& storage,
                         MemoryCheckpointStore checkpoints)
    : storage_(storage.fork()),
      checkpoints_(std::move(checkpoints)),
      clock_(seams.clock),
      schedule_(clock_, random_, SimSchedule::Order::fifo),
      strand_(schedule_),
      disk_(schedule_),
      background_(schedule_) {
    storage_->set_capacity(~std::uint64_t{0});
}

Result<> ServerNode::Probe::open(PartitionOptions const& options) {
    CAPSTAN_TRY(
        partition_,
        Partition::open(options,
                        {*storage_, checkpoints_, clock_, random_, strand_, disk_, background_},
                        *this));
    return success();
}

Result<> read_all(Partition& partition,
                  std::size_t page_bytes,
                  std::function<void(StreamStat const&, Page const&)> const& visit) {
    constexpr std::size_t kStreamsMax = 64;
    CAPSTAN_TRY(auto const streams,
                partition.list(StreamPattern::parse(">").value(), "", kStreamsMax));
    for (auto const& stat : streams) {
        for (Seq at; at < stat.head;) {
            CAPSTAN_TRY(auto const page, partition.read(stat.number, at.next(), page_bytes));
            require(page.first <= at.next() && page.last > at, "I3", [&] {
                return stat.name + ": no page behind seq " + std::to_string(at.value);
            });
            visit(stat, page);
            at = page.last;
        }
    }
    return success();
}

}  // namespace capstan::simulator
