#include "shell.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace capstan {
namespace {

Error error_of(std::uint16_t code, std::string detail) {
    auto const* known = find_error(code);
    return known == nullptr ? Error{Errc::internal, "error " + std::to_string(code) + " " + detail}
                            : Error{known->code, std::move(detail)};
}

}  // namespace

/// One connection, by its number.
class Shell::Line final : public ConnectionEvents {
  public:
    Line(Shell& shell, std::uint64_t number) : shell_(shell), number_(number) {
        connection_ = shell_.seams_.transport.open(shell_.access_.servers.text(), *this);
    }
    void send(Bytes message) { connection_->send(std::move(message)); }
    void close() {
        closing_ = true;
        connection_->close();
    }

    void on_open() override {
        if (!closing_) {
            shell_.client_->on_opened(number_, shell_.now());
            shell_.pump_soon();
        }
    }
    void on_message(ByteView message) override {
        if (!closing_) {
            shell_.client_->on_message(number_, message, shell_.now());
            shell_.pump_soon();
        }
    }
    void on_close(Error const& why) override {
        if (!closing_) {
            shell_.access_.servers.next();  // the node may be gone; others know as much
            shell_.client_->on_closed(number_, why, shell_.now());
        }
        // This object goes then, which its own call must not outlive.
        shell_.seams_.loop.post([shell = shell_.shared_from_this(), number = number_] {
            shell->lines_.erase(number);
            shell->pump();
        });
    }

  private:
    Shell& shell_;
    std::uint64_t number_;
    bool closing_ = false;
    std::unique_ptr<Connection> connection_;
};

Result<std::shared_ptr<Shell>> Shell::open(ShellSeams const& seams,
                                           ServerAccess access,
                                           sync::ClientOptions options,
                                           std::unique_ptr<ClientStore> store,
                                           ClientHandlers handlers) {
    std::vector<ClientStore::Record> records;
    for (char const kind : sync::kRecordKinds) {
        CAPSTAN_TRY(auto some, store->load(as_bytes({&kind, 1})));
        std::ranges::move(some, std::back_inserter(records));
    }
    std::vector<sync::StoredRecord> views;
    views.reserve(records.size());
    for (auto const& record : records) {
        views.push_back({record.key, record.value});
    }
    std::shared_ptr<Shell> shell(new Shell(seams, std::move(access), std::move(store)));
    options.coalesce_rules = [raw = shell.get()](std::string_view stream,
                                                 std::string_view object,
                                                 std::string_view field) {
        auto* const replica = raw->models_->find(stream);
        return replica == nullptr ? coalesce::CoalesceRules{}
                                  : replica->coalesce_rules(object, field);
    };
    CAPSTAN_TRY(shell->client_, sync::Client::open(std::move(options), views, seams.random));
    shell->models_ = std::make_unique<Models>(*shell->client_, *shell->store_);
    shell->handlers_ = std::move(handlers);
    return shell;
}

Shell::Shell(ShellSeams const& seams, ServerAccess access, std::unique_ptr<ClientStore> store)
    : seams_(seams), access_(std::move(access)), store_(std::move(store)) {}

Shell::~Shell() = default;

/// The devices of an application begin at different nodes.
void Shell::start() {
    if (access_.servers.count() > 1) {
        access_.servers.skip(seams_.random.next());
    }
    client_->start(now());
    pump_soon();
}

void Shell::stop(Task stopped) {
    stopped_ = std::move(stopped);
    client_->stop(now());
    pump();
}

void Shell::publish(StreamName const& stream,
                    std::vector<Bytes> events,
                    PublishOptions const& options,
                    OnWrite on_write) {
    auto const id = client_->publish(stream, std::move(events), options);
    if (id) {
        writes_.emplace(id.value(), std::move(on_write));
        pump_soon();
    } else if (on_write) {
        on_write({.state = WriteState::refused, .error = id.error()});
    }
}

void Shell::subscribe(StreamName const& stream, ReadFrom from, SubscriptionHandlers handlers) {
    subscriptions_[stream.str()] = std::make_shared<SubscriptionHandlers>(std::move(handlers));
    for (auto& step : steps_) {
        drop_readings(step.then, stream.str());  // they were for the one before
    }
    drop_readings(due_, stream.str());
    client_->subscribe(stream, from);
    pump_soon();
}

