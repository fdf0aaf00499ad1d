#include <capstan/importers/author.hpp>
#include <capstan/schema/bytes.hpp>
#include <capstan/schema/hash.hpp>

namespace capstan::importers {

/// identity := kind, import id, (u32 length, part)*
DeviceId author_device(ImportId const& import,
                       std::string_view kind,
                       std::initializer_list<std::string_view> identity) {
    Bytes bytes;
    ByteWriter out(bytes);
    out.put(kind).put(import.value);
    for (auto const part : identity) {
        out.put(static_cast<std::uint32_t>(part.size())).put(part);
    }
    auto const hash = hash128(bytes);
    DeviceId device;
    store(device.bytes.data(), hash.low | 1);  // never all zero
    store(device.bytes.data() + 8, hash.high);
    return device;
}

}  // namespace capstan::importers
