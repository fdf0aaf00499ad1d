// A device under any sequence of what its server, its shell and its application may do: valid
// messages in any order, nonsense in a valid form, and bytes that are no message. It never breaks
// its own invariants, what it sends is well formed and names known streams, what it stores can be
// read by its next life (I12), and events are delivered in order, each once (I5).
#include <capstan/engine/sync/client.hpp>
#include <capstan/schema/hash.hpp>
#include <capstan/schema/run.hpp>
#include <capstan/schema/wire.hpp>
#include <map>

#include "support/fuzz_input.hpp"

namespace {

using namespace capstan;
using namespace capstan::sync;
using capstan::test::FuzzInput;
using namespace std::chrono_literals;

constexpr std::string_view kStreams[] = {"acme/a", "acme/b", "acme/c"};

class CountingRandom final : public Random {
  public:
    std::uint64_t next() override { return state_ += 0x9e3779b97f4a7c15; }

  private:
    std::uint64_t state_ = 0;
};

/// A stream at the server: as many single events as are asked for, always the same.
class Tape {
  public:
    explicit Tape(std::string_view name) : name_(name), chain_{chain_start(name)} {}

    Generation generation() const { return generation_of(Lineage{1}, name_, Edition{1}); }
    Seq head() const { return Seq{runs_.size()}; }
    Hash128 chain(Seq seq) const { return chain_.at(seq.value); }
    ByteView run(Seq seq) const { return runs_.at(seq.value - 1); }
    void grow(std::uint64_t events) {
        for (; events > 0; --events) {
            add();
        }
    }

  private:
    void add() {
        RunHeader header;
        header.attempt = Attempt::of(1, 0);
        header.after = runs_.empty() ? Link{} : Link{Counter{runs_.size()}, header.attempt};
        header.preceding_seq = head();
        DeviceId device;
        device.bytes.fill(std::byte{7});
        ByteView const event = as_bytes(std::string_view("event"));
        Dot const dot{device, header.after.counter.plus(1)};
        chain_.push_back(chain_next(chain_.back(), dot, header.preceding_seq, 0, event));
        Bytes delivered;
        encode_delivered_run(delivered, device, WallTime{1}, encode_run(header, {&event, 1}));
        runs_.push_back(std::move(delivered));
    }

    std::string name_;
    std::vector<Bytes> runs_;
    std::vector<Hash128> chain_;  // behind each seq
};

class Story {
  public:
    explicit Story(FuzzInput input) : input_(input) {
        for (auto const name : kStreams) {
            tapes_.emplace_back(name);
        }
        open();
    }

    void run() {
        while (!input_.done()) {
            step();
            take();
        }
        open();  // what is stored can be read
    }

  private:
    struct SentRun {
        RunHeader header;
        Link last;
        std::uint32_t count = 0;
    };

    void open() {
        std::vector<StoredRecord> records;
        for (auto const& [key, value] : store_) {
            records.push_back({key, value});
        }
        ClientOptions options;
        options.credit_bytes = 256;
        options.outbox_bytes_max = 4'096;
        options.flight_bytes_max = 512;
        auto opened = Client::open(std::move(options), records, random_);
        CAPSTAN_INVARIANT(opened.has_value());
        client_ = std::move(opened).value();
        delivered_.clear();
        sent_.clear();
    }

    /// All that was given out is stored; the world is what the input makes of it.
    void take() {
        auto effects = client_->take(now_);
        if (!made_up_) {
            client_->check_invariants();
        }
        for (auto& write : effects.transaction) {
            if (write.value) {
                store_[write.key] = std::move(*write.value);
            } else {
                store_.erase(write.key);
            }
        }
        for (auto& effect : effects.then) {
            if (auto const* connect = std::get_if<Connect>(&effect)) {
                connection_ = connect->connection;
            } else if (auto const* send = std::get_if<Send>(&effect)) {
                hear(send->message);
            } else if (auto const* delivery = std::get_if<Delivery>(&effect)) {
                on_delivery(*delivery);
            } else if (auto const* lost = std::get_if<HistoryLost>(&effect)) {
                delivered_.erase(lost->stream);
            } else if (auto const* hole = std::get_if<HoleDeclared>(&effect)) {
                delivered_[hole->stream] = hole->last;
            }
        }
    }

    void hear(ByteView payload) {
        MessageReader reader(payload);
        for (auto next = reader.next();; next = reader.next()) {
            CAPSTAN_INVARIANT(next.has_value(),
                              next.has_value() ? std::string() : next.error().detail);
            if (!next.value()) {
                return;
            }
            if (auto const* const* publish = std::get_if<fb::Publish const*>(&*next.value())) {
                auto const* const raw =
                    reinterpret_cast<std::byte const*>((*publish)->run()->data());
                auto const run = RunView::decode({raw, (*publish)->run()->size()});
                CAPSTAN_INVARIANT(run.has_value());
                sent_.push_back(
                    {run.value().header(), run.value().last_link(), run.value().count()});
            }
        }
    }

