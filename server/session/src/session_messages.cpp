// What a device says, but for Publish.
#include <algorithm>
#include <capstan/schema/limits.hpp>
#include <type_traits>

#include "device_session.hpp"
#include "host.hpp"

namespace capstan {
namespace {

constexpr std::uint64_t kFeatures = 0;  // none is defined in version 1

std::string_view text_of(flatbuffers::String const* text) {
    return text == nullptr ? std::string_view{} : std::string_view{text->c_str(), text->size()};
}

std::vector<StreamRequest> requests_of(
    flatbuffers::Vector<flatbuffers::Offset<fb::StreamCursor>> const* cursors) {
    std::vector<StreamRequest> streams;
    if (cursors != nullptr) {
        streams.reserve(cursors->size());
        for (auto const* cursor : *cursors) {
            auto const* chain = cursor->chain();
            streams.push_back(
                {.name = std::string(text_of(cursor->name())),
                 .held = {Generation{cursor->generation()},
                          Seq{cursor->seq()},
                          chain == nullptr ? std::nullopt : std::optional(from_wire(chain)),
                          cursor->snapshots(),
                          cursor->folds()},
                 .subscribe = cursor->subscribe()});
        }
    }
    return streams;
}

template <class T, class... Types>
constexpr bool is_one_of = (std::is_same_v<T, Types> || ...);

}  // namespace

Result<> DeviceSession::handle(Message const& message, Instant now) {
    return std::visit(
        [&]<class T>(T const* body) -> Result<> {
            if constexpr (std::is_same_v<T, fb::Hello>) {
                if (phase_ == Phase::greeting) {
                    return greet(*body);
                }
                return Error{Errc::protocol_violation, "a second Hello"};
            } else if (phase_ == Phase::greeting) {
                return Error{Errc::protocol_violation, "the first message is not Hello"};
            } else if constexpr (std::is_same_v<T, fb::Publish>) {
                return publish(*body, now);
            } else if constexpr (is_one_of<T,
                                           fb::Subscribe,
                                           fb::Unsubscribe,
                                           fb::Need,
                                           fb::NeedChunks,
                                           fb::Ack,
                                           fb::Head,
                                           fb::Credit>) {
                return on(*body);
            } else {
                return Error{Errc::protocol_violation, "a message that only servers send"};
            }
        },
        message);
}

Result<> DeviceSession::greet(fb::Hello const& hello) {
    if (hello.version() == 0) {
        return Error{Errc::version_unsupported, "version 0"};
    }
    if ((hello.features() & ~kFeatures) != 0) {
        return Error{Errc::version_unsupported,
                     "features " + std::to_string(hello.features() & ~kFeatures)};
    }
    CAPSTAN_TRY(host_.check_ready());
    CAPSTAN_TRY(principal_, host_.seams().authenticator.authenticate(text_of(hello.token())));
    principal_text_ = principal_.text();
    if (principal_text_.size() > kPrincipalBytesMax) {
        return Error{Errc::token_invalid, {}};
    }
    device_ = from_wire(*hello.device());
    credit_ = hello.credit();
    CAPSTAN_TRY(host_.claim(*this));
    phase_ = Phase::live;

    CatchUpRequest request{.session = number_, .streams = requests_of(hello.streams())};
    std::tie(request.position, request.position_chain) = host_.partition()->position();
    if (hello.patterns() != nullptr) {
        for (auto const* pattern : *hello.patterns()) {
            CAPSTAN_TRY(auto parsed, StreamPattern::parse(text_of(pattern)));
            host_.followers().add(*this, parsed);
            patterns_.push_back(std::move(parsed));
        }
        request.discovers = !patterns_.empty();
    }
    if (request.discovers && hello.position() != 0) {
        CAPSTAN_TRY(request.changed,
                    host_.partition()->changed_since(Position{hello.position()},
                                                     from_wire(hello.position_chain())));
    }
    start(std::move(request));
    return success();
}

Result<> DeviceSession::on(fb::Subscribe const& message) {
    start({.streams = requests_of(message.streams())});
    return success();
}

Result<> DeviceSession::on(fb::Unsubscribe const& message) {
    if (auto const at = subscriptions_.find(message.stream()); at != subscriptions_.end()) {
        std::erase_if(needs_,
                      [&](NeedRange const& need) { return need.stream.value == message.stream(); });
        drop_chunks(StreamNumber{message.stream()});
        leave(at);
    }
    return success();
}

Result<> DeviceSession::on(fb::Need const& message) {
    StreamNumber const stream{message.stream()};
    auto const* subscription = find(stream.value);
    if (subscription == nullptr || !subscription->may_read) {
        notice({Errc::not_found, "Need"}, stream);
    } else if (needs_.size() >= host_.options().needs_max) {
        notice({Errc::rate_limited, "Need"}, stream);
    } else {
        needs_.push_back({stream, Seq{message.first()}, Seq{message.last()}});
    }
    return success();
}

Result<> DeviceSession::on(fb::Ack const& message) {
    StreamNumber const stream{message.stream()};
    auto* subscription = find(stream.value);
    Seq const held{message.seq()};
    if (subscription == nullptr) {
        notice({Errc::not_found, "Ack"}, stream);
    } else if (subscription->wanted && held > subscription->cursor) {
        notice({Errc::request_invalid,
                "Ack of " + std::to_string(held.value) + ", sent up to " +
                    std::to_string(subscription->cursor.value)},
               stream);
    } else {
        subscription->acked = std::max(subscription->acked, held);
    }
    return success();
}

Result<> DeviceSession::on(fb::Head const& message) {
    fb::HeadT answer;
    answer.name = text_of(message.name());
    answer.state = std::make_unique<fb::StreamStateT>(look(answer.name));
    push(answer);
    return success();
}

Result<> DeviceSession::on(fb::Credit const& message) {
    auto const most = static_cast<std::int64_t>(host_.options().credit_bytes_max);
    credit_ = std::min(most, credit_ + message.bytes());
    return success();
}

}  // namespace capstan
