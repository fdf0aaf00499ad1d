#include "record.hpp"

#include <capstan/schema/bytes.hpp>

namespace capstan::kafka {

RecordKey key_of(LogOrigin const& origin) {
    RecordKey key{};
    store(key.data(), origin.handle);
    store(key.data() + sizeof origin.handle, origin.token);
    return key;
}

std::optional<LogOrigin> origin_of(rd_kafka_message_t const& message) {
    if (message.key_len != std::tuple_size_v<RecordKey>) {
        return std::nullopt;
    }
    auto const* key = static_cast<std::byte const*>(message.key);
    return LogOrigin{load<std::uint64_t>(key), load<std::uint64_t>(key + sizeof(std::uint64_t))};
}

}  // namespace capstan::kafka
