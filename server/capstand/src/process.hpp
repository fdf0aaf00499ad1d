#pragma once
#include <capstan/schema/error.hpp>
#include <cstddef>
#include <cstdint>
#include <string>

namespace capstan {

/// What the operating system says about this process.
struct ProcessUsage {
    std::uint64_t resident_bytes = 0;
    std::uint64_t open_descriptors = 0;
};
ProcessUsage process_usage();

/// How many connections leave `reserved` descriptors to the journal and the index, at most
/// `wanted`. Raises the soft limit to the hard one first.
std::size_t connections_allowed(std::size_t wanted, std::size_t reserved);

/// Errors: `config_invalid`.
Result<std::string> read_text_file(std::string const& path);

}  // namespace capstan
