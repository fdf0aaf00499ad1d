#pragma once
#include <capstan/schema/bytes.hpp>
#include <capstan/schema/error.hpp>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace capstan::posix {

/// What the reader of an error should do about an errno: `storage_full`, `not_found`, `overloaded`
/// (descriptors used up), else `disk_io`.
Error error_of(int number, std::string_view file, std::string_view call);

/// Calls until it is not interrupted; -1 and errno as the call left them.
template <class Call>
auto retry_interrupted(Call call) {
    auto result = call();
    while (result < 0 && errno == EINTR) {
        result = call();
    }
    return result;
}

/// Writes all of `bytes` by `call(data, size, at)`, which may take less than it was given. 0 or an
/// errno. A call that takes nothing and gives no reason counts as EIO: it would never end.
template <class Call>
int write_fully(ByteView bytes, std::uint64_t at, Call call) {
    while (!bytes.empty()) {
        auto const written =
            retry_interrupted([&] { return call(bytes.data(), bytes.size(), at); });
        if (written <= 0) {
            return written < 0 ? errno : EIO;
        }
        bytes = bytes.subspan(static_cast<std::size_t>(written));
        at += static_cast<std::uint64_t>(written);
    }
    return 0;
}

/// Reads until `into` is full or the file ends. The count, or minus an errno.
template <class Call>
std::int64_t read_fully(std::span<std::byte> into, std::uint64_t at, Call call) {
    std::size_t done = 0;
    while (done < into.size()) {
        auto const got = retry_interrupted(
            [&] { return call(into.data() + done, into.size() - done, at + done); });
        if (got < 0) {
            return -errno;
        }
        if (got == 0) {
            break;
        }
        done += static_cast<std::size_t>(got);
    }
    return static_cast<std::int64_t>(done);
}

}  // namespace capstan::posix