void Shell::unsubscribe(StreamName const& stream) {
    subscriptions_.erase(stream.str());
    client_->unsubscribe(stream);
    pump_soon();
}

void Shell::consumed(StreamName const& stream, Seq seq) {
    if (auto const known = client_->consumed(stream, seq); !known && handlers_.on_trouble) {
        handlers_.on_trouble(known.error());
    }
    pump_soon();
}

Result<> Shell::open_model(StreamName const& stream) {
    if (stopped_) {
        return Error{Errc::cancelled, "the client was closed"};
    }
    CAPSTAN_TRY(models_->open(stream));
    pump_soon();
    return success();
}

void Shell::hear(sync::MutationId write, OnWrite on_write) {
    writes_.insert_or_assign(write, std::move(on_write));
}

bool Shell::give_up(StreamName const& stream, sync::MutationId write) {
    // What a model shows goes the way of refusals, even where it only waits for its new place.
    auto* const replica = models_->find(stream.str());
    bool const shown = replica != nullptr && replica->shows(write);
    bool const given_up =
        (!shown && client_->discard(stream, write)) ||
        client_->withdraw(stream, write, {Errc::cancelled, "its author took it back"});
    pump_soon();
    return given_up;
}

void Shell::model_used(std::string const& stream) {
    pump_soon();
    models_->moved(stream);
    models_->tell();
}

void Shell::set_token(std::string token) {
    access_.token = token;
    client_->set_token(std::move(token), now());
    pump_soon();
}

void Shell::retry() {
    client_->retry(now());
    pump_soon();
}

// From the client to store and world.

/// Once for all calls that come before it has its turn: what they want travels together.
void Shell::pump_soon() {
    if (!std::exchange(pump_posted_, true)) {
        seams_.loop.post([shell = shared_from_this()] {
            shell->pump_posted_ = false;
            shell->pump();
        });
    }
}

void Shell::pump() {
    auto effects = client_->take(now());
    if (!effects.transaction.empty() && !store_failed_) {
        taken_ += 1;
        std::ranges::move(effects.transaction, std::back_inserter(unwritten_));
    }
    auto const needs = effects.durable_first && !store_failed_ ? taken_ : 0;
    steps_.push_back({needs, std::move(effects.then)});
    wake_at(effects.wake_at);
    write_next();
    advance();
    finish_if_at_rest();
}

void Shell::write_next() {
    if (writing_ || unwritten_.empty()) {
        return;
    }
    if (seams_.disk == nullptr) {
        on_written(store_->write(std::exchange(unwritten_, {})), taken_);
        return;
    }
    writing_ = true;
    seams_.disk->post([shell = shared_from_this(),
                       store = store_,
                       &loop = seams_.loop,
                       changes = std::exchange(unwritten_, {}),
                       transaction = taken_]() mutable {
        auto result = store->write(changes);
        store.reset();
        loop.post([shell = std::move(shell), result = std::move(result), transaction] {
            shell->writing_ = false;
            shell->on_written(result, transaction);
            shell->pump();
        });
    });
}

void Shell::on_written(Result<> const& result, std::uint64_t transaction) {
    if (result) {
        stored_ = transaction;
        return;
    }
    // What was to follow must not happen: the client stops instead.
    store_failed_ = true;
    unwritten_.clear();
    steps_.clear();
    client_->on_store_failed(result.error(), now());
    pump_soon();
}

void Shell::advance() {
    while (!steps_.empty() && steps_.front().needs <= stored_) {
        due_ = std::move(steps_.front().then);
        std::ranges::reverse(due_);
        steps_.pop_front();
        while (!due_.empty()) {
            auto effect = std::move(due_.back());
            due_.pop_back();
            std::visit([this](auto& one) { carry_out(one); }, effect);
        }
        models_->tell();
    }
}

/// A tick that comes early does nothing, so a timer that is early enough stays.
void Shell::wake_at(std::optional<Instant> at) {
    if (!at || (alarm_at_ && *alarm_at_ <= *at)) {
        return;
    }
    alarm_at_ = at;
    auto const delay = std::max(Duration{}, *at - now());
    alarm_ = seams_.loop.after(delay, [this] {
        alarm_at_.reset();
        client_->tick(now());
        pump_soon();
    });
}

void Shell::finish_if_at_rest() {
    bool const at_rest = lines_.empty() && !writing_ && unwritten_.empty() && steps_.empty();
    if (stopped_ && at_rest) {
        alarm_.reset();
        writes_.clear();
        subscriptions_.clear();
        models_->close();
        seams_.loop.post(std::move(stopped_));
    }
}

