#include "utf8.hpp"

#include <boost/nowide/utf/utf.hpp>

namespace capstan::importers {

std::string valid_utf8(std::string_view text) {
    namespace utf = boost::nowide::utf;
    std::string out;
    out.reserve(text.size());
    for (auto at = text.begin(); at != text.end();) {
        auto const start = at;
        auto const point = utf::utf_traits<char>::decode(at, text.end());
        if (point == utf::illegal || point == utf::incomplete) {
            at = start + 1;
            out += "\xef\xbf\xbd";
        } else {
            out.append(start, at);
        }
    }
    return out;
}

}  // namespace capstan::importers
