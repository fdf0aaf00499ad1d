#include <algorithm>
#include <capstan/server/log/log.hpp>
#include <cstdio>
#include <ctime>

namespace capstan {
namespace {

constexpr std::size_t kMessageBytesShown = 512;
constexpr char kHex[] = "0123456789abcdef";

/// 2026-11-20T10:00:00.123456Z
std::string timestamp(WallTime time) {
    constexpr std::int64_t kSecond = 1'000'000;
    std::int64_t const micros = ((time.micros % kSecond) + kSecond) % kSecond;
    std::time_t const seconds = (time.micros - micros) / kSecond;
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    char text[64];
    auto const length = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
    char fraction[16];
    std::snprintf(fraction, sizeof fraction, ".%06dZ", static_cast<int>(micros));
    return std::string(text, length) + fraction;
}

bool is_control(char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

/// Bytes that are not ASCII stand as they are if they may be UTF-8; a log reader copes. Controls
/// never reach a terminal.
void append_escaped(std::string& out, std::string_view text) {
    for (char const c : text) {
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (is_control(c)) {
            out += "\\u00";
            out += kHex[static_cast<unsigned char>(c) >> 4];
            out += kHex[static_cast<unsigned char>(c) & 15];
        } else {
            out += c;
        }
    }
}

struct AppendJson {
    std::string& out;
    void operator()(std::string_view text) const {
        out += '"';
        append_escaped(out, text);
        out += '"';
    }
    void operator()(std::int64_t number) const { out += std::to_string(number); }
    void operator()(std::uint64_t number) const { out += std::to_string(number); }
    void operator()(bool flag) const { out += flag ? "true" : "false"; }
};

bool needs_quotes(std::string_view text) {
    auto const plain = [](char c) { return !is_control(c) && c != ' ' && c != '"' && c != '='; };
    for (char const c : text) {
        if (!plain(c)) {
            return true;
        }
    }
    return text.empty();
}

struct AppendText {
    std::string& out;
    void operator()(std::string_view text) const {
        needs_quotes(text) ? AppendJson{out}(text) : void(out.append(text));
    }
    template <class Plain>
    void operator()(Plain value) const {
        AppendJson{out}(value);
    }
};

std::string json_line(WallTime time, LogLine const& line, std::uint64_t suppressed) {
    std::string out = "{\"ts\":\"" + timestamp(time) + "\",\"level\":\"";
    out.append(to_string(line.level)).append("\",\"event\":\"").append(line.event);
    out += "\",\"msg\":";
    AppendJson{out}(line.message.substr(0, kMessageBytesShown));
    auto const append = [&](LogField const& field) {
        auto const before = out.size();
        out.append(",\"").append(field.key).append("\":");
        std::visit(AppendJson{out}, field.value);
        if (out.size() >= kLogLineBytesMax) {  // a line without its largest field is still a line
            out.resize(before);
        }
    };
    for (LogField const& field : line.fields) {
        append(field);
    }
    if (suppressed != 0) {
        append({"suppressed", suppressed});
    }
    return out + '}';
}

std::string text_line(WallTime time, LogLine const& line, std::uint64_t suppressed) {
    std::string out = timestamp(time) + ' ';
    out.append(to_string(line.level)).append(line.level == LogLevel::debug ? " " : "  ");
    out.append(line.event).append(": ");
    append_escaped(out, line.message);
    auto const append = [&](LogField const& field) {
        out.append(" ").append(field.key).append("=");
        std::visit(AppendText{out}, field.value);
    };
    for (LogField const& field : line.fields) {
        append(field);
    }
    if (suppressed != 0) {
        append({"suppressed", suppressed});
    }
    out.resize(std::min(out.size(), kLogLineBytesMax));
    return out;
}

}  // namespace

std::string_view to_string(LogLevel level) {
    constexpr std::string_view kNames[] = {"debug", "info", "warn", "error"};
    return kNames[static_cast<std::size_t>(level)];
}

std::string format_line(LogFormat format,
                        WallTime time,
                        LogLine const& line,
                        std::uint64_t suppressed) {
    return format == LogFormat::json ? json_line(time, line, suppressed)
                                     : text_line(time, line, suppressed);
}

}  // namespace capstan
