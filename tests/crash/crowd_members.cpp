#include "crowd_members.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <capstan/schema/wire.hpp>
#include <cstdlib>
#include <cstring>

namespace capstan::test {
namespace {

constexpr std::uint32_t kCredit = 64 * 1'048'576;
constexpr char kBinaryFrame = '\x82';
constexpr std::size_t kFrameHeaderBytesMax = 10;

[[noreturn]] void fail(std::string const& why) {
    fmt::print("FAILED: {}\n", why);
    std::exit(1);
}

/// A client's frame, masked with a key of zeros.
std::string frame_of(ByteView payload) {
    std::string frame(1, kBinaryFrame);
    frame += static_cast<char>(0x80 | 126);
    frame += static_cast<char>(payload.size() >> 8);
    frame += static_cast<char>(payload.size() & 0xff);
    frame.append(4, '\0');
    frame.append(reinterpret_cast<char const*>(payload.data()), payload.size());
    return frame;
}

/// Header and payload sizes of the frame at the front; nothing while its header isn't there.
std::pair<std::size_t, std::size_t> sizes_of(std::string const& input) {
    if (input.size() < kFrameHeaderBytesMax) {
        return {};
    }
    auto const at = [&](std::size_t i) { return static_cast<unsigned char>(input[i]); };
    if (at(1) < 126) {
        return {2, at(1)};
    }
    std::size_t const digits = at(1) == 126 ? 2 : 8;
    std::size_t size = 0;
    for (std::size_t i = 0; i < digits; ++i) {
        size = size << 8 | at(2 + i);
    }
    return {2 + digits, size};
}

}  // namespace

Crowd::Crowd(std::size_t members, std::uint16_t port, std::string token, std::string stream)
    : port_(port),
      token_(std::move(token)),
      stream_(std::move(stream)),
      epoll_(epoll_create1(0)),
      members_(members) {}

Crowd::~Crowd() {
    drop_all();
    close(epoll_);
}

void Crowd::join() {
    joined_ = 0;
    began_ = SteadyClock::now();
    for (std::size_t i = 0; i < members_.size(); ++i) {
        dial(i);
    }
}

void Crowd::dial(std::size_t index) {
    auto& member = members_[index];
    member.state = State::dialling;
    member.input.clear();
    member.socket = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port_);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int const result =
        connect(member.socket, reinterpret_cast<sockaddr*>(&address), sizeof address);
    if (member.socket < 0 || (result != 0 && errno != EINPROGRESS)) {
        fail(fmt::format("member {} cannot dial: {}", index, std::strerror(errno)));
    }
    watch(index, EPOLLOUT, EPOLL_CTL_ADD);
}

void Crowd::watch(std::size_t index, std::uint32_t events, int operation) const {
    epoll_event event{};
    event.events = events;
    event.data.u64 = index;
    epoll_ctl(epoll_, operation, members_[index].socket, &event);
}

void Crowd::poll() {
    std::array<epoll_event, 512> events;
    int const count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 10);
    for (int i = 0; i < count; ++i) {
        on_event(events[static_cast<std::size_t>(i)].data.u64,
                 events[static_cast<std::size_t>(i)].events);
    }
}

void Crowd::on_event(std::size_t index, std::uint32_t events) {
    auto& member = members_[index];
    if (member.state != State::dialling) {
        read_some(member, index);
        return;
    }
    if ((events & (EPOLLERR | EPOLLHUP)) != 0) {
        fail(fmt::format("member {} was not let in", index));
    }
    member.state = State::upgrading;
    write_all(member.socket,
              "GET /v1/sync HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
              "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
              "Sec-WebSocket-Version: 13\r\n\r\n");
    watch(index, EPOLLIN, EPOLL_CTL_MOD);
}

void Crowd::read_some(Member& member, std::size_t index) {
    std::array<char, 65'536> bytes;
    auto const got = read(member.socket, bytes.data(), bytes.size());
    if (got < 0 && errno == EAGAIN) {
        return;
    }
    if (got <= 0) {
        fail(fmt::format("member {} was cut off: {}", index, got < 0 ? std::strerror(errno) : ""));
    }
    member.input.append(bytes.data(), static_cast<std::size_t>(got));
    on_input(member, index);
}

