#include "device_node.hpp"

#include <fmt/format.h>

#include <utility>

#include "shell.hpp"

namespace capstan::simulator {

sync::StoreImage ClientDisk::image() const {
    std::vector<sync::StoredRecord> views;
    for (auto const& [key, value] : records) {
        views.push_back({key, value});
    }
    auto image = sync::load(views);
    require(image.has_value(), "I12", [&] {
        return "a store can't be read: " + to_string(image.error());
    });
    return std::move(image).value();
}

/// What the SDK writes to. Its transactions are the points at which the machine may die.
class DeviceNode::Store final : public ClientStore {
  public:
    explicit Store(DeviceNode& node) : node_(node) {}

    Result<std::vector<Record>> load(ByteView prefix) override {
        std::vector<Record> found;
        for (auto const& [key, value] : node_.disk_.records) {
            if (as_text(key).starts_with(as_text(prefix))) {
                found.push_back({key, value});
            }
        }
        return found;
    }
    Result<> write(std::span<sync::Write const> changes) override {
        if (std::exchange(node_.fails_next_write_, false)) {
            return Error{Errc::disk_io, "the device's disk is gone"};
        }
        bool const dies = node_.writes_to_crash_ && --*node_.writes_to_crash_ == 0;
        if (!dies || node_.keeps_last_write_) {
            apply(changes);
        }
        if (dies) {
            node_.writes_to_crash_.reset();
            throw Crash{node_.number_};
        }
        return success();
    }
    bool blocks() const override { return true; }

  private:
    void apply(std::span<sync::Write const> changes) {
        for (auto const& change : changes) {
            if (change.value) {
                node_.disk_.records[change.key] = *change.value;
            } else {
                node_.disk_.records.erase(change.key);
            }
        }
    }
    DeviceNode& node_;
};

/// The application: the SDK's own shell on simulated seams.
struct DeviceNode::Process {
    Process(DeviceNode& node, std::uint64_t life)
        : random(node.random_.child("life/" + std::to_string(life))),
          loop(node.seams_.schedule),
          disk(node.seams_.schedule, random.child("disk"), node.seams_.knobs),
          transport(node.seams_.network, loop, node.number_) {}
    ~Process() { shell.reset(); }

