#include "test_device.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <capstan/schema/event.hpp>
#include <iterator>

namespace capstan::test {

using namespace sync;

void TestDisk::apply(std::vector<Write> transaction) {
    if (transaction.empty()) {
        return;
    }
    not_flushed_.push_back(records_);
    for (auto& write : transaction) {
        if (write.value) {
            records_[std::move(write.key)] = std::move(*write.value);
        } else {
            records_.erase(write.key);
        }
    }
}

void TestDisk::flush() {
    not_flushed_.clear();
}

void TestDisk::crash(Dice& dice) {
    if (not_flushed_.empty()) {
        return;
    }
    auto const kept = dice.below(not_flushed_.size() + 1);
    if (kept < not_flushed_.size()) {
        records_ = not_flushed_[kept];
    }
    not_flushed_.clear();
}

std::vector<StoredRecord> TestDisk::view() const {
    std::vector<StoredRecord> view;
    for (auto const& [key, value] : records_) {
        view.push_back({key, value});
    }
    return view;
}

StoreImage TestDisk::image() const {
    auto const records = view();
    return sync::load(records).value();
}

std::vector<std::string> names_in(std::string const& event) {
    auto const decoded = decode_event(as_bytes(event));
    if (!decoded) {
        return {event};
    }
    std::vector<std::string> names;
    for (auto const& op : decoded.value().ops) {
        if (op.kind == OpKind::set_add) {
            names.push_back(std::get<std::string>(op.value));
        }
    }
    return names;
}

TestDevice::TestDevice(std::string name,
                       Dice& dice,
                       TestServer& server,
                       WriteLedger& ledger,
                       ClientOptions options,
                       std::vector<std::string> streams)
    : name_(std::move(name)),
      dice_(dice),
      random_(dice),
      server_(server),
      ledger_(ledger),
      options_(std::move(options)),
      link_(server, dice, name_.front()) {
    for (auto const& stream : streams) {
        streams_.push_back(StreamName::parse(stream).value());
    }
    open_store();
}

void TestDevice::open_store() {
    auto const records = disk_.view();
    auto opened = Client::open(options_, records, random_);
    require_ok(opened);
    client_ = std::move(opened).value();
    readings_.clear();
    refused_.clear();
    for (auto const& stream : streams_) {
        client_->subscribe(stream);
        auto const at = client_->subscription(stream.str())->delivered();
        readings_[stream.str()] = Reading{at.next(), at};
    }
    client_->start(now_);
    run();
}

/// After each input: invariants, then the effects, one by one; the process may end at any of them.
void TestDevice::run() {
    client_->check_invariants();
    try {
        carry_out(client_->take(now_));
    } catch (Crash) {
        effects_until_crash = 0;
        crash();
    }
}

void TestDevice::carry_out(Effects effects) {
    auto const survive = [this] {
        if (effects_until_crash > 0 && --effects_until_crash == 0) {
            throw Crash{};
        }
    };
    survive();
    disk_.apply(std::move(effects.transaction));
    survive();
    if (effects.durable_first) {
        disk_.flush();
        survive();
    }
    for (auto const& effect : effects.then) {
        carry_out(effect);
        survive();
    }
}

void TestDevice::carry_out(Effect const& effect) {
    std::visit([this](auto const& each) { on(each); }, effect);
}

void TestDevice::on(Connect const& connect) {
    link_.dial(connect.connection);
}

void TestDevice::on(Send const& send) {
    expect(link_.is_open() && send.connection == link_.connection(),
           "sends go to the open connection");
    expect(send.message.size() <= kMessageBytesMax, "messages are bounded");
    MessageReader reader(send.message);
    for (auto next = reader.next(); next.value(); next = reader.next()) {
        if (auto const* const* publish = std::get_if<fb::Publish const*>(&*next.value())) {
            check_durable_before_sent(**publish);
        }
    }
    link_.send(send.message);
}

/// The run, in the form in which it is sent, and the attempt's ordinal are on the disk.
void TestDevice::check_durable_before_sent(fb::Publish const& publish) const {
    auto const* raw = reinterpret_cast<std::byte const*>(publish.run()->data());
    auto const run = RunView::decode({raw, publish.run()->size()}).value();
    std::vector<StoredRecord> records;
    for (auto const& [key, value] : disk_.durable()) {
        records.push_back({key, value});
    }
    auto const image = sync::load(records).value();
    expect(image.device->attempt_ordinal >= run.header().attempt.ordinal(),
           "an attempt's ordinal is on the disk before its first run is sent");
    auto const is_run = [&](RunRecord const& record) {
        return std::ranges::equal(record.run, run.bytes());
    };
    expect(run.is_floor() || std::ranges::any_of(image.streams,
                                                 [&](auto const& stream) {
                                                     return std::ranges::any_of(stream.second.runs,
                                                                                is_run);
                                                 }),
           "a run is on the disk, in the form in which it is sent");
}

void TestDevice::on(Close const& close) {
    if (close.connection == link_.connection() && link_.is_open()) {
        link_.close();
    }
}

void TestDevice::on(Delivery const& delivery) {
    auto& reading = readings_.at(delivery.stream);
    auto const& tape = server_.tape(delivery.stream);
    expect(delivery.from == reading.next, "events come once, in order, without a gap");
    delivery.each_event([&](DeliveredEvent const& event) {
        expect(event.seq == reading.next, "events of a delivery are contiguous");
        auto const& taped = tape.at(event.seq.value - 1);
        expect(event.dot == taped.dot && as_text(event.bytes) == taped.bytes &&
                   event.preceding_seq == taped.preceding_seq &&
                   event.mark_before == taped.mark_before,
               "an event is what the tape holds");
        reading.next = reading.next.next();
    });
    expect(delivery.last.next() == reading.next, "a delivery ends where it says");
}

void TestDevice::on(HoleDeclared const& hole) {
    auto& reading = readings_.at(hole.stream);
    expect(hole.first == reading.next, "a hole begins where reading was");
    reading.next = hole.last.next();
}

void TestDevice::on(HistoryLost const& lost) {
    readings_[lost.stream] = Reading{};
    ++losses;
}

void TestDevice::on(Recovered const& recovered) {
    expect(recovered.before != recovered.now, "recovery gives a new device");
    ++recoveries;
}

void TestDevice::on(WriteMoved const& moved) {
    auto const number = numbers_.at(moved.mutation);
    auto& entry = ledger_.writes.at(number);
    expect(entry.stream == moved.stream, "a write is of the stream that it was published to");
    if (moved.state == WriteState::stored) {
        entry.stored = true;
    } else if (moved.state == WriteState::confirmed) {
        expect(!entry.refused || entry.may_double, "what was refused for good is never confirmed");
        entry.confirmed = true;
        if (moved.first > Seq{}) {
            ++confirmed_with_seq;
            expect(stands_where_told(moved, number), "a confirmed write stands where its seqs say");
            coalesced += moved.last.value - moved.first.value + 1 < entry.events ? 1 : 0;
        }
    } else if (moved.state == WriteState::refused && !moved.provisional) {
        expect(moved.events.size() == entry.events, "what was refused is given back");
        entry.refused = true;
        refused_.emplace_back(moved.stream, moved.mutation);
    }
}

/// All its events, in order, and nothing else between them.
bool TestDevice::stands_where_told(WriteMoved const& moved, WriteNumber number) const {
    std::vector<std::string> names;
    for (auto seq = moved.first; seq <= moved.last; seq = seq.next()) {
        std::ranges::move(names_in(server_.tape(moved.stream).at(seq.value - 1).bytes),
                          std::back_inserter(names));
    }
    std::vector<std::string> own;
    for (std::size_t i = 0; i < ledger_.writes.at(number).events; ++i) {
        own.push_back("w" + std::to_string(number) + "." + std::to_string(i));
    }
    return !std::ranges::search(names, own).empty();
}

/// Notes the first thing that is wrong.
void TestDevice::expect(bool condition, char const* what) const {
    if (!condition && wrong_.empty()) {
        wrong_ = "device " + name_ + ": not so: " + what;
    }
}

void TestDevice::publish() {
    auto const& stream = dice_.pick(streams_);
    auto const number = ++ledger_.last;
    auto& entry = ledger_.writes[number];
    entry.device = name_;
    entry.stream = stream.str();
    entry.events = 1 + dice_.below(3);
    PublishOptions options;
    options.coalesces = dice_.one_in(2);
    std::vector<Bytes> events;
    for (std::size_t i = 0; i < entry.events; ++i) {
        events.push_back(make_event(number, i, options.coalesces));
    }
    options.needs_window = dice_.one_in(4);
    if (dice_.one_in(10)) {
        options.expect_head = Seq{server_.tape(stream.str()).size()};
    }
    auto const id = client_->publish(stream, std::move(events), options);
    require_ok(id);
    numbers_[id.value()] = number;
    if (dice_.one_in(3)) {  // several calls may share a transaction
        return;
    }
    run();
}

/// One that coalesces notes its name in a set, and in a register that the last one wins.
Bytes TestDevice::make_event(WriteNumber number, std::size_t index, bool coalesces) const {
    auto const name = "w" + std::to_string(number) + "." + std::to_string(index);
    if (!coalesces) {
        return Bytes(as_bytes(name).begin(), as_bytes(name).end());
    }
    Op const noted{
        .kind = OpKind::set_add, .object = "log of " + name_, .field = "writes", .value = name};
    Op const last{.object = "log of " + name_, .field = "last", .value = name};
    return encode_event({{noted, last}, {}});
}

/// The application deals with what was refused, sooner or later.
void TestDevice::discard() {
    for (auto const& [stream, mutation] : std::exchange(refused_, {})) {
        BOOST_REQUIRE(client_->discard(StreamName::parse(stream).value(), mutation));
    }
    run();
}

void TestDevice::consume() {
    auto const& stream = dice_.pick(streams_);
    auto& reading = readings_.at(stream.str());
    auto const ahead = reading.next.value - 1 - reading.consumed.value;
    if (ahead == 0 || !client_->subscription(stream.str())) {
        return;
    }
    reading.consumed = Seq{reading.consumed.value + 1 + dice_.below(ahead)};
    auto const done = client_->consumed(stream, reading.consumed);
    require_ok(done);
    run();
}

void TestDevice::advance(Duration by) {
    now_ = now_.plus(by);
    client_->tick(now_);
    run();
    if (link_.is_dialling() && client_->state() == SessionState::connecting) {
        if (dice_.one_in(8)) {
            client_->on_closed(link_.connection(), Error{Errc::unavailable, "no route"}, now_);
        } else {
            link_.open();
            client_->on_opened(link_.connection(), now_);
        }
        run();
    }
}

bool TestDevice::receive() {
    auto const message = link_.next();
    if (!message) {
        return false;
    }
    client_->on_message(link_.connection(), *message, now_);
    run();
    return true;
}

bool TestDevice::deliver_to_server() {
    return link_.deliver_to_server();
}

void TestDevice::break_connection() {
    if (!link_.is_open()) {
        return;
    }
    link_.cut();
    client_->on_closed(link_.connection(), Error{Errc::connection_closed, "broken"}, now_);
    run();
}

void TestDevice::crash() {
    link_.die();
    disk_.crash(dice_);
    for (auto& [number, entry] : ledger_.writes) {
        entry.may_vanish = entry.may_vanish || (entry.device == name_ && !entry.stored);
    }
    open_store();
}

void TestDevice::become(TestDisk image, std::set<WriteNumber> const& stored) {
    for (auto& [number, entry] : ledger_.writes) {
        bool const own = entry.device == name_;
        entry.may_vanish = entry.may_vanish || (own && !stored.contains(number));
    }
    disk_ = std::move(image);
    crash();
}

std::map<WriteNumber, TestDevice::Form> TestDevice::frozen_forms() const {
    std::map<WriteNumber, Form> forms;
    auto const image = disk_.image();
    for (auto const& [stream, stored] : image.streams) {
        for (auto const& record : stored.runs) {
            auto const run = RunView::decode(record.run).value();
            for (auto const& part : record.parts) {
                forms[numbers_.at(part.mutation)] = {
                    image.device->device, stream, run.header().attempt, run.first_counter()};
            }
        }
    }
    return forms;
}

bool TestDevice::idle() const {
    return std::ranges::all_of(streams_, [this](StreamName const& stream) {
        auto const* const outbox = client_->outbox(stream.str());
        return outbox == nullptr || outbox->idle();
    });
}

bool TestDevice::has_read_all() const {
    return std::ranges::all_of(streams_, [this](StreamName const& stream) {
        return readings_.at(stream.str()).next.value == server_.tape(stream.str()).size() + 1;
    });
}

}  // namespace capstan::test
