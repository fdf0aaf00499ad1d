#include <algorithm>
#include <charconv>
#include <utility>

#include "api.hpp"

namespace capstan {
namespace {

constexpr std::size_t kEventsDefault = 1'000;
constexpr std::size_t kEventBytesGuess = 1'024;

template <class Number>
bool parse_number(std::string_view text, Number& out, int base = 10) {
    auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), out, base);
    return error == std::errc{} && end == text.data() + text.size();
}

Error bad(std::string_view name, std::string_view text) {
    return Error{Errc::request_invalid, std::string(name) + "=" + std::string(text)};
}

Result<std::optional<StreamPosition>> position_of(HttpCall const& call, std::string_view name) {
    auto const text = call.parameter(name);
    if (!text) {
        return std::optional<StreamPosition>{};
    }
    CAPSTAN_TRY(auto position, StreamPosition::parse(*text));
    return std::optional(position);
}

/// `20` seconds, `20s`, `500ms`.
Result<Duration> wait_of(HttpCall const& call, Duration max) {
    auto const text = call.parameter("wait");
    if (!text) {
        return Duration{};
    }
    std::uint32_t seconds = 0;
    if (parse_number(*text, seconds)) {
        return std::min<Duration>(std::chrono::seconds(seconds), max);
    }
    CAPSTAN_TRY(auto const micros, parse_duration(*text));
    return std::min<Duration>(std::chrono::microseconds(micros), max);
}

/// Equal tags, equal bodies: one that tells the head has it in its tag.
std::string etag_of(Generation generation, Seq first, Seq end, std::optional<Seq> head) {
    return '"' + to_string(generation) + '.' + std::to_string(first.value) + '.' +
           std::to_string(end.value) + (head ? '.' + std::to_string(head->value) : "") + '"';
}

constexpr std::string_view kFrozen = "private, max-age=31536000, immutable";
constexpr std::string_view kRevalidate = "private, no-cache";

/// The events of an answer, as far as it goes.
struct EventsJson {
    std::string text;
    std::size_t count = 0;
    std::size_t bytes = 0;  // as stored
    Seq next;
};

/// Adds the page's events in [next, end) up to the limits. False when no more are wanted.
Result<bool> add_page(
    EventsJson& out, Page const& page, Seq end, std::size_t limit, std::size_t bytes_max) {
    auto const add = [&](Seq seq, DeliveredRunView const& delivered, std::uint32_t index) {
        if (seq >= end || out.count == limit || (out.count != 0 && out.bytes >= bytes_max)) {
            return false;
        }
        out.text += out.count == 0 ? "\n" : ",\n";
        append_event_json(out.text, seq, delivered, index);
        out.count += 1;
        out.bytes += delivered.run().event(index).size();
        out.next = seq.next();
        return true;
    };
    CAPSTAN_TRY(auto const goes_on, each_event(page, out.next, add));
    return goes_on && out.next < end;
}

}  // namespace

namespace {

/// Server-sent events, as browsers ask for them.
bool wants_flow(HttpRequest const& request) {
    return request.field("Accept").find("text/event-stream") != std::string_view::npos;
}

/// A stream that is not there has no tail; a seq is a seq.
Seq first_of_absent(auto const& query) {
    auto const seq_of = [](auto const& position) {
        bool const is_seq = position && position->kind == StreamPosition::Kind::seq;
        return is_seq ? std::optional(position->seq) : std::nullopt;
    };
    if (auto const held = seq_of(query.after)) {
        return held->next();
    }
    return std::max(seq_of(query.from).value_or(Seq{1}), Seq{1});
}

}  // namespace

void Api::read_events(HttpCall call) {
    if (!call.principal.may_read(call.stream)) {
        return call.fail({Errc::not_found, call.stream});  // as if it weren't there
    }
    auto query = parse_read(call);
    if (!query) {
        return call.fail(query.error());
    }
    if (wants_flow(call.request)) {
        return start_flow(call, std::move(query).value());
    }
    auto const range = resolve(query.value());
    bool const is_unknown = !range && (range.error().code == Errc::not_found ||
                                       range.error().code == Errc::lost_history);
    if (is_unknown || (range && range.value().first > range.value().stat.head)) {
        // Its caller may have seen more on another node.
        partition_->catch_up([this, query = std::move(query).value(), respond = call.respond](
                                 Result<> const& caught_up) mutable {
            caught_up ? read_or_wait(std::move(query), std::move(respond))
                      : respond(problem_of({Errc::behind, caught_up.error().detail},
                                           options_.retry_after_ms));
        });
    } else {
        read_or_wait(std::move(query).value(), std::move(call.respond));
    }
}

