#include "process.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

namespace capstan {

ProcessUsage process_usage() {
    namespace fs = std::filesystem;
    ProcessUsage usage;
    std::uint64_t pages = 0;
    std::uint64_t resident = 0;
    if (std::ifstream file("/proc/self/statm"); file >> pages >> resident) {
        usage.resident_bytes = resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    }
    std::error_code error;
    fs::directory_iterator const descriptors("/proc/self/fd", error);
    if (!error) {
        auto const count = std::distance(begin(descriptors), end(descriptors));
        usage.open_descriptors = static_cast<std::uint64_t>(count);
    }
    return usage;
}

std::size_t connections_allowed(std::size_t wanted, std::size_t reserved) {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return wanted;
    }
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    ::getrlimit(RLIMIT_NOFILE, &limit);
    auto const descriptors = static_cast<std::size_t>(limit.rlim_cur);
    return std::min(wanted, descriptors > reserved ? descriptors - reserved : std::size_t{1});
}

Result<std::string> read_text_file(std::string const& path) {
    if (std::error_code unknown; std::filesystem::is_directory(path, unknown)) {
        return Error{Errc::config_invalid, path + " is a directory, not a file"};
    }
    std::ifstream file(path, std::ios::binary);
    std::stringstream text;
    text << file.rdbuf();
    if (!file) {
        return Error{Errc::config_invalid, path + ": cannot be read"};
    }
    return text.str();
}

}  // namespace capstan
