#include <capstan/schema/run.hpp>

#include "device_session.hpp"
#include "host.hpp"

namespace capstan {
namespace {

ByteView bytes_of(flatbuffers::Vector<std::uint8_t> const& bytes) {
    return {reinterpret_cast<std::byte const*>(bytes.data()), bytes.size()};
}

std::string_view name_of(fb::Publish const& message) {
    return message.name() == nullptr
               ? std::string_view{}
               : std::string_view{message.name()->c_str(), message.name()->size()};
}

}  // namespace

Result<> DeviceSession::publish(fb::Publish const& message, Instant now) {
    StreamNumber const stream{message.stream()};
    auto const bytes = bytes_of(*message.run());
    auto const run = RunView::decode(bytes);
    if (!run) {
        auto const id = RunId::guess(bytes, stream);
        if (!id) {
            return run.error();
        }
        turn_away(*id, {run.error()}, name_of(message));
        return success();
    }
    auto const id = RunId::of(run.value(), stream);
    if (auto const refusal = pass_on(message, run.value(), id, now)) {
        turn_away(id, *refusal, name_of(message));
    }
    return success();
}

/// The stream's name, if the device may write to it. A handle that this session was not told gives
/// the same answer whether there is such a stream or not.
Result<std::string_view> DeviceSession::writable_stream(fb::Publish const& message) {
    if (message.stream() == 0) {
        if (!principal_.may_write(name_of(message))) {
            return Error{Errc::denied, {}};
        }
        return name_of(message);
    }
    auto const* subscription = find(message.stream());
    if (subscription == nullptr) {
        return Error{Errc::not_found, "no such handle"};
    }
    if (!subscription->may_write) {
        return Error{Errc::denied, {}};
    }
    return std::string_view(subscription->topic.name);
}

std::optional<TurnedAway> DeviceSession::pass_on(fb::Publish const& message,
                                                 RunView const& run,
                                                 RunId const& id,
                                                 Instant now) {
    auto const stream = writable_stream(message);
    if (!stream) {
        return TurnedAway{stream.error()};
    }
    Seq const guard{message.expect_head()};
    Order const order{.principal = principal_text_,
                      .device = device_,
                      .stream = stream.value(),
                      .generation = Generation{message.generation()},
                      .expect_head = guard == kAtHead ? std::nullopt : std::optional(guard),
                      .run = run};
    auto const slot = in_flight_.add({id, std::string(name_of(message))});
    auto refusal = host_.submit(order, submitter_, slot, now);
    if (refusal) {
        in_flight_.take(slot);
    }
    return refusal;
}

void DeviceSession::turn_away(RunId const& run, TurnedAway const& refusal, std::string_view name) {
    host_.count().runs_turned_away += 1;
    // A run that waits needs no story; the code and the time say it all.
    bool const waits = refusal.retry_after_ms != 0;
    answers_.add(result_of(run, refusal), std::string(name), waits ? "" : refusal.why.detail);
}

void DeviceSession::on_verdict(std::uint32_t slot, Verdict const& verdict) {
    auto run = in_flight_.take(slot);
    if (answers_.empty()) {
        host_.has_answers(*this);
    }
    auto const result = result_of(run.id, verdict);
    host_.count(result.outcome());
    answers_.add(result, std::move(run.name), {});
}

void DeviceSession::on_turned_away(std::uint32_t slot, TurnedAway const& refusal) {
    auto const run = in_flight_.take(slot);
    if (answers_.empty()) {
        host_.has_answers(*this);
    }
    turn_away(run.id, refusal, run.name);
}

void DeviceSession::end_of_batch() {
    flush_answers();
    check_queue();
    wake_if_resting();
}

void DeviceSession::flush_answers() {
    if (!answers_.empty()) {
        answers_.put(host_.writer(), out_);
    }
}

}  // namespace capstan