    SimRandom random;
    SimExecutor loop;
    DiskExecutor disk;
    SimTransport transport;
    std::shared_ptr<Shell> shell;
};

DeviceNode::DeviceNode(NodeSeams const& seams,
                       std::uint64_t number,
                       std::vector<std::string> streams)
    : seams_(seams),
      number_(number),
      streams_(std::move(streams)),
      user_(seams.schedule),
      random_(seams.root.child("device/" + std::to_string(number))),
      clock_(seams.clock) {}

DeviceNode::~DeviceNode() = default;

// Life and death.

void DeviceNode::start() {
    start_timer_.reset();
    seams_.network.set_device_power(number_, true);
    seams_.trace.add("device starts", number_, ++life_);
    process_ = std::make_unique<Process>(*this, life_);
    sync::ClientOptions options;
    options.agent = "simulator";
    options.credit_bytes = static_cast<std::uint32_t>(seams_.knobs.credit_bytes);
    options.flight_bytes_max = seams_.knobs.flight_bytes;
    ShellSeams const seams{
        process_->loop, &process_->disk, clock_, process_->random, process_->transport};
    constexpr char kServer[] = "http://simulator";
    auto shell = Shell::open(seams,
                             {.servers = ServerAddresses::parse(kServer).value(), .url = kServer},
                             std::move(options),
                             std::make_unique<Store>(*this),
                             handlers());
    require(shell.has_value(), "I12", [&] { return to_string(shell.error()); });
    process_->shell = std::move(shell).value();
    seams_.oracle.on_device_id(number_, process_->shell->device());
    for (auto const& stream : subscribed_) {
        subscribe(stream, 0, true);
    }
    process_->shell->start();
}

ClientHandlers DeviceNode::handlers() {
    ClientHandlers handlers;
    handlers.on_status = [this](Status status, Error const& why) {
        seams_.trace.add("status", number_, static_cast<std::uint64_t>(status));
        require(status != Status::blocked && status != Status::needs_auth, "I38", [&] {
            return fmt::format("device {} is turned down: {}", number_, to_string(why));
        });
        if (status == Status::stopped) {
            seams_.trace.mark("a device's disk failed");
            start_timer_ = user_.after(down_, [this] {
                die(true);
                start();
            });
        }
    };
    handlers.on_stored_write = [this](std::string const& stream, WriteUpdate const& update) {
        seams_.oracle.on_stored_update(stream, update);
    };
    handlers.on_new_device = [this](DeviceId const&, DeviceId const& now) {
        seams_.trace.mark("a device went on under a new id");
        seams_.oracle.on_new_device(number_, now);
    };
    handlers.on_trouble = [this](Error const& error) { seams_.oracle.on_error(error); };
    return handlers;
}

void DeviceNode::start_after(Duration delay) {
    start_timer_ = user_.after(delay, [this] { start(); });
}

void DeviceNode::die(bool keeps_power) {
    seams_.network.set_device_power(number_, keeps_power);
    process_.reset();
    writes_to_crash_.reset();
    seams_.trace.add("device is down", number_, life_, keeps_power ? 1 : 0);
    seams_.oracle.on_device_crash(number_, disk_.image());
}

void DeviceNode::crash_in_write() {
    seams_.trace.mark("a device died within a transaction");
    die(false);
    start_after(down_);
}

void DeviceNode::heal() {
    faults_ = false;
    writes_to_crash_.reset();
    fails_next_write_ = false;
    if (process_ == nullptr) {
        start();
    } else {
        process_->shell->retry();
    }
}

// What it does, and what is done to it.

void DeviceNode::apply(Step const& step) {
    if (step.verb == Verb::image_device) {
        image_ = Image{disk_, seams_.oracle.image_facts(number_)};
        return;
    }
    if (!is_up()) {
        return;
    }
    switch (step.verb) {
        case Verb::publish:
            publish(step);
            break;
        case Verb::subscribe:
            subscribe(streams_[step[Arg::stream]], step[Arg::how], false);
            break;
        case Verb::unsubscribe:
            unsubscribe(streams_[step[Arg::stream]]);
            break;
        case Verb::kill_device:
        case Verb::power_device:
            die(step.verb == Verb::kill_device);
            start_after(step.lasting());
            break;
        case Verb::crash_at_write:
            writes_to_crash_ = 1 + step[Arg::count] % 16;
            keeps_last_write_ = (step[Arg::how] & 1) != 0;
            down_ = step.lasting();
            break;
        case Verb::store_error:
            fails_next_write_ = true;
            down_ = step.lasting();
            break;
        case Verb::restore_device:
            restore(step.lasting());
            break;
        case Verb::jump:
            clock_.jump(std::chrono::milliseconds(step[Arg::ms]) *
                        (step[Arg::how] % 4 == 2 ? 1 : -1));
            break;
        default:
            break;
    }
}

void DeviceNode::publish(Step const& step) {
    auto const& stream = streams_[step[Arg::stream]];
    std::vector<Bytes> events;
    auto const number = seams_.oracle.invoke(
        number_, stream, std::max<std::uint64_t>(1, step[Arg::count]), step[Arg::bytes], events);
    PublishOptions options;
    options.needs_window = (step[Arg::how] & 2) != 0;
    if ((step[Arg::how] & 1) != 0) {
        // What it sees, or what it hopes for.
        auto const ahead = (step[Arg::how] & 4) != 0 ? 1 + step[Arg::bytes] % 4 : 0;
        options.expect_head = Seq{seams_.oracle.head(stream) + ahead};
    }
    process_->shell->publish(
        StreamName::parse(stream).value(),
        std::move(events),
        options,
        [this, number](WriteUpdate const& update) { seams_.oracle.on_update(number, update); });
}

/// Where reading goes on: behind the cursor in the store, or where a subscription of this life is,
/// whose cursor may be on its way to the store.
Reading DeviceNode::where_it_was(std::string const& stream, bool is_new_life) const {
    auto const image = disk_.image();
    auto const stored = std::ranges::find(
        image.streams, stream, [](auto const& s) { return std::string_view(s.first); });
    Reading reading;
    if (stored != image.streams.end() && stored->second.cursor) {
        reading.lowest = stored->second.cursor->seq.value + 1;
    }
    auto const* const before = seams_.oracle.reading(number_, stream);
    auto const is_at = before == nullptr || is_new_life ? std::nullopt : before->next;
    reading.highest = std::max(reading.lowest, is_at.value_or(reading.lowest));
    if (reading.highest == reading.lowest) {
        reading.next = reading.lowest;
    }
    return reading;
}

void DeviceNode::subscribe(std::string const& stream, std::uint64_t how, bool is_new_life) {
    Reading reading;
    ReadFrom from;
    if (how == 1) {
        from = {.kind = ReadFrom::Kind::seq, .cursor = {}, .seq = Seq{1}};
        reading.next = 1;
    } else if (how == 2) {
        from.kind = ReadFrom::Kind::tail;
        seams_.oracle.on_unsubscribed(number_, stream);  // it does not go on from what it held
    } else {
        reading = where_it_was(stream, is_new_life);
    }
    subscribed_.insert(stream);
    seams_.oracle.on_subscribed(number_, stream, std::move(reading));
    seams_.trace.add("subscribe", number_, how);

    SubscriptionHandlers handlers;
    handlers.on_events = [this](Delivery&& delivery) {
        seams_.oracle.on_delivery(number_, delivery);
    };
    handlers.on_hole = [stream](Seq first, Seq last, std::uint8_t) {
        throw Violation{"I5", fmt::format("{} {}..{} is a hole", stream, first.value, last.value)};
    };
    handlers.on_history_lost = [this, stream](Generation) {
        seams_.oracle.on_history_lost(number_, stream);
    };
    handlers.on_error = [this, stream](Error const& why) {
        seams_.oracle.on_reader_failed(number_, stream, why);
    };
    process_->shell->subscribe(StreamName::parse(stream).value(), from, std::move(handlers));
}

void DeviceNode::unsubscribe(std::string const& stream) {
    subscribed_.erase(stream);
    seams_.oracle.on_unsubscribed(number_, stream);
    process_->shell->unsubscribe(StreamName::parse(stream).value());
}

/// F23: an old image of the store takes its place.
void DeviceNode::restore(Duration down) {
    if (!image_) {
        return;
    }
    seams_.trace.mark("a device was restored from an image");
    die(true);
    disk_ = std::move(image_->disk);
    seams_.oracle.on_image_restored(number_, image_->facts);
    image_.reset();
    start_after(down);
}

// At rest.

bool DeviceNode::is_done() const {
    return what_is_left().empty();
}

std::string DeviceNode::what_is_left() const {
    if (!is_up()) {
        return "it is down";
    }
    if (process_->shell->status() != Status::live) {
        return fmt::format("status {}", static_cast<int>(process_->shell->status()));
    }
    for (auto const& [stream, stored] : disk_.image().streams) {
        auto const& confirmed = stored.outbox.confirmed;
        auto const is_open = [&](sync::RunRecord const& record) {
            return RunView::decode(record.run).value().last_link().counter > confirmed.counter;
        };
        if (!stored.mutations.empty() || std::ranges::any_of(stored.runs, is_open)) {
            return stream + " has writes in the outbox";
        }
    }
    for (auto const& stream : subscribed_) {
        if (!seams_.oracle.has_read_all(number_, stream)) {
            auto const* const reading = seams_.oracle.reading(number_, stream);
            return fmt::format("{} is read up to {} of {}",
                               stream,
                               reading->next.value_or(1) - 1,
                               seams_.oracle.head(stream));
        }
    }
    return {};
}

void DeviceNode::check_store() const {
    seams_.oracle.on_device_crash(number_, disk_.image());
}

}  // namespace capstan::simulator