// Effects.

void Shell::carry_out(sync::Connect& effect) {
    lines_[effect.connection] = std::make_unique<Line>(*this, effect.connection);
}

void Shell::carry_out(sync::Send& effect) {
    if (auto const line = lines_.find(effect.connection); line != lines_.end()) {
        line->second->send(std::move(effect.message));
    }
}

void Shell::carry_out(sync::Close& effect) {
    if (auto const line = lines_.find(effect.connection); line != lines_.end()) {
        line->second->close();
    }
}

std::shared_ptr<SubscriptionHandlers> Shell::subscription(std::string const& stream) const {
    auto const at = subscriptions_.find(stream);
    return at == subscriptions_.end() ? nullptr : at->second;
}

void Shell::carry_out(sync::Delivery& effect) {
    if (models_->on(effect)) {
        pump_soon();
        return;
    }
    auto const handlers = subscription(effect.stream);
    if (!handlers) {
        return;
    }
    auto const stream = StreamName::parse(effect.stream).value();
    auto const last = effect.last;
    handlers->on_events(std::move(effect));
    if (!handlers->consumes_itself && subscription(stream.str()) == handlers) {
        consumed(stream, last);
    }
}

void Shell::carry_out(sync::WriteMoved& effect) {
    if (models_->on(effect)) {
        pump_soon();
        return;
    }
    WriteUpdate update{.state = effect.state,
                       .first = effect.first,
                       .last = effect.last,
                       .provisional = effect.provisional,
                       .events = std::move(effect.events)};
    if (effect.state == WriteState::refused) {
        update.error = error_of(effect.code, std::move(effect.detail));
    }
    if (!tell(effect, update) || update.state != WriteState::refused || !update.is_final()) {
        return;
    }
    // Its author has looked at it; what the handler published instead is part of the same
    // transaction.
    client_->discard(StreamName::parse(effect.stream).value(), effect.mutation);
    pump_soon();
}

/// False if nobody listens.
bool Shell::tell(sync::WriteMoved const& effect, WriteUpdate const& update) {
    auto const write = writes_.find(effect.mutation);
    if (write == writes_.end()) {
        if (handlers_.on_stored_write) {
            handlers_.on_stored_write(effect.stream, update);
        }
        return handlers_.on_stored_write != nullptr;
    }
    auto const on_write =
        update.is_final() ? std::move(writes_.extract(write).mapped()) : write->second;
    if (on_write) {
        on_write(update);
    }
    return on_write != nullptr;
}

void Shell::carry_out(sync::HoleDeclared& effect) {
    if (models_->on(effect)) {
        pump_soon();
        return;
    }
    auto const handlers = subscription(effect.stream);
    if (!handlers) {
        return;
    }
    if (handlers->on_hole) {
        handlers->on_hole(effect.first, effect.last, effect.why);
    }
    if (!handlers->consumes_itself) {
        consumed(StreamName::parse(effect.stream).value(), effect.last);
    }
}

/// Only models ask for snapshots.
void Shell::carry_out(sync::SnapshotArrived& effect) {
    if (models_->on(effect)) {
        pump_soon();
    }
}

void Shell::carry_out(sync::HistoryLost& effect) {
    if (models_->on(effect)) {
        pump_soon();
        return;
    }
    auto const handlers = subscription(effect.stream);
    if (handlers && handlers->on_history_lost) {
        handlers->on_history_lost(effect.generation);
    }
}

void Shell::carry_out(sync::Recovered& effect) {
    models_->on(effect);
    if (handlers_.on_new_device) {
        handlers_.on_new_device(effect.before, effect.now);
    }
}

void Shell::carry_out(sync::StatusChanged& effect) {
    models_->on(effect);
    pump_soon();
    if (handlers_.on_status) {
        handlers_.on_status(effect.status,
                            effect.code == 0 ? Error{Errc::connection_closed, effect.detail}
                                             : error_of(effect.code, effect.detail));
    }
}

void Shell::carry_out(sync::Trouble& effect) {
    auto const handlers = subscription(effect.stream);
    if (handlers && handlers->on_error) {
        handlers->on_error(effect.error);
    } else if (handlers_.on_trouble) {
        handlers_.on_trouble(effect.error);
    }
}

}  // namespace capstan