void Crowd::on_input(Member& member, std::size_t index) {
    if (member.state == State::upgrading) {
        auto const end = member.input.find("\r\n\r\n");
        if (end == std::string::npos) {
            return;
        }
        if (!member.input.starts_with("HTTP/1.1 101")) {
            fail("no WebSocket: " + member.input.substr(0, end));
        }
        member.input.erase(0, end + 4);
        member.state = State::greeting;
        say_hello(member, index);
    }
    while (take_frame(member)) {
    }
    if (member.input.empty()) {
        member.input.shrink_to_fit();
    }
}

bool Crowd::take_frame(Member& member) {
    auto const [header, size] = sizes_of(member.input);
    if (header == 0 || member.input.size() < header + size) {
        return false;
    }
    if (member.input[0] == kBinaryFrame) {  // pings may wait: nobody is silent for long here
        std::string const payload = member.input.substr(header, size);
        take_payload(member, as_bytes(payload));
    }
    member.input.erase(0, header + size);
    return true;
}

void Crowd::take_payload(Member& member, ByteView payload) {
    MessageReader reader(payload);
    for (auto next = reader.next(); next.has_value() && next.value(); next = reader.next()) {
        auto const& message = *next.value();
        if (auto const* welcome = std::get_if<fb::Welcome const*>(&message)) {
            member.generation = (*welcome)->streams()->Get(0)->generation();
            member.state = State::following;
            member.waited = std::chrono::duration<double>(SteadyClock::now() - began_).count();
            joined_ += 1;
        } else if (auto const* events = std::get_if<fb::Events const*>(&message)) {
            if ((*events)->first() != member.holds + 1) {
                fail(
                    fmt::format("I5: a member got {} behind {}", (*events)->first(), member.holds));
            }
            member.holds = (*events)->last();
        } else if (auto const* notice = std::get_if<fb::Notice const*>(&message)) {
            fail(fmt::format("a member was told {}", (*notice)->code()));
        }
    }
}

void Crowd::say_hello(Member const& member, std::size_t index) const {
    DeviceId device{};
    device.bytes[0] = std::byte{1};
    for (std::size_t i = 0; i < sizeof index; ++i) {
        device.bytes[8 + i] = static_cast<std::byte>(index >> (8 * i));
    }
    fb::HelloT hello;
    hello.version = kProtocolVersion;
    hello.device = std::make_unique<fb::Device>(to_wire(device));
    hello.token = token_;
    hello.credit = kCredit;
    hello.streams.push_back(std::make_unique<fb::StreamCursorT>());
    hello.streams.back()->name = stream_;
    hello.streams.back()->generation = member.holds == 0 ? 0 : member.generation;
    hello.streams.back()->seq = member.holds;
    MessageWriter writer;
    writer.add(hello);
    write_all(member.socket, frame_of(writer.payload()));
}

void Crowd::write_all(int socket, std::string_view bytes) {
    if (send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(bytes.size())) {
        fail(std::string("a member cannot write: ") + std::strerror(errno));
    }
}

void Crowd::stop_reading(std::size_t member) {
    epoll_ctl(epoll_, EPOLL_CTL_DEL, members_[member].socket, nullptr);
}

void Crowd::drop_all() {
    for (auto& member : members_) {
        if (member.socket >= 0) {
            close(std::exchange(member.socket, -1));
        }
    }
}

std::size_t Crowd::holding(std::uint64_t seq) const {
    return static_cast<std::size_t>(
        std::ranges::count_if(members_, [&](Member const& one) { return one.holds >= seq; }));
}

std::vector<double> Crowd::waits() const {
    std::vector<double> waits;
    for (auto const& member : members_) {
        waits.push_back(member.waited);
    }
    return waits;
}

}  // namespace capstan::test