void Api::read_or_wait(ReadQuery query, Respond respond) {
    bool const wait = query.wait > Duration{} && !draining_;
    auto const range = resolve(query);
    bool const absent = !range && range.error().code == Errc::not_found;
    bool const nothing_yet = range && range.value().first > range.value().stat.head;
    if (wait && (absent || nothing_yet)) {
        if (nothing_yet) {
            // `tail` and the like mean what they meant when the wait began.
            query.from = StreamPosition{StreamPosition::Kind::seq, range.value().first};
            query.after.reset();
        }
        wait_for_events(std::move(query), std::move(respond));
    } else {
        answer_read(query, respond);
    }
}

Result<Api::ReadQuery> Api::parse_read(HttpCall const& call) const {
    ReadQuery query;
    query.stream = call.stream;
    query.if_none_match = call.request.field("If-None-Match");
    CAPSTAN_TRY(query.from, position_of(call, "from"));
    CAPSTAN_TRY(query.after, position_of(call, "after"));
    CAPSTAN_TRY(query.to, position_of(call, "to"));
    CAPSTAN_TRY(query.wait, wait_of(call, options_.wait_max));
    if (query.from && query.after) {
        return Error{Errc::request_invalid, "from and after exclude each other"};
    }
    query.limit = kEventsDefault;
    if (auto const text = call.parameter("limit")) {
        if (!parse_number(*text, query.limit) || query.limit == 0) {
            return bad("limit", *text);
        }
        query.limit = std::min(query.limit, options_.page_events_max);
    }
    if (auto const text = call.parameter("generation")) {
        Generation generation;
        if (text->size() != 16 || !parse_number(*text, generation.value, 16)) {
            return bad("generation", *text);
        }
        query.generation = generation;
    }
    return query;
}

Result<Seq> Api::place(StreamStat const& stat, StreamPosition const& position) {
    if (auto const seq = position.resolve(stat.tape_first, stat.head)) {
        return *seq;
    }
    using Kind = StreamPosition::Kind;
    if (position.kind == Kind::snapshot) {
        return Error{Errc::position_invalid, "this server has no snapshots"};
    }
    bool const age = position.kind == Kind::age;
    return first_at(stat, age ? seams_.clock.wall().micros - position.micros : position.micros);
}

/// The first event that the server took at or after a time. Times hardly ever go back between runs,
/// so a search by halves finds it, or its like.
Result<Seq> Api::first_at(StreamStat const& stat, std::int64_t micros) {
    Seq low = std::max(stat.tape_first, Seq{1});
    Seq high = stat.head.next();
    while (low < high) {
        Seq const middle{low.value + (high.value - low.value) / 2};
        CAPSTAN_TRY(auto const page, partition_->read(stat.number, middle, 1));
        ByteReader reader(page.runs);
        CAPSTAN_TRY(auto const delivered, DeliveredRunView::take(reader));
        if (delivered.gateway_time().micros < micros) {
            low = page.first.plus(delivered.run().count());
        } else {
            high = page.first <= low ? low : page.first;
        }
    }
    return low;
}

Result<Api::Range> Api::resolve(ReadQuery const& query) {
    Range range;
    CAPSTAN_TRY(range.stat, stat_of(query.stream));
    auto const& stat = range.stat;
    if (query.generation && *query.generation != stat.generation) {
        return Error{Errc::lost_history, "the generation is " + to_string(stat.generation)};
    }
    range.pinned = query.generation.has_value();
    range.first = std::max(stat.tape_first, Seq{1});
    range.end = stat.head.next();
    if (query.from) {
        CAPSTAN_TRY(range.first, place(stat, *query.from));
    } else if (query.after) {
        CAPSTAN_TRY(auto const held, place(stat, *query.after));
        range.first = held.next();
    }
    if (query.to) {
        CAPSTAN_TRY(auto const end, place(stat, *query.to));
        range.closed = end <= range.end && end > range.first;
        range.end = std::min(range.end, end);
    }
    if (range.first == Seq{}) {
        range.first = Seq{1};
    }
    if (range.first < stat.tape_first) {
        return Error{Errc::trimmed, "the tape begins at " + std::to_string(stat.tape_first.value)};
    }
    return range;
}

void Api::answer_read(ReadQuery const& query, Respond const& respond) {
    auto const range = resolve(query);
    auto response = range ? read(query, range.value()) : Result<HttpResponse>(range.error());
    respond(response ? std::move(response).value() : problem_of(response.error()));
}