    void on_delivery(Delivery const& delivery) {
        auto const [at, is_first] =
            delivered_.try_emplace(delivery.stream, delivery.from.value - 1);
        delivery.each_event([&](DeliveredEvent const& event) {
            CAPSTAN_INVARIANT(event.seq == at->second.next());
            at->second = event.seq;
        });
    }

    void step() {
        switch (input_.below(20)) {
            case 0:
                client_->start(now_);
                break;
            case 1:
                client_->retry(now_);
                break;
            case 2:
                client_->on_opened(connection_, now_);
                break;
            case 3:
                client_->on_closed(connection_, Error{Errc::connection_closed, "reset"}, now_);
                break;
            case 4:
                now_ = now_.plus(std::chrono::milliseconds(input_.number() % 100'000));
                client_->tick(now_);
                break;
            case 5:
                subscribe();
                break;
            case 6:
                delivered_.erase(std::string(stream().str()));
                client_->unsubscribe(stream());
                break;
            case 7:
            case 8:
                publish();
                break;
            case 9:
                consume();
                break;
            case 10:
            case 11:
                welcome();
                break;
            case 12:
            case 13:
                events();
                break;
            case 14:
                result();
                break;
            case 15:
                hole();
                break;
            case 16:
                notice();
                break;
            case 17:
                client_->on_message(connection_, input_.bytes(), now_);
                break;
            case 18:
                chunk();
                break;
            default:
                end_of_a_life();
        }
    }

    StreamName stream() { return StreamName::parse(kStreams[input_.below(3)]).value(); }

    void subscribe() {
        auto const name = stream();
        delivered_.erase(name.str());
        ReadFrom from;
        switch (input_.below(3)) {
            case 0:
                from = {.kind = ReadFrom::Kind::seq, .seq = Seq{1 + input_.below(16)}};
                break;
            case 1:
                from.kind = ReadFrom::Kind::tail;
                break;
            default:
                break;
        }
        client_->subscribe(name, from);
    }

    void publish() {
        PublishOptions options;
        options.needs_window = input_.flag();
        if (input_.below(4) == 0) {
            options.expect_head = Seq{input_.byte()};
        }
        Bytes const event(input_.byte(), std::byte{'x'});
        std::vector<Bytes> const events(1 + input_.below(3), event);
        auto const made = client_->publish(stream(), events, options);
        if (made) {
            writes_.push_back(made.value());
        }
    }

    void consume() {
        auto const name = stream();
        auto const at = delivered_.find(name.str());
        auto const seq = at == delivered_.end() || input_.flag() ? Seq{input_.byte()} : at->second;
        static_cast<void>(client_->consumed(name, seq));  // what was not delivered is refused
    }

    template <class Message>
    void receive(Message const& message) {
        MessageWriter writer;
        writer.add(message);
        client_->on_message(connection_, writer.take(), now_);
    }

    void welcome() {
        fb::WelcomeT message;
        message.version = input_.below(16) == 0 ? input_.byte() : kProtocolVersion;
        message.more = input_.below(8) == 0;
        for (std::size_t n = 0; n < tapes_.size(); ++n) {
            if (!input_.flag()) {
                continue;
            }
            auto& tape = tapes_[n];
            tape.grow(input_.below(4));
            auto state = std::make_unique<fb::StreamStateT>();
            state->name = kStreams[n];
            state->stream = static_cast<std::uint32_t>(n + 1);
            state->verdict = static_cast<fb::Verdict>(input_.below(6));
            state->generation = input_.below(8) == 0 ? input_.number() : tape.generation().value;
            state->head = tape.head().value;
            state->chain = std::make_unique<fb::Hash>(to_wire(tape.chain(tape.head())));
            state->last_counter = input_.below(8);
            made_up_ = made_up_ || state->last_counter > 0;
            state->last_attempt = state->last_counter == 0 ? 0 : attempt();
            state->device_attempt = std::max<std::uint64_t>(state->last_attempt, attempt());
            state->device_p = input_.byte();
            state->code =
                input_.below(4) == 0 ? static_cast<std::uint16_t>(Errc::denied) : std::uint16_t{0};
            message.streams.push_back(std::move(state));
        }
        receive(message);
    }

    /// Of a run that was sent, mostly.
    std::uint64_t attempt() {
        return sent_.empty() || input_.below(8) == 0 ? input_.number()
                                                     : sent_.back().header.attempt.value;
    }

    void events() {
        auto const n = input_.below(tapes_.size());
        auto& tape = tapes_[n];
        tape.grow(1);
        Seq const first{1 + input_.below(tape.head().value)};
        Seq const last{first.value + input_.below(tape.head().value - first.value + 1)};
        MessageWriter::Events message;
        message.stream = StreamNumber{static_cast<std::uint32_t>(n + 1)};
        message.generation = tape.generation();
        message.first = first;
        message.last = last;
        message.chain = tape.chain(last);
        message.chain.low += input_.below(16) == 0 ? 1 : 0;
        message.head = tape.head();
        std::vector<ByteView> pieces;
        for (Seq at = first; at <= last; at = at.next()) {
            pieces.push_back(tape.run(at));
        }
        if (input_.below(16) == 0) {
            pieces.push_back(input_.bytes());
        }
        message.runs = pieces;
        MessageWriter writer;
        writer.add(message);
        client_->on_message(connection_, writer.take(), now_);
    }

    void result() {
        made_up_ = true;
        fb::ResultT message;
        message.name = kStreams[input_.below(3)];
        message.detail = input_.flag() ? "why" : "";
        for (auto n = input_.below(3); n > 0 && !sent_.empty(); --n) {
            auto const& run =
                sent_[sent_.size() - 1 - input_.below(std::min<std::size_t>(sent_.size(), 4))];
            message.results.push_back(result_of(run));
        }
        receive(message);
    }

    /// Field by field: the order of arguments is the compiler's.
    fb::RunResult result_of(SentRun const& run) {
        auto const first_seq = input_.number();
        Link const last{Counter{input_.flag() ? run.last.counter.value : input_.below(8)},
                        Attempt{input_.flag() ? run.last.attempt.value : attempt()}};
        auto const device_attempt = attempt();
        auto const retry_after = input_.byte();
        auto const stream = static_cast<std::uint32_t>(1 + input_.below(3));
        auto const code = input_.flag() ? std::uint16_t{0} : std::uint16_t{1'203};
        auto const outcome = static_cast<fb::Outcome>(input_.below(9));
        bool const floor = input_.below(8) == 0;
        return {run.header.attempt.value,
                run.header.after.counter.value + 1,
                first_seq,
                last.counter.value,
                last.attempt.value,
                device_attempt,
                retry_after,
                stream,
                static_cast<std::uint16_t>(run.count),
                code,
                outcome,
                floor};
    }

    void hole() {
        fb::HoleT message;
        message.stream = static_cast<std::uint32_t>(1 + input_.below(3));
        message.first = input_.number();
        message.last = input_.number();
        message.why = static_cast<fb::HoleWhy>(input_.below(4));
        receive(message);
    }

    void notice() {
        static constexpr Errc kCodes[] = {
            Errc::overloaded, Errc::not_ready, Errc::disk_io, Errc::denied, Errc::token_invalid};
        fb::NoticeT message;
        message.code = static_cast<std::uint16_t>(kCodes[input_.below(std::size(kCodes))]);
        message.closing = input_.flag();
        message.retry_after_ms = input_.byte();
        message.stream = static_cast<std::uint32_t>(input_.below(4));
        receive(message);
    }

    void chunk() {
        MessageWriter::Chunk message;
        message.stream = StreamNumber{static_cast<std::uint32_t>(1 + input_.below(3))};
        message.offset = static_cast<std::uint32_t>(input_.number());
        message.total = static_cast<std::uint32_t>(input_.number());
        message.bytes = input_.bytes();
        MessageWriter writer;
        writer.add(message);
        client_->on_message(connection_, writer.take(), now_);
    }

    void end_of_a_life() {
        switch (input_.below(4)) {
            case 0:
                client_->on_store_failed(Error{Errc::disk_io, "gone"}, now_);
                take();
                open();
                break;
            case 1:
                client_->stop(now_);
                take();
                open();
                break;
            case 2:
                open();
                break;
            default:
                if (!writes_.empty()) {
                    client_->discard(stream(), writes_[input_.below(writes_.size())]);
                }
        }
    }

    FuzzInput input_;
    CountingRandom random_;
    std::map<Bytes, Bytes> store_;
    std::vector<Tape> tapes_;
    std::unique_ptr<Client> client_;
    Instant now_;
    std::uint64_t connection_ = 0;
    /// What a server says of the device's own runs is believed: no device can know better. Once it
    /// was made up, the outbox need not add up any more, but all else must go on.
    bool made_up_ = false;
    std::map<std::string, Seq> delivered_;  // by stream, since it was subscribed
    std::vector<SentRun> sent_;             // in this life
    std::vector<MutationId> writes_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    Story(FuzzInput(data, size)).run();
    return 0;
}
