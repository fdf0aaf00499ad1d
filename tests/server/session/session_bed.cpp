#include "session_bed.hpp"

#include <capstan/schema/run.hpp>
#include <sstream>

namespace capstan::test {

Result<Principal> TextAuthenticator::authenticate(std::string_view token) {
    std::istringstream words{std::string(token)};
    std::string who;
    words >> who;
    auto const slash = who.find('/');
    if (slash == std::string::npos) {
        return Error{Errc::token_invalid, {}};
    }
    Principal principal{.tenant = who.substr(0, slash), .subject = who.substr(slash + 1)};
    for (std::string grant; words >> grant;) {
        CAPSTAN_TRY(auto pattern, StreamPattern::parse(grant.substr(2)));
        principal.grants.push_back({pattern, grant[0] == 'r', grant[0] == 'w'});
    }
    return principal;
}

DeviceId device_named(std::string_view name) {
    DeviceId device;
    for (std::size_t i = 0; i < name.size() && i < device.bytes.size(); ++i) {
        device.bytes[i] = static_cast<std::byte>(name[i]);
    }
    return device;
}

Bytes event_named(std::string_view text) {
    auto const bytes = as_bytes(text);
    return {bytes.begin(), bytes.end()};
}

void SessionBed::make_host(SessionOptions const& options, std::unique_ptr<Executor> executor) {
    strand = std::move(executor);
    host = SessionHost::make(options,
                             {.clock = clock,
                              .random = random,
                              .strand = *strand,
                              .reader = *strand,
                              .authenticator = authenticator});
}

FakeBed::FakeBed(SessionOptions const& options, std::uint64_t seed) : SessionBed(seed) {
    auto executor = std::make_unique<QueueExecutor>();
    queue_ = executor.get();
    make_host(options, std::move(executor));
    partition_ = std::make_unique<FakePartition>(*host);
    host->attach(*partition_);
}

void FakeBed::flush(std::size_t submissions_max) {
    partition_->flush(submissions_max);
    run();
}

SessionBed::Peer::Peer(SessionBed& bed, std::function<void(ByteView)> on_payload)
    : bed_(bed), on_payload_(std::move(on_payload)) {
    auto const wake = [this] {
        wakes += 1;
        if (!waits) {
            take();
        }
    };
    session_ = bed.host->accept(wake, bed.clock.now());
}

Result<> SessionBed::Peer::send(ByteView payload) {
    if (closed_) {
        return Error{Errc::connection_closed, {}};
    }
    auto result = session_->on_message(payload, bed_.clock.now());
    bed_.run();
    return result;
}

void SessionBed::Peer::take(std::size_t payloads_max, std::size_t bytes_max) {
    if (closed_) {
        return;
    }
    while (session_->ending() != Ending::at_once && payloads_max-- > 0) {
        auto const payload = session_->next_write(bytes_max);
        if (!payload) {
            break;
        }
        auto whole = *payload.first;
        if (payload.second) {
            whole.insert(whole.end(), payload.second->begin(), payload.second->end());
        }
        on_payload_(whole);
    }
    auto const ending = session_->ending();
    if (ending == Ending::at_once || (ending == Ending::after_writes && !session_->wants_write())) {
        close();
    }
}

void SessionBed::Peer::close() {
    if (!closed_) {
        closed_ = true;
        session_->on_close();
    }
}

fb::HelloT hello_of(std::string const& name, std::uint32_t credit) {
    fb::HelloT hello;
    hello.version = kProtocolVersion;
    hello.device = std::make_unique<fb::Device>(to_wire(device_named(name)));
    hello.token = "acme/" + name;
    hello.credit = credit;
    return hello;
}

void add_stream(fb::HelloT& hello, std::string const& stream) {
    hello.streams.push_back(std::make_unique<fb::StreamCursorT>());
    hello.streams.back()->name = stream;
}

void append(FakeBed& bed, std::vector<std::string> const& streams, std::string const& event) {
    Principal const principal{.tenant = "acme", .subject = "writer"};
    for (auto const& stream : streams) {
        ByteView const events[] = {as_bytes(event)};
        bed.host->append({.principal = principal,
                          .stream = stream,
                          .expect_head = std::nullopt,
                          .events = events},
                         [](RunAnswer const& answer) {
                             CAPSTAN_INVARIANT(answer.result.outcome() == fb::Outcome::accepted);
                         });
    }
    bed.flush();
}

std::vector<std::string> numbered(std::string const& prefix, std::size_t count) {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < count; ++i) {
        names.push_back(prefix + std::to_string(i));
    }
    return names;
}

Bytes run_of(Attempt attempt, Link after, Seq p, std::vector<std::string> const& events) {
    std::vector<ByteView> views;
    for (auto const& event : events) {
        views.push_back(as_bytes(event));
    }
    return encode_run({.attempt = attempt, .after = after, .preceding_seq = p}, views);
}

}  // namespace capstan::test