Result<HttpResponse> Api::read(ReadQuery const& query, Range const& range) {
    EventsJson events{.next = range.first};
    while (events.next < range.end && events.count < query.limit) {
        auto const wanted = std::min<std::uint64_t>(query.limit - events.count,
                                                    range.end.value - events.next.value);
        // A guess: at least a run is read, and then on while events are missing.
        auto const bytes =
            std::min<std::uint64_t>(wanted * kEventBytesGuess, options_.page_bytes_max);
        CAPSTAN_TRY(auto const page, partition_->read(range.stat.number, events.next, bytes));
        CAPSTAN_TRY(auto const more,
                    add_page(events, page, range.end, query.limit, options_.page_bytes_max));
        if (!more) {
            break;
        }
    }
    HttpResponse response;
    bool const whole = range.closed && events.next == range.end;
    bool const frozen = whole && range.pinned;
    auto const head = whole ? std::nullopt : std::optional(range.stat.head);
    auto const etag = etag_of(range.stat.generation, range.first, events.next, head);
    response.fields = {{"ETag", etag},
                       {"Cache-Control", std::string(frozen ? kFrozen : kRevalidate)},
                       {"Vary", "Authorization"}};
    if (query.if_none_match == etag) {
        response.status = 304;
        return response;
    }
    response.body = "{\"stream\":" + json_string(query.stream) + ",\"generation\":\"" +
                    to_string(range.stat.generation) +
                    "\",\"from\":" + std::to_string(range.first.value) +
                    ",\"next\":" + std::to_string(events.next.value) +
                    (head ? ",\"head\":" + std::to_string(head->value) : "") + ",\"events\":[" +
                    events.text + "]}\n";
    return response;
}

// ---- server-sent events

void Api::start_flow(HttpCall const& call, ReadQuery query) {
    for (auto const* name : {"to", "limit", "wait"}) {
        if (call.parameter(name)) {
            return call.fail(
                {Errc::request_invalid, std::string(name) + " does not go with text/event-stream"});
        }
    }
    if (draining_) {
        return call.respond(
            problem_of({Errc::not_ready, "shutting down"}, options_.retry_after_ms));
    }
    if (auto const text = call.request.field("Last-Event-ID"); !text.empty()) {
        auto const id = EventId::parse(text);
        if (!id) {
            return call.fail(bad("Last-Event-ID", text));
        }
        query.after = StreamPosition{StreamPosition::Kind::seq, id->seq};
        query.from.reset();
        query.generation = id->generation ? id->generation : query.generation;
    }
    auto const range = resolve(query);
    bool const absent = !range && range.error().code == Errc::not_found;
    if (!range && !absent) {
        return call.fail(range.error());
    }
    if (!absent && range.value().stat.sealed && range.value().first > range.value().stat.head) {
        // A browser comes back after each end, but not after this.
        return call.respond({.status = 204, .fields = {{"Cache-Control", "no-store"}}});
    }
    EventFlow::Start const start{
        .stream = query.stream,
        .generation = absent ? query.generation : range.value().stat.generation,
        .next = absent ? first_of_absent(query) : range.value().first};
    call.respond({.fields = {{"Cache-Control", "no-store"}, {"X-Accel-Buffering", "no"}},
                  .content_type = "text/event-stream",
                  .flow = std::make_shared<EventFlow>(
                      start, EventFlow::World{options_, seams_, *partition_, flows_})});
}

// ---- long poll

void Api::wait_for_events(ReadQuery query, Respond respond) {
    auto const id = ++last_poll_;
    auto& poll = polls_[id];
    // Both come in tasks of their own, so that the call that brought the events is over.
    auto const later = [this, id] { seams_.strand.post([this, id] { finish_poll(id); }); };
    poll.watch = seams_.host.watch(query.stream, [this, id, later] {
        if (auto const found = polls_.find(id); found != polls_.end()) {
            found->second.watch = 0;  // it calls once
            later();
        }
    });
    poll.timer = seams_.strand.after(query.wait, later);
    poll.query = std::move(query);
    poll.respond = std::move(respond);
}

void Api::finish_poll(std::uint64_t id) {
    auto const found = polls_.find(id);
    if (found == polls_.end()) {
        return;
    }
    auto const poll = std::move(found->second);
    polls_.erase(found);
    if (poll.watch != 0) {
        seams_.host.unwatch(poll.watch);
    }
    answer_read(poll.query, poll.respond);
}

void Api::drain() {
    draining_ = true;
    end_all();
}

void Api::end_all() {
    while (!polls_.empty()) {
        finish_poll(polls_.begin()->first);
    }
    // One that ends at once takes itself out.
    for (auto* flow : EventFlows(flows_)) {
        if (flows_.contains(flow)) {
            flow->drain();
        }
    }
}

}  // namespace capstan
