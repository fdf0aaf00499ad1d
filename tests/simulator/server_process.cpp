#include "server_process.hpp"

#include <capstan/schema/wire.hpp>
#include <utility>
#include <variant>

namespace capstan::simulator {
namespace {

constexpr Duration kPingEvery = std::chrono::seconds(25);

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

// One connection.

ServerNode::End::End(Process& process, std::shared_ptr<Circuit> circuit)
    : process_(process), circuit_(std::move(circuit)) {
    auto const now = process.node.clock_.now();
    ping_at_ = now.plus(kPingEvery);
    session_ = process.host->accept([this] { go_on(); }, now);
}

ServerNode::End::~End() {
    *alive_ = false;
    circuit_->leave(Circuit::Way::up);
    if (session_) {
        session_->on_close();
    }
}

void ServerNode::End::on_packet(Packet packet) {
    process_.strand.post([this, alive = alive_, packet = std::move(packet)]() mutable {
        if (*alive) {
            hear(std::move(packet));
        }
    });
}

void ServerNode::End::on_room() {
    process_.strand.post([this, alive = alive_] {
        if (*alive) {
            go_on();
        }
    });
}

void ServerNode::End::hear(Packet packet) {
    if (!session_) {
        return;
    }
    auto const now = process_.node.clock_.now();
    ping_at_ = now.plus(kPingEvery);
    switch (packet.kind) {
        case Packet::Kind::data:
            inbox_.push_back(std::move(packet.bytes));
            go_on();
            break;
        case Packet::Kind::pong:
            session_->on_alive(now);
            break;
        case Packet::Kind::finish:
            end(Packet::Kind::finish);
            break;
        default:
            process_.node.seams_.trace.mark("a connection was reset");
            end(Packet::Kind::reset);
    }
}

/// Writes what the session wants, then reads what it takes.
void ServerNode::End::go_on() {
    while (session_) {
        if (session_->ending() == Ending::at_once) {
            end(Packet::Kind::reset);
            return;
        }
        write();
        if (session_->ending() == Ending::after_writes && !session_->wants_write()) {
            end(Packet::Kind::finish);
            return;
        }
        if (inbox_.empty() || !session_->wants_read()) {
            return;
        }
        auto const message = std::move(inbox_.front());
        inbox_.pop_front();
        look_into(message);
        auto const taken = session_->on_message(message, process_.node.clock_.now());
        bool const is_wrong = !taken && (taken.error().code == Errc::malformed ||
                                         taken.error().code == Errc::protocol_violation ||
                                         taken.error().code == Errc::too_large);
        require(!is_wrong, "I38", [&] {
            return "the server calls a message of the SDK wrong: " + to_string(taken.error());
        });
    }
}

/// Keeps copies of runs. On a connection that keeps the order nothing is ever missing, so nobody
/// asks again.
void ServerNode::End::look_into(ByteView payload) {
    MessageReader reader(payload);
    for (auto next = reader.next(); next && next.value(); next = reader.next()) {
        auto const& message = *next.value();
        require(!std::holds_alternative<fb::Need const*>(message), "I5", [this] {
            return "device " + std::to_string(circuit_->device()) +
                   " was sent events with a gap, and asks for them";
        });
        if (auto const* const* hello = std::get_if<fb::Hello const*>(&message)) {
            device_ = from_wire(*(*hello)->device());
        } else if (auto const* const* publish = std::get_if<fb::Publish const*>(&message)) {
            keep(**publish);
        }
    }
}

void ServerNode::End::keep(fb::Publish const& publish) {
    auto const stat = process_.partition->stat(StreamNumber{publish.stream()});
    bool const is_named = publish.name() != nullptr && publish.name()->size() > 0;
    if (!is_named && (!stat || !stat.value())) {
        return;
    }
    auto const* const run = reinterpret_cast<std::byte const*>(publish.run()->data());
    Seq const guard{publish.expect_head()};
    process_.node.keep_copy({device_,
                             is_named ? publish.name()->str() : stat.value()->name,
                             Generation{publish.generation()},
                             guard == kAtHead ? std::nullopt : std::optional(guard),
                             Bytes(run, run + publish.run()->size())});
}

void ServerNode::End::write() {
    auto const& knobs = process_.node.seams_.knobs;
    while (circuit_->bytes_under_way(Circuit::Way::down) < knobs.window_bytes) {
        auto const message = session_->next_write(knobs.write_bytes);
        if (!message) {
            return;
        }
        auto whole = *message.first;
        if (message.second) {
            whole.insert(whole.end(), message.second->begin(), message.second->end());
        }
        circuit_->send(Circuit::Way::down, {Packet::Kind::data, std::move(whole)});
    }
    process_.node.seams_.trace.mark("a connection was full");
}

void ServerNode::End::on_tick(Instant now) {
    if (session_ && now > ping_at_) {
        ping_at_ = now.plus(kPingEvery);
        circuit_->send(Circuit::Way::down, {Packet::Kind::ping});
    }
    go_on();
}

void ServerNode::End::end(Packet::Kind last_word) {
    circuit_->send(Circuit::Way::down, {last_word});
    circuit_->leave(Circuit::Way::up);
    std::exchange(session_, nullptr)->on_close();
}

// The process.

ServerNode::Process::Process(ServerNode& of, std::uint64_t life)
    : node(of),
      random(of.random_.child("life/" + std::to_string(life))),
      strand(of.seams_.schedule),
      disk(of.seams_.schedule, random.child("disk"), of.seams_.knobs),
      background(of.seams_.schedule, random.child("background"), of.seams_.knobs),
      reader(of.seams_.schedule, random.child("reader"), of.seams_.knobs) {}

ServerNode::Process::~Process() {
    ends.clear();
    tick.reset();
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
    return success();
}

/// Only while there is someone: weeks of silence cost nothing.
void ServerNode::Process::tick_soon() {
    if (tick || ends.empty()) {
        return;
    }
    tick = strand.after(std::chrono::milliseconds(node.seams_.knobs.tick_ms), [this] {
        auto const now = node.clock_.now();
        host->on_tick(now);
        for (auto const& end : ends) {
            end->on_tick(now);
        }
        std::erase_if(ends, [](auto const& end) { return end->is_over(); });
        tick.reset();
        tick_soon();
    });
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
