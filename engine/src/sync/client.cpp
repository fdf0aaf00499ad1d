// The session: states, and what entering and leaving them means.
#include <algorithm>
#include <capstan/engine/sync/client.hpp>
#include <utility>

namespace capstan::sync {
namespace {

/// A connection that lasted so long was a success, as is one that brought something on: the next
/// try starts with a short wait again.
constexpr Duration kStableAfter = std::chrono::seconds(5);

bool has_connection(SessionState state) {
    return state == SessionState::connecting || state == SessionState::greeting ||
           state == SessionState::live || state == SessionState::recovering;
}

/// Reasons that a new token may cure.
bool is_about_access(std::uint16_t code) {
    return code / 100 == 14;
}

std::uint16_t code_of(std::optional<Error> const& why) {
    return why ? static_cast<std::uint16_t>(why->code) : std::uint16_t{0};
}

}  // namespace

Result<std::unique_ptr<Client>> Client::open(ClientOptions options,
                                             std::span<StoredRecord const> records,
                                             Random& random) {
    CAPSTAN_TRY(auto image, load(records));
    if (!image.device && !image.streams.empty()) {
        return Error{Errc::malformed, "the store has no device record"};
    }
    return std::unique_ptr<Client>(new Client(std::move(options), std::move(image), random));
}

Client::Client(ClientOptions options, StoreImage image, Random& random)
    : options_(std::move(options)), random_(random), identity_(image.device, random) {
    for (auto& [name, stored] : image.streams) {
        auto cursor = stored.cursor;
        auto& stream = add_stream(name, Outbox(name, identity_, window_, std::move(stored)));
        stream.stored = cursor;
        touch(stream);
    }
}

Client::Stream& Client::stream_named(std::string const& name) {
    auto const found = streams_.find(name);
    return found != streams_.end() ? found->second
                                   : add_stream(name, Outbox(name, identity_, window_));
}

Client::Stream& Client::add_stream(std::string const& name, Outbox outbox) {
    if (options_.coalesce_rules) {
        outbox.coalesce_by([this, name](std::string_view object, std::string_view field) {
            return options_.coalesce_rules(name, object, field);
        });
    }
    return streams_.try_emplace(name, name, std::move(outbox)).first->second;
}

Client::Stream* Client::find(std::string_view name) {
    auto const found = streams_.find(name);
    return found == streams_.end() ? nullptr : &found->second;
}

Client::Stream* Client::find(StreamNumber handle) {
    auto const found = handles_.find(handle);
    return found == handles_.end() ? nullptr : found->second;
}

void Client::count(Stream& stream) {
    outbox_bytes_ += stream.outbox.bytes() - stream.counted_bytes;
    stream.counted_bytes = stream.outbox.bytes();
    touched_.insert(stream.name);
    if (stream.outbox.in_review() && stream.review) {
        in_review_.insert(stream.name);
    }
}

void Client::touch(Stream& stream) {
    count(stream);
    if (stream.outbox.idle()) {
        busy_.erase(stream.name);
        return;
    }
    busy_.insert(stream.name);
    if (connected() && !std::exchange(stream.queued, true)) {
        ready_.push_back(stream.name);
    }
}

void Client::look_at(Stream& stream) {
    auto const place = [&stream](std::set<std::string>& names, bool belongs) {
        if (belongs) {
            names.insert(stream.name);
        } else {
            names.erase(stream.name);
        }
    };
    auto const& reader = stream.reader;
    place(behind_, reader && !reader->caught_up());
    place(gaps_, reader && reader->gap_since());
    place(loading_, reader && reader->stage() == Subscription::Stage::loading);
    if (reader) {
        credit_ += stream.reader->take_credit();
        if (reader->stage() == Subscription::Stage::wanted) {
            to_ask_.insert(stream.name);
        }
    }
}

// The application.

void Client::start(Instant now) {
    step(SessionInput::start, now);
}

void Client::stop(Instant now) {
    step(SessionInput::stop, now, Error{Errc::cancelled, "stopped"});
}

void Client::retry(Instant now) {
    step(SessionInput::retry, now);
}

void Client::set_token(std::string token, Instant now) {
    options_.token = std::move(token);
    if (state_ == SessionState::refused) {
        step(SessionInput::retry, now);
    }
}

Result<MutationId> Client::publish(StreamName const& stream,
                                   std::vector<Bytes> events,
                                   PublishOptions const& options) {
    if (state_ == SessionState::stopped) {
        return Error{Errc::cancelled, "the client is stopped"};
    }
    if (outbox_bytes_ >= options_.outbox_bytes_max) {
        return Error{Errc::overloaded,
                     "the outbox holds " + std::to_string(outbox_bytes_) + " bytes"};
    }
    auto& entry = stream_named(stream.str());
    auto const reader = entry.reader ? entry.reader->reader() : ReaderAt{};
    CAPSTAN_TRY(auto const id, entry.outbox.publish(std::move(events), options, reader));
    touch(entry);
    return id;
}

bool Client::discard(StreamName const& stream, MutationId mutation) {
    auto* const entry = find(stream.str());
    if (entry == nullptr || !entry->outbox.discard(mutation, effects_)) {
        return false;
    }
    count(*entry);
    return true;
}

bool Client::withdraw(StreamName const& stream, MutationId mutation, Error const& why) {
    auto* const entry = find(stream.str());
    if (entry == nullptr || !entry->outbox.withdraw(mutation, why, effects_)) {
        return false;
    }
    touch(*entry);
    return true;
}

void Client::revise(StreamName const& stream, std::vector<Outbox::Revision> revisions) {
    auto* const entry = find(stream.str());
    if (entry != nullptr && entry->reader) {
        entry->outbox.revise(std::move(revisions), entry->reader->reader(), effects_);
        touch(*entry);
    }
}

void Client::review_refusals(StreamName const& stream, std::function<void()> review) {
    auto& entry = stream_named(stream.str());
    entry.review = std::move(review);
    if (entry.review) {
        entry.outbox.review_refusals();
        count(entry);
    }
}

void Client::reviewed(StreamName const& stream) {
    if (auto* const entry = find(stream.str())) {
        entry->outbox.reviewed();
        touch(*entry);
    }
}

void Client::keep(std::vector<Write> records) {
    for (auto& record : records) {
        effects_.transaction.push_back(std::move(record));
    }
}

void Client::subscribe(StreamName const& stream, ReadFrom from) {
    auto& entry = stream_named(stream.str());
    std::uint32_t history = 0;
    if (entry.reader) {
        credit_ += entry.reader->unconsumed_bytes();
        drop_readings(effects_.then, entry.name);
        history = entry.reader->history() + 1;  // what the shell has taken is of the one before
    }
    entry.reader.emplace(entry.name, std::move(from), entry.stored, history);
    read_again_.erase(entry.name);
    look_at(entry);
}

void Client::refuse_snapshot(StreamName const& stream, Error why) {
    auto* const entry = find(stream.str());
    if (entry == nullptr || !entry->reader) {
        return;
    }
    report(std::move(why), entry->name);
    save();
    subscribe(stream, {.kind = ReadFrom::Kind::cursor, .cursor = entry->reader->consumed_cursor()});
}

void Client::unsubscribe(StreamName const& stream) {
    auto* const entry = find(stream.str());
    if (entry == nullptr || !entry->reader) {
        return;
    }
    credit_ += entry->reader->unconsumed_bytes();
    entry->reader.reset();
    look_at(*entry);
    to_ask_.erase(entry->name);
    acks_.erase(entry->name);
    read_again_.erase(entry->name);
    if (entry->handle != StreamNumber{}) {
        // The server forgets it then; from here on the stream is published to by name. Answers to
        // what was sent before still come under the handle.
        unsubscribed_.push_back(std::exchange(entry->handle, StreamNumber{}));
    }
}

Result<> Client::consumed(StreamName const& stream, Seq seq) {
    auto* const entry = find(stream.str());
    if (entry == nullptr || !entry->reader || !entry->reader->consumed(seq)) {
        return Error{Errc::request_invalid,
                     stream.str() + " was not delivered up to " + std::to_string(seq.value)};
    }
    entry->outbox.on_consumed(entry->reader->consumed_cursor().seq, effects_);
    look_at(*entry);
    touch(*entry);
    acks_.insert(entry->name);
    return success();
}

// The shell.

void Client::on_opened(std::uint64_t connection, Instant now) {
    if (connection == connection_) {
        step(SessionInput::opened, now);
    }
}

void Client::on_heard(std::uint64_t connection, Instant now) {
    if (connection == connection_) {
        heard_at_ = now;
        probed_ = false;
    }
}

void Client::on_closed(std::uint64_t connection, Error const& why, Instant now) {
    if (connection == connection_) {
        step(SessionInput::closed, now, why);
    }
}

void Client::on_store_failed(Error const& why, Instant now) {
    if (step(SessionInput::store_failed, now, why)) {
        report(why);
    }
}

void Client::tick(Instant now) {
    if (deadline_ && *deadline_ <= now) {
        step(SessionInput::timeout, now, Error{Errc::timed_out, "no answer in time"});
    }
    if (!connected()) {
        return;
    }
    if (probed_ && heard_at_.plus(options_.silence_max + options_.silence_grace) <= now) {
        step(SessionInput::timeout, now, Error{Errc::timed_out, "nothing was heard for too long"});
        return;
    }
    if (asks_under_way_ > 0 && asked_at_.plus(options_.welcome_timeout) <= now) {
        step(SessionInput::timeout, now, Error{Errc::timed_out, "a Subscribe was not answered"});
        return;
    }
    if (sweep_at_ && *sweep_at_ <= now) {
        sweep_at_.reset();
        auto const unanswered = [this, now](std::string const& name) {
            auto const since = find(name)->outbox.waiting_since();
            return since && since->plus(options_.answer_timeout) <= now;
        };
        if (std::ranges::any_of(busy_, unanswered)) {
            step(SessionInput::timeout, now, Error{Errc::timed_out, "a run was not answered"});
            return;
        }
    }
    for (auto const& name : std::set<std::string>(gaps_)) {
        auto& stream = *find(name);
        if (stream.reader->gap_since()->plus(options_.gap_timeout) <= now) {
            stream.reader->ask_anew();
            look_at(stream);
        }
    }
    for (auto const& name : std::set<std::string>(loading_)) {
        auto& stream = *find(name);
        if (stream.reader->loaded_at().plus(options_.load_timeout) <= now) {
            stream.reader->ask_anew();
            look_at(stream);
        }
    }
    std::erase_if(held_, [&](auto const& held) {
        bool const is_due = held.second <= now;
        if (is_due) {
            touch(*find(held.first));
        }
        return is_due;
    });
    std::erase_if(read_again_, [&](auto const& waiting) {
        bool const is_due = waiting.second <= now;
        if (is_due) {
            auto& stream = *find(waiting.first);
            stream.reader->ask_anew();
            look_at(stream);
        }
        return is_due;
    });
}

Effects Client::take(Instant now) {
    pump(now);
    return std::exchange(effects_, Effects{});
}

// The session.

bool Client::connected() const {
    return state_ == SessionState::live || state_ == SessionState::recovering;
}

Status Client::status() const {
    switch (state_) {
        case SessionState::idle:
        case SessionState::waiting:
            return Status::offline;
        case SessionState::connecting:
        case SessionState::greeting:
            return Status::connecting;
        case SessionState::live:
            return behind_.empty() ? Status::live : Status::catching_up;
        case SessionState::recovering:
            return Status::catching_up;
        case SessionState::refused:
            return is_about_access(refusal_) ? Status::needs_auth : Status::blocked;
        case SessionState::stopped:
            break;
    }
    return Status::stopped;
}

bool Client::step(SessionInput input, Instant now, std::optional<Error> const& why) {
    Transition const* const row = find_transition(state_, input);
    if (row == nullptr) {
        return false;
    }
    log_.add({now, row->from, input, row->to, why ? why->detail : ""});
    if (has_connection(row->from) && !has_connection(row->to)) {
        disconnect(input, now, why.value_or(Error{Errc::connection_closed, {}}));
    }
    state_ = row->to;
    deadline_.reset();
    switch (state_) {
        case SessionState::connecting:
            effects_.then.emplace_back(Connect{++connection_});
            deadline_ = now.plus(options_.connect_timeout);
            break;
        case SessionState::greeting:
            heard_at_ = now;
            probed_ = false;
            outdated_ = false;
            say_hello();
            deadline_ = now.plus(options_.welcome_timeout);
            break;
        case SessionState::live:
        case SessionState::recovering:
            greeted_at_ = greeted_at_.value_or(now);
            for (auto const& name : std::set<std::string>(busy_)) {
                touch(*find(name));
            }
            break;
        case SessionState::waiting:
            deadline_ = now.plus(backoff_.next(random_, std::exchange(retry_after_, {})));
            break;
        case SessionState::refused:
            refusal_ = code_of(why);
            break;
        case SessionState::idle:
        case SessionState::stopped:
            break;
    }
    why_ = state_ == SessionState::connecting ? std::nullopt : why;  // it begins anew
    return true;
}

/// What was under way is to be sent again; what was on its way down is to be asked for again.
void Client::disconnect(SessionInput input, Instant now, Error const& why) {
    if (input != SessionInput::closed) {
        effects_.then.emplace_back(Close{connection_, why});
    }
    // What there is to bring has an end, so getting on can't keep a crowd hurrying for ever.
    bool const is_stable = greeted_at_ && now - *greeted_at_ >= kStableAfter;
    if (std::exchange(got_on_, false) || is_stable) {
        backoff_.reset();
    }
    greeted_at_.reset();
    ready_.clear();
    held_.clear();
    read_again_.clear();
    handles_.clear();
    unsubscribed_.clear();
    sweep_at_.reset();
    budget_at_.reset();
    asks_under_way_ = 0;
    for (auto& [name, stream] : streams_) {
        stream.handle = StreamNumber{};
        stream.asks = 0;
        stream.queued = false;
        stream.outbox.on_disconnected();
        count(stream);
        if (stream.reader) {
            stream.reader->on_disconnected();
            look_at(stream);
        }
    }
    credit_ = 0;
}

void Client::report(Error error, std::string stream) {
    effects_.then.emplace_back(Trouble{std::move(error), std::move(stream)});
}

Outbox const* Client::outbox(std::string_view stream) const {
    auto const found = streams_.find(stream);
    return found == streams_.end() ? nullptr : &found->second.outbox;
}

Subscription const* Client::subscription(std::string_view stream) const {
    auto const found = streams_.find(stream);
    return found == streams_.end() || !found->second.reader ? nullptr : &*found->second.reader;
}

void Client::check_invariants() const {
    std::size_t bytes = 0;
    for (auto const& [name, stream] : streams_) {
        stream.outbox.check_invariants();
        if (stream.reader) {
            stream.reader->check_invariants();
        }
        bytes += stream.outbox.bytes();
        CAPSTAN_INVARIANT(stream.outbox.idle() || busy_.contains(name));
    }
    CAPSTAN_INVARIANT(bytes == outbox_bytes_);
    CAPSTAN_INVARIANT(connected() || window_.bytes == 0);
}

}  // namespace capstan::sync
