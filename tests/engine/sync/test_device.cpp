#include "test_device.hpp"

#include <boost/test/unit_test.hpp>

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
      options_(std::move(options)) {
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
    if (getenv("TRACE")) { for (auto const& st : streams_) if (auto* o = client_->outbox(st.str())) fprintf(stderr, "%s: OPEN %s pending %zu frozen %zu kept %zu acked %zu confirmed %s\n", name_.c_str(), st.str().c_str(), o->counts().pending, o->counts().frozen, o->counts().kept, o->counts().acked, to_string(o->record().confirmed).c_str()); }
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
    if (getenv("TRACE")) { fprintf(stderr, "%s: TX durable=%d:", name_.c_str(), effects.durable_first); for (auto& w : effects.transaction) { std::string k; for (auto b : w.key) { char x[8]; if (isprint((int)b)) snprintf(x,8,"%c",(char)b); else snprintf(x,8,"%d.",(int)b); k+=x; } fprintf(stderr, " %s%s", w.value ? "+" : "-", k.c_str()); } fprintf(stderr, "\n"); }
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
    connection_ = connect.connection;
    to_server_.clear();
    open_ = false;
}

void TestDevice::on(Send const& send) {
    BOOST_REQUIRE(open_ && send.connection == connection_);
    BOOST_REQUIRE(send.message.size() <= kMessageBytesMax);
    to_server_.push_back(send.message);
}

void TestDevice::on(Close const& close) {
    if (close.connection == connection_ && open_) {
        while (deliver_to_server()) {
        }
        server_.close(server_connection_);
        open_ = false;
    }
}

void TestDevice::on(Delivery const& delivery) {
    auto& reading = readings_.at(delivery.stream);
    auto const& tape = server_.tape(delivery.stream);
    BOOST_REQUIRE_EQUAL(delivery.from.value, reading.next.value);
    delivery.each_event([&](DeliveredEvent const& event) {
        BOOST_REQUIRE_EQUAL(event.seq.value, reading.next.value);
        auto const& taped = tape.at(event.seq.value - 1);
        BOOST_REQUIRE(event.dot == taped.dot && as_text(event.bytes) == taped.bytes);
        BOOST_REQUIRE(event.preceding_seq == taped.preceding_seq);
        BOOST_REQUIRE(event.mark_before == taped.mark_before);
        reading.next = reading.next.next();
    });
    BOOST_REQUIRE_EQUAL(delivery.last.next().value, reading.next.value);
}

void TestDevice::on(HoleDeclared const& hole) {
    auto& reading = readings_.at(hole.stream);
    BOOST_REQUIRE_EQUAL(hole.first.value, reading.next.value);
    reading.next = hole.last.next();
}

void TestDevice::on(HistoryLost const& lost) {
    readings_[lost.stream] = Reading{};
    ++losses;
}

void TestDevice::on(Recovered const& recovered) {
    BOOST_REQUIRE(recovered.before != recovered.now);
    ++recoveries;
}

void TestDevice::on(WriteMoved const& moved) {
    auto const number = numbers_.at(moved.mutation);
    auto& entry = ledger_.writes.at(number);
    if (getenv("TRACE")) fprintf(stderr, "%s: id %lu write %lu %s %s prov=%d code=%d at %lu\n", name_.c_str(), moved.mutation.value, number, moved.stream.c_str(), std::string(to_string(moved.state)).c_str(), moved.provisional, moved.code, moved.first.value);
    BOOST_REQUIRE_EQUAL(entry.stream, moved.stream);
    if (moved.state == WriteState::stored) {
        entry.stored = true;
    } else if (moved.state == WriteState::confirmed) {
        BOOST_REQUIRE_MESSAGE(!entry.refused || entry.may_double,
                              "write " << number << " was refused for good, then confirmed");
        entry.confirmed = true;
        if (moved.first > Seq{}) {
            ++confirmed_with_seq;
            auto const& tape = server_.tape(moved.stream);
            BOOST_REQUIRE(tape.at(moved.first.value - 1)
                              .bytes.starts_with("w" + std::to_string(number) + "."));
            BOOST_REQUIRE_EQUAL(moved.last.value - moved.first.value + 1, entry.events);
        }
    } else if (moved.state == WriteState::refused && !moved.provisional) {
        BOOST_REQUIRE_EQUAL(moved.events.size(), entry.events);
        entry.refused = true;
        refused_.emplace_back(moved.stream, moved.mutation);
    }
}

void TestDevice::publish() {
    auto const& stream = dice_.pick(streams_);
    auto const number = ++ledger_.last;
    auto& entry = ledger_.writes[number];
    entry.device = name_;
    entry.stream = stream.str();
    entry.events = 1 + dice_.below(3);
    std::vector<Bytes> events;
    for (std::size_t i = 0; i < entry.events; ++i) {
        auto const text = "w" + std::to_string(number) + "." + std::to_string(i);
        auto const bytes = as_bytes(text);
        events.emplace_back(bytes.begin(), bytes.end());
    }
    PublishOptions options;
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
    if (connection_ != 0 && !open_ && client_->state() == SessionState::connecting) {
        if (dice_.one_in(8)) {
            client_->on_closed(connection_, Error{Errc::unavailable, "no route"}, now_);
        } else {
            server_connection_ = (++last_server_connection_ << 8) | name_.front();
            server_.open(server_connection_);
            open_ = true;
            client_->on_opened(connection_, now_);
        }
        run();
    }
}

bool TestDevice::receive() {
    if (!open_) {
        return false;
    }
    auto const message = server_.next(server_connection_);
    if (!message) {
        return false;
    }
    client_->on_message(connection_, *message, now_);
    run();
    return true;
}

bool TestDevice::deliver_to_server() {
    if (!open_ || to_server_.empty()) {
        return false;
    }
    auto const message = std::move(to_server_.front());
    to_server_.erase(to_server_.begin());
    server_.receive(server_connection_, message);
    return true;
}

void TestDevice::break_connection() {
    if (!open_) {
        return;
    }
    for (auto rest = dice_.below(to_server_.size() + 1); rest > 0; --rest) {
        deliver_to_server();
    }
    server_.close(server_connection_);
    open_ = false;
    client_->on_closed(connection_, Error{Errc::connection_closed, "broken"}, now_);
    run();
}

void TestDevice::crash() {
    for (auto rest = dice_.below(to_server_.size() + 1); rest > 0; --rest) {
        deliver_to_server();
    }
    if (open_) {
        server_.close(server_connection_);
    }
    open_ = false;
    connection_ = 0;
    to_server_.clear();
    disk_.crash(dice_);
    if (getenv("TRACE")) fprintf(stderr, "%s: CRASH\n", name_.c_str());
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
