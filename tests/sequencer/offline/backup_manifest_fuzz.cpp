// The manifest of a backup: any text is refused, or comes back as it was. Its checksum is made
// right first, or nothing would come through.
#include <capstan/schema/hash.hpp>
#include <capstan/sequencer/backup.hpp>
#include <cstdio>

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    using namespace capstan;
    std::string text(reinterpret_cast<char const*>(data), size);
    if (auto const last = text.rfind("checksum "); last != std::string::npos) {
        text.resize(last);
        char line[32];
        std::snprintf(line,
                      sizeof line,
                      "checksum %016llx\n",
                      static_cast<unsigned long long>(hash64(as_bytes(text))));
        text += line;
    }
    if (auto const manifest = decode_backup_manifest(text)) {
        auto const again = encode(manifest.value());
        CAPSTAN_INVARIANT(encode(decode_backup_manifest(again).value()) == again);
    }
    return 0;
}
