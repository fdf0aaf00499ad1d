#include "posix_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "posix_calls.hpp"

namespace capstan::posix {
namespace {

class PosixFile final : public File {
  public:
    PosixFile(int descriptor, std::string name) : descriptor_(descriptor), name_(std::move(name)) {}
    ~PosixFile() override { ::close(descriptor_); }
    PosixFile(PosixFile const&) = delete;
    PosixFile& operator=(PosixFile const&) = delete;

    Result<std::size_t> pread(std::span<std::byte> into, std::uint64_t at) override {
        auto const got =
            read_fully(into, at, [this](std::byte* data, std::size_t size, std::uint64_t place) {
                return ::pread(descriptor_, data, size, static_cast<off_t>(place));
            });
        if (got < 0) {
            return error_of(static_cast<int>(-got), name_, "pread");
        }
        return static_cast<std::size_t>(got);
    }

    Result<> pwrite(ByteView bytes, std::uint64_t at) override {
        int const number = write_fully(
            bytes, at, [this](std::byte const* data, std::size_t size, std::uint64_t place) {
                return ::pwrite(descriptor_, data, size, static_cast<off_t>(place));
            });
        if (number != 0) {
            return error_of(number, name_, "pwrite");
        }
        return success();
    }

    Result<> datasync() override {
        // EINTR is reported too: whether pages were marked clean is not known then.
        return check(::fdatasync(descriptor_), "fdatasync");
    }

    Result<std::uint64_t> size() override {
        struct stat status {};
        CAPSTAN_TRY(check(::fstat(descriptor_, &status), "fstat"));
        return static_cast<std::uint64_t>(status.st_size);
    }

    Result<> truncate(std::uint64_t bytes) override {
        return check(
            retry_interrupted([&] { return ::ftruncate(descriptor_, static_cast<off_t>(bytes)); }),
            "ftruncate");
    }

    Result<> allocate(std::uint64_t bytes) override {
        int const result = retry_interrupted(
            [&] { return ::fallocate(descriptor_, 0, 0, static_cast<off_t>(bytes)); });
        if (result != 0 && (errno == EOPNOTSUPP || errno == ENOSYS)) {
            return grow_to(
                bytes);  // no reservation here; writing zeros ahead finds a full disk too
        }
        return check(result, "fallocate");
    }

  private:
    Result<> grow_to(std::uint64_t bytes) {
        CAPSTAN_TRY(auto const now, size());
        return now < bytes ? truncate(bytes) : success();
    }

    Result<> check(int result, std::string_view call) const {
        if (result != 0) {
            return error_of(errno, name_, call);
        }
        return success();
    }

    int descriptor_;
    std::string name_;
};

}  // namespace

std::unique_ptr<File> make_file(int descriptor, std::string name) {
    return std::make_unique<PosixFile>(descriptor, std::move(name));
}

Error error_of(int number, std::string_view file, std::string_view call) {
    auto code = Errc::disk_io;
    if (number == ENOSPC || number == EDQUOT) {
        code = Errc::storage_full;
    } else if (number == ENOENT) {
        code = Errc::not_found;
    } else if (number == EMFILE || number == ENFILE) {
        code = Errc::overloaded;
    }
    std::string detail(file);
    detail.append(": ").append(call).append(": ");
    detail += std::generic_category().message(number);
    return Error{code, std::move(detail)};
}

}  // namespace capstan::posix
