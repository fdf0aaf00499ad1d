#include <capstan/schema/error.hpp>
#include <capstan/server/net/http_reader.hpp>
#include <cstdint>

/// Bytes in one piece and one by one give the same requests.
extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    using namespace capstan;
    std::string_view const bytes(reinterpret_cast<char const*>(data), size);
    auto const read = [&](std::size_t piece) {
        HttpReader reader(HttpLimits{2'048, 20, 4'096});
        std::string seen;
        for (std::size_t at = 0; at < bytes.size();) {
            auto const taken = reader.feed(bytes.substr(at, piece));
            at += taken;
            if (reader.state() == HttpReader::State::complete) {
                auto const request = reader.take();
                seen += request.method + ' ' + request.path + ' ' + request.body + '\n';
            } else if (reader.state() == HttpReader::State::refused) {
                return seen + "refused";
            }
        }
        return seen;
    };
    CAPSTAN_INVARIANT(read(bytes.size() + 1) == read(1));
    return 0;
}
