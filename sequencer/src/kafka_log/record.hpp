#pragma once
#include <array>
#include <capstan/sequencer/shared_log.hpp>
#include <cstddef>
#include <optional>

#include "handles.hpp"

namespace capstan::kafka {

/// The key of a record: u64 handle, u64 token, little-endian. It says nothing of order or
/// partition, and the fold never sees it.
using RecordKey = std::array<std::byte, 16>;

RecordKey key_of(LogOrigin const& origin);
/// Nothing if the key is not one of ours.
std::optional<LogOrigin> origin_of(rd_kafka_message_t const& message);

}  // namespace capstan::kafka
