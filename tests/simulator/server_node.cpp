#include "server_node.hpp"

#include <capstan/schema/submission.hpp>
#include <capstan/sequencer/file_journal.hpp>
#include <utility>

#include "server_process.hpp"

namespace capstan::simulator {
namespace {

constexpr Duration kRetryStart = std::chrono::seconds(1);
constexpr std::uint64_t kUnlimited = ~std::uint64_t{0};

}  // namespace

ServerNode::ServerNode(NodeSeams const& seams)
    : seams_(seams),
      operator_(seams.schedule),
      random_(seams.root.child("server")),
      clock_(seams.clock),
      storage_(std::make_unique<SimStorage>()) {
    prepare_disk();
    seams_.network.set_server(this);
}

ServerNode::~ServerNode() {
    seams_.network.set_server(nullptr);
    process_.reset();
}

void ServerNode::prepare_disk() {
    storage_->set_on_call(
        [this](std::string_view call, std::string_view) { on_storage_call(call); });
}

PartitionOptions ServerNode::partition_options() const {
    auto const& knobs = seams_.knobs;
    PartitionOptions options;
    options.segment_bytes = knobs.segment_bytes;
    options.queue_bytes_max = knobs.queue_bytes;
    options.batch_bytes_max = knobs.batch_bytes;
    options.checkpoint_bytes = knobs.checkpoint_bytes;
    options.checkpoint_interval_ms = knobs.checkpoint_ms;
    options.rows_max = knobs.rows;
    return options;
}

// Life and death.

void ServerNode::start() {
    start_timer_.reset();
    power_ = true;
    is_ending_ = false;
    seams_.trace.add("server starts", ++life_);
    auto const opened = [this]() -> Result<> {
        if (restored_ && !restored_unnoted_) {
            CAPSTAN_TRY(write_restore_record());
        }
        process_ = std::make_unique<Process>(*this, life_);
        return process_->open();
    }();
    if (!opened) {
        die(true);
        auto const code = opened.error().code;
        bool const is_no_damage = code == Errc::storage_full || code == Errc::disk_io ||
                                  code == Errc::storage_failed || code == Errc::overloaded;
        require(is_no_damage && faults_, "I18", [&] {
            return "the server does not start: " + to_string(opened.error());
        });
        seams_.trace.mark("a start failed for want of a disk");
        start_after(kRetryStart);
        return;
    }
    on_opened();
}

/// What the disk holds is what has ever been shown.
void ServerNode::on_opened() {
    auto& partition = *process_->partition;
    std::map<std::string, std::uint64_t> heads;
    for (auto const& [name, model] : seams_.oracle.streams()) {
        heads[name] = 0;
    }
    auto const streams = partition.list(StreamPattern::parse(">").value(), "", 64);
    require(streams.has_value(), "I17", [&] { return to_string(streams.error()); });
    for (auto const& stat : streams.value()) {
        heads[stat.name] = stat.head.value;
    }
    if (std::exchange(restored_, false)) {
        seams_.oracle.begin_era(refusals_at_backup_);
        for (auto const& [name, head] : heads) {
            seams_.oracle.on_restored(name, head);
        }
    }
    for (auto const& [name, head] : heads) {
        seams_.oracle.on_read_back(name, head);
    }
    auto const read =
        read_all(partition, seams_.knobs.page_bytes, [this](auto const& stat, auto const& page) {
            seams_.oracle.on_page(stat.name, page);
        });
    require(read.has_value(), "I17", [&] { return to_string(read.error()); });
}

void ServerNode::start_after(Duration delay) {
    start_timer_ = operator_.after(delay, [this] { start(); });
}

void ServerNode::die(bool keeps_power) {
    process_.reset();
    end_timer_.reset();
    calls_to_crash_.reset();
    struck_ = false;
    power_ = keeps_power;
    if (keeps_power) {
        storage_->kill();
    } else {
        storage_->crash(random_);
    }
    checkpoints_.crash(random_.chance(1, 2));
    seams_.trace.add("server is down", life_, keeps_power ? 1 : 0);
}

void ServerNode::lose_power() {
    seams_.trace.mark(process_ == nullptr || process_->partition == nullptr
                          ? "power was lost while the server started"
                          : "power was lost within a call of the disk");
    die(false);
    if (has_torn_tail()) {
        seams_.trace.mark("power loss left a torn tail");
    }
    start_after(down_);
}

/// Looks at a copy.
bool ServerNode::has_torn_tail() const {
    auto const disk = storage_->fork();
    disk->set_capacity(kUnlimited);
    SimRandom random{1};
    auto const nothing = [](StoredSubmission const&) -> Result<Visit> { return Visit::next; };
    auto const opened =
        FileJournal::open(*disk, random, {.segment_bytes = seams_.knobs.segment_bytes}, nothing);
    return opened && opened.value().recovery.bytes_cut > 0;
}

void ServerNode::on_stopped(Error const& why) {
    seams_.trace.add("partition stops", static_cast<std::uint64_t>(why.code));
    seams_.trace.mark("a partition stopped");
    require(
        faults_ || struck_, "I20", [&] { return "stopped without a fault: " + to_string(why); });
    is_ending_ = true;
    end_timer_ = operator_.after(std::chrono::milliseconds(200), [this] {
        die(true);
        start_after(down_);
    });
}

void ServerNode::heal() {
    faults_ = false;
    calls_to_crash_.reset();
    calls_to_error_.reset();
    storage_->heal();
    storage_->set_capacity(kUnlimited);
    space_timer_.reset();
    if (process_ == nullptr) {
        start();
    } else {
        process_->disk.speed_up();
        process_->background.speed_up();
    }
}

SimCircuitEnd* ServerNode::take(std::shared_ptr<SimCircuit> circuit) {
    if (process_ == nullptr || process_->partition == nullptr) {
        return nullptr;
    }
    return process_->door->take(std::move(circuit));
}

// Faults.

void ServerNode::apply(Step const& step) {
    switch (step.verb) {
        case Verb::kill_server:
            if (is_up()) {
                die(true);
                start_after(step.lasting());
            }
            break;
        case Verb::power_server:
            strike_at(step[Arg::count], step.lasting());
            break;
        case Verb::flush_error:
            fail_flush(step);
            break;
        case Verb::disk_full:
            fill_disk(step.lasting());
            break;
        case Verb::slow_disk:
            if (is_up()) {
                process_->disk.slow_down(1 + step[Arg::count] % 4, step.lasting());
            }
            break;
        case Verb::flip_bit:
            drain_and_flip(step);
            break;
        case Verb::backup:
            if (is_up()) {
                backup_ = Backup{storage_->fork(), checkpoints_, seams_.oracle.refusals()};
            }
            break;
        case Verb::restore:
            restored_unnoted_ = (step[Arg::how] & 1) != 0;
            restore_backup(step.lasting());
            break;
        case Verb::stray:
            submit_copy(step[Arg::count]);
            break;
        case Verb::jump:
            clock_.jump(std::chrono::milliseconds(step[Arg::ms]) *
                        (step[Arg::how] % 4 == 1 ? 1 : -1));
            break;
        default:
            break;
    }
}

void ServerNode::strike_at(std::uint64_t calls, Duration down) {
    calls_to_crash_ = calls;
    down_ = down;
}

void ServerNode::on_storage_call(std::string_view call) {
    if (calls_to_crash_ && --*calls_to_crash_ == 0) {
        calls_to_crash_.reset();
        throw Crash{};
    }
    bool const counts = fails_writes_ ? call == "pwrite" : call == "datasync" || call == "sync";
    if (counts && calls_to_error_ && --*calls_to_error_ == 0) {
        calls_to_error_.reset();
        storage_->fail_call(0, Errc::disk_io);
        struck_ = true;
        seams_.trace.mark(fails_writes_ ? "a write failed" : "a flush failed");
    }
}

void ServerNode::fail_flush(Step const& step) {
    storage_->set_failed_sync_cleans((step[Arg::how] & 1) != 0);
    down_ = step.lasting();
    fails_writes_ = (step[Arg::how] & 2) != 0;
    calls_to_error_ = 1 + step[Arg::count] % 16;
}

void ServerNode::fill_disk(Duration lasting) {
    auto const free = storage_->free_bytes();
    if (!free) {
        return;
    }
    storage_->set_capacity(kUnlimited - free.value());
    space_timer_ = operator_.after(lasting, [this] { storage_->set_capacity(kUnlimited); });
}

/// F17: the operator stops the server, puts a copy in its place and notes the restore in it.
void ServerNode::restore_backup(Duration down) {
    if (!backup_) {
        return;
    }
    die(true);
    storage_ = std::move(backup_->storage);
    checkpoints_ = std::move(backup_->checkpoints);
    refusals_at_backup_ = backup_->refusals;
    checkpoints_.crash(random_.chance(1, 2));
    backup_.reset();
    restored_ = true;
    prepare_disk();
    seams_.network.reset_all();
    seams_.trace.mark("a backup was restored");
    start_after(down);
}

Result<> ServerNode::write_restore_record() {
    auto const nothing = [](StoredSubmission const&) -> Result<Visit> { return Visit::next; };
    CAPSTAN_TRY(auto opened,
                FileJournal::open(
                    *storage_, random_, {.segment_bytes = seams_.knobs.segment_bytes}, nothing));
    auto const record = encode_restore(Lineage{random_.next() | 1}, 0);
    ByteView const view = record;
    CAPSTAN_TRY(opened.journal->append({&view, 1}));
    CAPSTAN_TRY(opened.journal->flush());
    return success();
}

void ServerNode::keep_copy(Copy copy) {
    constexpr std::size_t kCopiesMax = 256;
    copies_.push_back(std::move(copy));
    if (copies_.size() > kCopiesMax) {
        copies_.pop_front();
    }
}

/// As another gateway would bring it that has slept for a while. Nobody waits for the answer. The
/// moment at which a guard would let it through is the most interesting one.
void ServerNode::submit_copy(std::uint64_t back) {
    if (!is_up() || is_ending_ || copies_.empty()) {
        return;
    }
    auto const would_pass = std::ranges::find_if(copies_, [this](Copy const& copy) {
        return copy.expect_head && copy.expect_head->value == seams_.oracle.head(copy.stream);
    });
    auto const& copy = would_pass == copies_.end()
                           ? copies_[copies_.size() - 1 - back % copies_.size()]
                           : *would_pass;
    auto const principal = process_->authenticator.authenticate("").value();
    process_->host->publish({.principal = principal,
                             .device = copy.device,
                             .stream = copy.stream,
                             .generation = copy.generation,
                             .expect_head = copy.expect_head,
                             .run = copy.run},
                            clock_.now(),
                            [this](RunAnswer const& answer) {
                                if (!answer.why) {
                                    seams_.trace.mark("a stray copy of a run was judged");
                                }
                            });
}

/// F4, F5: what has rotted is reported, or repaired, and never shown as something else. A clean
/// stop comes first: only the idle marker tells the last frame from a torn one.
void ServerNode::drain_and_flip(Step const& step) {
    if (!is_up() || is_ending_) {
        return;
    }
    is_ending_ = true;
    down_ = step.lasting();
    process_->host->drain();
    process_->partition->drain([this, bit = random_.next()] {
        end_timer_ = operator_.after({}, [this, bit] {
            die(true);
            flip_and_look(bit);
            start_after(down_);
        });
    });
}

void ServerNode::flip_and_look(std::uint64_t draw) {
    auto names = storage_->list().value();
    std::erase_if(names, [](auto const& name) { return !name.starts_with("segment-"); });
    if (names.empty()) {
        return;
    }
    auto const& name = names[draw % names.size()];
    auto const bits = storage_->contents(name).size() * 8;
    auto const bit = bits == 0 ? 0 : (draw / names.size()) % bits;
    storage_->flip_bit(name, bit);
    seams_.trace.add("bit flips", names.size(), bit);
    look_at_damage(checkpoints_);
    look_at_damage({});  // all of the journal is read
    storage_->flip_bit(name, bit);
}

void ServerNode::look_at_damage(MemoryCheckpointStore const& checkpoints) {
    Probe probe(seams_, *storage_, checkpoints);
    auto const opened = probe.open(partition_options());
    auto const seen = opened ? read_all(probe.partition(),
                                        seams_.knobs.page_bytes,
                                        [this](auto const& stat, auto const& page) {
                                            seams_.oracle.on_page(stat.name, page);
                                        })
                             : opened;
    if (!seen) {
        require(seen.error().code == Errc::journal_corrupt ||
                    seen.error().code == Errc::index_damaged ||
                    seen.error().code == Errc::format_unknown ||
                    seen.error().code == Errc::journal_foreign,
                "I19",
                [&] { return "damage is reported as " + to_string(seen.error()); });
        seams_.trace.mark(opened ? "damage was found by a reader" : "damage was found at a start");
    } else {
        for (auto const& [stream, model] : seams_.oracle.streams()) {
            auto const stat = probe.partition().stat(stream);
            seams_.oracle.on_read_back(stream, stat && stat.value() ? stat.value()->head.value : 0);
        }
    }
}

// At rest.

void ServerNode::check_rebuilt() {
    auto const options = partition_options();
    Probe recovered(seams_, *storage_, checkpoints_);
    Probe rebuilt(seams_, *storage_, MemoryCheckpointStore{});
    for (auto* const probe : {&recovered, &rebuilt}) {
        auto const opened = probe->open(options);
        require(opened.has_value(), "I18", [&] { return to_string(opened.error()); });
    }
    auto& live = *process_->partition;
    seams_.trace.add("fold", live.position().first.value, live.state_hash());
    for (auto* const probe : {&recovered, &rebuilt}) {
        auto& other = probe->partition();
        require(other.position() == live.position(), "I18", [] {
            return "recovery does not find what the partition had folded";
        });
        require(other.state_hash() == live.state_hash(), "I14", [] {
            return "the fold of the journal gives another state";
        });
        auto const compare = [&](StreamStat const& stat, Page const& page) {
            auto const there = other.read(stat.number, page.first, seams_.knobs.page_bytes);
            require(there && there.value().runs == page.runs && there.value().chain == page.chain &&
                        there.value().marks == page.marks,
                    "I17",
                    [&] {
                        return stat.name + " seq " + std::to_string(page.first.value) +
                               " differs after a rebuild";
                    });
        };
        auto const read = read_all(live, seams_.knobs.page_bytes, compare);
        require(read.has_value(), "I17", [&] { return to_string(read.error()); });
    }
}

}  // namespace capstan::simulator
