#pragma once
#include <zlib.h>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>

namespace capstan::test {

/// What a gzip file holds. Throws `std::runtime_error` if it cannot be read to its end. Links zlib.
inline std::string unzipped(std::string const& path) {
    std::unique_ptr<gzFile_s, int (*)(gzFile)> const file(gzopen(path.c_str(), "rb"), gzclose);
    std::string text;
    std::string part(1 << 16, '\0');
    int bytes = file == nullptr ? -1 : 1;
    while (bytes > 0) {
        bytes = gzread(file.get(), part.data(), static_cast<unsigned>(part.size()));
        text.append(part, 0, static_cast<std::size_t>(std::max(bytes, 0)));
    }
    if (bytes < 0) {
        throw std::runtime_error("cannot read " + path);
    }
    return text;
}

}  // namespace capstan::test
