// Streams of a session: which there are, where the device stands in them, what it is told of them.
#include <algorithm>

#include "device_session.hpp"
#include "host.hpp"

namespace capstan {
namespace {

StreamHistory history_of(StreamStat const& stat,
                         std::uint64_t event_bytes,
                         SnapshotSource const* snapshots) {
    return {.generation = stat.generation,
            .ended = stat.ended,
            .head = stat.head,
            .chain = stat.chain,
            .tape_first = stat.tape_first,
            .event_bytes = event_bytes,
            .snapshot = snapshots == nullptr ? nullptr : snapshots->newest(stat.name)};
}

fb::StreamStateT denied(std::string_view name, Errc why) {
    fb::StreamStateT state;
    state.name = name;
    state.verdict = fb::Verdict::denied;
    state.code = static_cast<std::uint16_t>(why);
    return state;
}

/// How many times a page looks for streams that it may name: most may be of other tenants.
constexpr int kLooksMax = 16;

void add_to(fb::WelcomeT& welcome, fb::StreamStateT state) {
    welcome.streams.push_back(std::make_unique<fb::StreamStateT>(std::move(state)));
}

}  // namespace

/// Answers the first page at once, so that Welcome comes before what it makes possible; the others
/// as the connection takes them.
void DeviceSession::start(CatchUpRequest request) {
    requests_.push_back(std::move(request));
    if (requests_.size() == 1) {
        answer_page();
    }
}

void DeviceSession::answer_page() {
    auto& request = requests_.front();
    fb::WelcomeT welcome;
    welcome.version = kProtocolVersion;
    welcome.session = request.session;
    if (request.session != 0) {
        welcome.position = request.position.value;
        welcome.position_chain = std::make_unique<fb::Hash>(to_wire(request.position_chain));
    }
    auto const streams_max = host_.options().page_streams;
    while (welcome.streams.size() < streams_max && request.next_stream < request.streams.size()) {
        add_to(welcome, enter(request.streams[request.next_stream++]));
    }
    bool discovers = request.discovers;
    for (int looks = 0; discovers && welcome.streams.size() < streams_max && looks < kLooksMax;
         ++looks) {
        discovers = discover_some(request, welcome);
    }
    if (!discovers) {
        name_found(welcome);
    }
    welcome.more = discovers || !found_.empty() || request.next_stream < request.streams.size();
    push(welcome);
    if (!welcome.more) {
        requests_.erase(requests_.begin());
    }
}

/// Streams that moved while the answer was under way: the device may lack what was before.
void DeviceSession::name_found(fb::WelcomeT& welcome) {
    while (!found_.empty() && welcome.streams.size() < host_.options().page_streams) {
        auto& subscription = found_.front();
        rest(subscription, {});
        add_to(welcome, look(subscription.topic.name));
    }
}

bool DeviceSession::is_discovering() const {
    return std::ranges::any_of(requests_, &CatchUpRequest::discovers);
}

/// False at the end.
bool DeviceSession::discover_some(CatchUpRequest& request, fb::WelcomeT& welcome) {
    auto& partition = *host_.partition();
    auto const room = host_.options().page_streams - welcome.streams.size();
    if (request.changed) {
        auto const count = std::min(room, request.changed->size() - request.next_changed);
        for (std::size_t i = 0; i < count; ++i) {
            auto const stat = partition.stat((*request.changed)[request.next_changed++]);
            if (stat && stat.value() && follows(stat.value()->name)) {
                discover(*stat.value(), welcome);
            }
        }
        return request.next_changed < request.changed->size();
    }
    auto const& pattern = patterns_[request.next_pattern];
    auto const listed = partition.list(pattern, request.listed_last, room);
    if (listed && !listed.value().empty()) {
        request.listed_last = listed.value().back().name;
        for (auto const& stat : listed.value()) {
            discover(stat, welcome);
        }
    }
    if (!listed || listed.value().size() < room) {
        request.next_pattern += 1;
        request.listed_last.clear();
    }
    return request.next_pattern < patterns_.size();
}

bool DeviceSession::follows(std::string_view stream) const {
    return std::ranges::any_of(
        patterns_, [&](StreamPattern const& pattern) { return pattern.matches(stream); });
}

/// Names a stream that the device hasn't named itself, as if it held nothing of it.
void DeviceSession::discover(StreamStat const& stat, fb::WelcomeT& welcome) {
    bool const is_told = find(stat.number.value) != nullptr;
    if (is_told || !principal_.may_read(stat.name)) {
        return;
    }
    open(stat.number, stat.name);  // none when full: then the state has no handle
    auto const way = catch_up(stat, HeldCursor{});
    add_to(welcome, way ? state_of(stat, way.value()) : denied(stat.name, way.error().code));
}

/// Takes a stream into the session, with its cursor.
fb::StreamStateT DeviceSession::enter(StreamRequest const& request) {
    bool const reads = principal_.may_read(request.name);
    if (!reads && (request.subscribe || !principal_.may_write(request.name))) {
        return denied(request.name, Errc::denied);
    }
    auto const found = host_.partition()->stat(std::string_view(request.name));
    if (!found) {
        return denied(request.name, found.error().code);
    }
    if (!found.value()) {
        return await(request);
    }
    auto const& stat = *found.value();
    auto const way = catch_up(stat, request.held);
    if (!way) {
        return denied(request.name, way.error().code);
    }
    auto* subscription = open(stat.number, stat.name);
    if (subscription == nullptr) {
        return denied(request.name, Errc::too_large);
    }
    auto const verdict = way.value().verdict;
    bool const goes_on = verdict == fb::Verdict::delta || verdict == fb::Verdict::up_to_date;
    drop_chunks(stat.number);
    if (request.subscribe && goes_on) {
        want(*subscription, way.value().after, stat.head);
    } else {
        rest(*subscription, way.value().after);
    }
    if (request.subscribe) {
        host_.count().verdicts[static_cast<std::size_t>(verdict)] += 1;
        if (verdict == fb::Verdict::snapshot) {
            offer_snapshot(stat);
        } else if (verdict == fb::Verdict::folded_delta) {
            offer_delta(stat, request.held.seq);
        }
    }
    return state_of(stat, way.value());
}

/// A stream that doesn't exist: its handle is told when it appears.
fb::StreamStateT DeviceSession::await(StreamRequest const& request) {
    bool const is_new = !waiting_.contains(request.name);
    if (is_new && is_full()) {
        return denied(request.name, Errc::too_large);
    }
    bool const is_lost = request.held.generation.value != 0;
    waiting_[request.name] = request.subscribe && !is_lost;
    if (is_new) {
        host_.wait_for(request.name, *this);
    }
    fb::StreamStateT state;
    state.name = request.name;
    state.verdict = is_lost ? fb::Verdict::reset : fb::Verdict::up_to_date;
    return state;
}

/// A stream's state without taking it into the session.
fb::StreamStateT DeviceSession::look(std::string_view name) {
    if (!principal_.may_read(name) && !principal_.may_write(name)) {
        return denied(name, Errc::denied);
    }
    auto const found = host_.partition()->stat(name);
    if (!found) {
        return denied(name, found.error().code);
    }
    if (!found.value()) {
        fb::StreamStateT state;
        state.name = name;
        return state;
    }
    auto const way = catch_up(*found.value(), HeldCursor{});
    return way ? state_of(*found.value(), way.value()) : denied(name, way.error().code);
}

Result<CatchUp> DeviceSession::catch_up(StreamStat const& stat, HeldCursor const& held) {
    auto const history = history_of(stat, host_.event_bytes(), host_.snapshots());
    std::optional<Hash128> chain_there;
    if (auto const seq = chain_needed(history, held)) {
        auto const chain = host_.partition()->chain_at(stat.number, *seq);
        if (!chain && chain.error().code != Errc::trimmed) {
            return chain.error();
        }
        chain_there = chain ? std::optional(chain.value()) : std::nullopt;
    }
    return choose_catch_up(history, held, chain_there);
}

fb::StreamStateT DeviceSession::state_of(StreamStat const& stat, CatchUp const& way) {
    fb::StreamStateT state;
    state.name = stat.name;
    state.stream = find(stat.number.value) == nullptr ? 0 : stat.number.value;
    state.verdict = way.verdict;
    state.code = way.why ? static_cast<std::uint16_t>(*way.why) : 0;
    state.generation = stat.generation.value;
    state.head = stat.head.value;
    state.chain = std::make_unique<fb::Hash>(to_wire(stat.chain));
    state.mark = stat.mark.value;
    bool const loads =
        way.verdict == fb::Verdict::snapshot || way.verdict == fb::Verdict::folded_delta;
    state.snapshot = loads ? way.after.value : 0;
    state.events = way.events;
    state.bytes = way.bytes;
    if (auto const known = host_.partition()->device(stat.number, device_)) {
        auto const& device = known.value();
        state.device_attempt = device.attempt.value;
        state.last_counter = device.last.counter.value;
        state.last_attempt = device.last.attempt.value;
        state.device_p = device.preceding_seq.value;
        state.halted = device.halted ? static_cast<std::uint16_t>(*device.halted) : 0;
    }
    return state;
}

bool DeviceSession::is_full() const {
    return subscriptions_.size() + waiting_.size() >= host_.options().streams_max;
}

Subscription* DeviceSession::find(std::uint32_t handle) {
    auto const at = subscriptions_.find(handle);
    return at == subscriptions_.end() ? nullptr : &at->second;
}

/// Nothing when the session has all the streams that it may have.
Subscription* DeviceSession::open(StreamNumber number, std::string_view name) {
    if (auto const waits = waiting_.find(std::string(name)); waits != waiting_.end()) {
        host_.stop_waiting(waits->first, *this);
        waiting_.erase(waits);
    }
    if (auto* known = find(number.value)) {
        return known;
    }
    if (is_full()) {
        return nullptr;
    }
    auto& topic = host_.topics().enter(number, name);
    auto& subscription = subscriptions_.try_emplace(number.value, *this, topic).first->second;
    subscription.may_read = principal_.may_read(name);
    subscription.may_write = principal_.may_write(name);
    return &subscription;
}

/// Events behind `after` are sent from now on.
void DeviceSession::want(Subscription& subscription, Seq after, Seq head) {
    subscription.unlink();
    subscription.wanted = true;
    subscription.cursor = after;
    if (after == head) {
        subscription.state = Subscription::State::live;
        subscription.topic.live.push_back(subscription);
    } else {
        subscription.state = Subscription::State::lagging;
        lagging_.push_back(subscription);
    }
}

/// The handle is known, no events are sent.
void DeviceSession::rest(Subscription& subscription, Seq held) {
    subscription.unlink();
    subscription.wanted = false;
    subscription.cursor = held;
    subscription.state = Subscription::State::known;
}

void DeviceSession::leave(Subscriptions::iterator at) {
    auto& topic = at->second.topic;
    subscriptions_.erase(at);  // leaves its list, too
    host_.topics().leave(topic);
}

/// Its handle is told, and its events read, when the connection takes them: many streams may appear
/// while the peer reads nothing.
void DeviceSession::stream_appeared(StreamMoved const& moved) {
    if (find(moved.stream.value) != nullptr) {
        return;
    }
    auto const waits = waiting_.find(std::string(moved.name));
    bool const is_awaited = waits != waiting_.end();
    bool const is_wanted = !is_awaited || waits->second;
    if (!principal_.may_read(moved.name) && is_wanted) {
        return;
    }
    auto* subscription = open(moved.stream, moved.name);
    if (subscription == nullptr) {
        if (!std::exchange(told_full_, true)) {
            notice({Errc::too_large, "streams of a session"}, {});
        }
        return;
    }
    if (!is_awaited && is_discovering()) {
        subscription->state = Subscription::State::found;
        found_.push_back(*subscription);
        return;
    }
    subscription->wanted = is_wanted;
    subscription->cursor = Seq{moved.first.value - 1};
    subscription->state = Subscription::State::appeared;
    appeared_.push_back(*subscription);
    wake_if_resting();
}

void DeviceSession::announce_some() {
    fb::WelcomeT welcome;
    welcome.version = kProtocolVersion;
    while (!appeared_.empty() && welcome.streams.size() < host_.options().page_streams) {
        auto& subscription = appeared_.front();
        auto const stat = host_.partition()->stat(subscription.topic.number);
        if (!stat || !stat.value()) {
            rest(subscription, subscription.cursor);
            continue;
        }
        auto const held = subscription.cursor;
        auto const head = stat.value()->head;
        CatchUp const way{.verdict = fb::Verdict::delta,
                          .after = held,
                          .events = head.value - held.value,
                          .bytes = (head.value - held.value) * host_.event_bytes()};
        if (subscription.wanted) {
            want(subscription, held, head);
        } else {
            rest(subscription, held);
        }
        add_to(welcome, state_of(*stat.value(), way));
    }
    push(welcome);
}

}  // namespace capstan
