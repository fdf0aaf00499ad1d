#include <algorithm>
#include <capstan/schema/error.hpp>
#include <capstan/server/net/http_reader.hpp>
#include <charconv>
#include <utility>

namespace capstan {
namespace {

constexpr std::size_t kChunkDigitsMax = 8;
constexpr std::size_t kExtensionBytesOfBodyMax = 256;

bool is_extension(char c) {
    bool const letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    return letter || (c >= '0' && c <= '9') ||
           std::string_view(";=-_.").find(c) != std::string_view::npos;
}

}  // namespace

std::size_t HttpReader::feed(std::string_view bytes) {
    std::size_t taken = 0;
    while (taken < bytes.size()) {
        auto const rest = bytes.substr(taken);
        if (state_ == State::head) {
            taken += feed_head(rest);
        } else if (state_ == State::body) {
            taken += head_.chunked ? feed_chunked(rest) : feed_length(rest);
        } else {
            break;
        }
    }
    return taken;
}

bool HttpReader::wants_continue() {
    return state_ == State::body && std::exchange(head_.expects_continue, false);
}

HttpRequest HttpReader::take() {
    CAPSTAN_INVARIANT(state_ == State::complete);
    state_ = State::head;
    extension_bytes_ = 0;
    auto head = std::exchange(head_, HttpHead{});
    return std::move(head.request);
}

bool HttpReader::collect(std::string_view bytes,
                         std::string_view end,
                         std::size_t max,
                         std::size_t& taken) {
    // The end may have begun in what was collected before.
    auto const from = text_.size() - std::min(text_.size(), end.size() - 1);
    auto const room = max + 1 - std::min(max + 1, text_.size());
    auto const part = bytes.substr(0, room);
    auto const before = text_.size();
    text_.append(part);
    auto const found = text_.find(end, from);
    if (found == std::string::npos) {
        taken = part.size();
        return false;
    }
    text_.resize(found + end.size());
    taken = text_.size() - before;
    return true;
}

std::size_t HttpReader::feed_head(std::string_view bytes) {
    // An empty line before a request is let pass, as old clients send one after a body.
    if (text_.empty() && (bytes.front() == '\r' || bytes.front() == '\n')) {
        if (bytes.starts_with("\r\n")) {
            return 2;
        }
        if (bytes != "\r") {
            refuse(400, "a request begins with a bare CR or LF");
            return bytes.size();
        }
    }
    if (text_ == "\r" && bytes.front() == '\n') {
        text_.clear();
        return 1;
    }
    std::size_t taken = 0;
    if (collect(bytes, "\r\n\r\n", limits_.header_bytes_max, taken)) {
        on_head();
    } else if (text_.size() > limits_.header_bytes_max) {
        refuse(431, "the head is larger than " + std::to_string(limits_.header_bytes_max));
    } else if (text_.find("\n\n") != std::string::npos || text_.find('\0') != std::string::npos) {
        refuse(400, "the head holds bare LF or NUL");
    }
    return taken;
}

void HttpReader::on_head() {
    auto head = read_http_head(text_, limits_);
    text_.clear();
    if (!head) {
        return refuse(head.error().status, std::move(head.error().detail));
    }
    head_ = std::move(head).value();
    rest_ = head_.content_length;
    chunk_ = Chunk::size;
    state_ = head_.chunked || rest_ != 0 ? State::body : State::complete;
}

std::size_t HttpReader::feed_length(std::string_view bytes) {
    auto const part = bytes.substr(0, rest_);
    head_.request.body.append(part);
    rest_ -= part.size();
    if (rest_ == 0) {
        state_ = State::complete;
    }
    return part.size();
}

std::size_t HttpReader::feed_chunked(std::string_view bytes) {
    switch (chunk_) {
        case Chunk::size:
            return feed_chunk_size(bytes);
        case Chunk::data:
            return feed_chunk_data(bytes);
        case Chunk::data_end:
            return feed_chunk_data_end(bytes);
        case Chunk::trailer:
            break;
    }
    return feed_trailer(bytes);
}

std::size_t HttpReader::feed_chunk_size(std::string_view bytes) {
    constexpr std::size_t kLineMax = kChunkDigitsMax + kExtensionBytesOfBodyMax + 2;
    std::size_t taken = 0;
    if (collect(bytes, "\r\n", kLineMax, taken)) {
        on_chunk_size();
    } else if (text_.size() > kLineMax) {
        refuse(400, "a chunk's line is too long");
    }
    return taken;
}

void HttpReader::on_chunk_size() {
    auto line = std::exchange(text_, {});
    line.resize(line.size() - 2);
    auto const digits = std::min(line.find(';'), line.size());
    auto const extension = std::string_view(line).substr(digits);
    extension_bytes_ += extension.size();
    auto const [end, error] = std::from_chars(line.data(), line.data() + digits, rest_, 16);
    if (digits == 0 || digits > kChunkDigitsMax || error != std::errc{} ||
        end != line.data() + digits) {
        return refuse(400, "a chunk's size is not a hexadecimal number");
    }
    if (!std::ranges::all_of(extension, is_extension) ||
        extension_bytes_ > kExtensionBytesOfBodyMax) {
        return refuse(400, "chunk extensions are too many or hold more than tokens");
    }
    if (rest_ > limits_.body_bytes_max - head_.request.body.size()) {
        return refuse(413, "the body is larger than " + std::to_string(limits_.body_bytes_max));
    }
    chunk_ = rest_ == 0 ? Chunk::trailer : Chunk::data;
}

std::size_t HttpReader::feed_chunk_data(std::string_view bytes) {
    auto const part = bytes.substr(0, rest_);
    head_.request.body.append(part);
    rest_ -= part.size();
    if (rest_ == 0) {
        chunk_ = Chunk::data_end;
    }
    return part.size();
}

std::size_t HttpReader::feed_chunk_data_end(std::string_view bytes) {
    std::size_t taken = 0;
    if (collect(bytes, "\r\n", 2, taken) && text_.size() == 2) {
        text_.clear();
        chunk_ = Chunk::size;
    } else if (text_ != "\r") {
        refuse(400, "a chunk does not end where its size says");
    }
    return taken;
}

std::size_t HttpReader::feed_trailer(std::string_view bytes) {
    // No fields: the empty line comes at once.
    std::size_t taken = 0;
    bool const empty =
        text_.empty() ? bytes.starts_with("\r\n") : text_ == "\r" && bytes.front() == '\n';
    if (collect(bytes, empty ? "\r\n" : "\r\n\r\n", limits_.header_bytes_max, taken)) {
        auto const checked = check_http_trailer(std::exchange(text_, {}), limits_);
        if (!checked) {
            refuse(checked.error().status, checked.error().detail);
        } else {
            state_ = State::complete;
        }
    } else if (text_.size() > limits_.header_bytes_max) {
        refuse(431, "the trailer is larger than " + std::to_string(limits_.header_bytes_max));
    }
    return taken;
}

void HttpReader::refuse(int status, std::string detail) {
    state_ = State::refused;
    refusal_ = HttpRefusal{status, std::move(detail)};
    text_ = {};
    head_ = {};
}

}  // namespace capstan
