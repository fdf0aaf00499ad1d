#include "export_lines.hpp"

#include <algorithm>
#include <capstan/schema/limits.hpp>
#include <capstan/schema/stream_position.hpp>
#include <charconv>
#include <utility>

namespace capstan::importers {
namespace {

constexpr std::uint64_t kFormat = 1;
/// A text of control characters alone takes six bytes for each of its own.
constexpr std::size_t kExportLineBytesMax = 6 * kEventBytesMax + 65'536;

Error bad(std::string const& what) {
    return {Errc::malformed, "no readable " + what};
}

Result<std::uint64_t> number(std::string_view name, std::string_view text, int base = 10) {
    std::uint64_t value = 0;
    auto const* const end = text.data() + text.size();
    auto const [stopped, error] = std::from_chars(text.data(), end, value, base);
    return error == std::errc{} && stopped == end ? Result<std::uint64_t>(value)
                                                  : bad(std::string(name));
}

Result<std::string> text_of(Json const& json, char const* name) {
    auto const at = json.find(name);
    return at != json.end() && at->is_string() ? Result<std::string>(at->get<std::string>())
                                               : bad(name);
}

/// `otherwise`: where it may be missing.
Result<std::uint64_t> number_of(Json const& json,
                                char const* name,
                                std::optional<std::uint64_t> otherwise = {}) {
    auto const at = json.find(name);
    if (at == json.end() && otherwise) {
        return *otherwise;
    }
    return at != json.end() && at->is_number_unsigned()
               ? Result<std::uint64_t>(at->get<std::uint64_t>())
               : bad(name);
}

Result<Hash128> chain_of(Json const& json) {
    constexpr std::size_t kHalf = 16;
    CAPSTAN_TRY(auto const digits, text_of(json, "chain"));
    if (digits.size() != 2 * kHalf) {
        return bad("chain");
    }
    Hash128 chain;
    CAPSTAN_TRY(chain.high, number("chain", std::string_view(digits).substr(0, kHalf), 16));
    CAPSTAN_TRY(chain.low, number("chain", std::string_view(digits).substr(kHalf), 16));
    return chain;
}

Result<Link> link_of(std::string_view text) {
    auto const at = std::min(text.find('@'), text.size());
    Link link;
    CAPSTAN_TRY(link.counter.value, number("after", text.substr(0, at)));
    CAPSTAN_TRY(link.attempt.value, number("after", text.substr(std::min(at + 1, text.size()))));
    return link;
}

Result<ExportedStream> stream_of(Json const& json) {
    CAPSTAN_TRY(auto const format, number_of(json, "capstan_export"));
    if (format != kFormat) {
        return Error{Errc::format_unknown, "export format " + std::to_string(format)};
    }
    ExportedStream stream;
    CAPSTAN_TRY(stream.name, text_of(json, "stream"));
    CAPSTAN_TRY(auto const generation, text_of(json, "generation"));
    CAPSTAN_TRY(stream.generation.value, number("generation", generation, 16));
    CAPSTAN_TRY(stream.after.value, number_of(json, "after"));
    CAPSTAN_TRY(stream.chain, chain_of(json));
    return stream;
}

/// What the first line of a run says for all of them.
struct RunSays {
    std::uint64_t events = 0;
    Seq first;
    Seq mark_before;
    DeviceId device;
    WallTime time;
    RunHeader header;
};

Result<RunSays> run_of(Json const& line) {
    auto const run = line.find("run");
    if (run == line.end() || !run->is_object()) {
        return bad("run");
    }
    RunSays says;
    CAPSTAN_TRY(says.first.value, number_of(line, "seq"));
    CAPSTAN_TRY(auto const device, text_of(line, "device"));
    CAPSTAN_TRY(says.device, parse_device(device));
    CAPSTAN_TRY(auto const time, text_of(line, "time"));
    CAPSTAN_TRY(says.time, parse_time(time));
    CAPSTAN_TRY(says.header.preceding_seq.value, number_of(line, "preceding_seq"));
    CAPSTAN_TRY(says.events, number_of(*run, "events"));
    CAPSTAN_TRY(auto const attempt, text_of(*run, "attempt"));
    CAPSTAN_TRY(says.header.attempt.value, number("attempt", attempt));
    CAPSTAN_TRY(auto const after, text_of(*run, "after"));
    CAPSTAN_TRY(says.header.after, link_of(after));
    CAPSTAN_TRY(says.mark_before.value, number_of(*run, "mark"));
    CAPSTAN_TRY(auto const flags, number_of(*run, "flags", 0));
    says.header.flags = static_cast<std::uint16_t>(flags);
    if (run->value("at_head", false)) {
        says.header.preceding_seq = kAtHead;
    }
    if (says.events == 0 || says.events > kRunEventsMax || flags != says.header.flags) {
        return bad("run");
    }
    return says;
}

std::string run_text(Seq mark_before, RunView const& run) {
    auto const& header = run.header();
    auto text = "\"run\":{\"events\":" + std::to_string(run.count()) + ",\"attempt\":\"" +
                std::to_string(header.attempt.value) + "\",\"after\":\"" + to_string(header.after) +
                "\",\"mark\":" + std::to_string(mark_before.value);
    if (header.flags != 0) {
        text += ",\"flags\":" + std::to_string(header.flags);
    }
    if (header.preceding_seq == kAtHead) {
        text += ",\"at_head\":true";
    }
    return text + "},";
}

Result<Bytes> delivered_of(RunSays const& says, std::vector<Bytes> const& events) {
    std::vector<ByteView> const views(events.begin(), events.end());
    auto const run = encode_run(says.header, views);
    if (auto const checked = RunView::decode(run); !checked) {
        return checked.error();
    }
    Bytes delivered;
    encode_delivered_run(delivered, says.device, says.time, run);
    return delivered;
}

}  // namespace

Result<> ExportLinesWriter::begin(ExportedStream const& stream) {
    return write_("{\"capstan_export\":" + std::to_string(kFormat) + ",\"stream\":\"" +
                  stream.name + "\",\"generation\":\"" + to_string(stream.generation) +
                  "\",\"after\":" + std::to_string(stream.after.value) + ",\"chain\":\"" +
                  to_string(stream.chain) + "\"}\n");
}

Result<> ExportLinesWriter::run(Seq first, Seq mark_before, DeliveredRunView const& delivered) {
    auto const& run = delivered.run();
    auto const& header = run.header();
    auto const p = header.preceding_seq == kAtHead ? Seq{first.value - 1} : header.preceding_seq;
    auto const of_run = ",\"time\":\"" + to_string(delivered.gateway_time()) + "\",\"device\":\"" +
                        to_string(delivered.device()) + "\",\"counter\":";
    std::string lines;
    for (std::uint32_t i = 0; i < run.count(); ++i) {
        lines += "{\"seq\":" + std::to_string(first.value + i) + of_run +
                 std::to_string(run.first_counter().plus(i).value) +
                 ",\"preceding_seq\":" + std::to_string(p.value) + "," +
                 (i == 0 ? run_text(mark_before, run) : "") + event_members(run.event(i)) + "}\n";
    }
    return write_(lines);
}

Result<> ExportLinesWriter::end(ExportedEnd const& end) {
    return write_("{\"end\":" + std::to_string(end.head.value) + ",\"chain\":\"" +
                  to_string(end.chain) + "\"}\n");
}

ExportLinesReader::ExportLinesReader(ReadBytes read)
    : source_(std::move(read), kExportLineBytesMax) {}

Error ExportLinesReader::at_line(Error error) const {
    error.detail = "line " + std::to_string(source_.lines()) + ": " + error.detail;
    return error;
}

/// Nothing at the end, and where a line is cut off there.
Result<std::optional<ExportLinesReader::Line>> ExportLinesReader::take_line() {
    CAPSTAN_TRY(auto const line, source_.next());
    if (!line || !line->has_end) {
        cut_off_ = cut_off_ || line.has_value();
        return std::optional<Line>();
    }
    if (line->text.size() > kExportLineBytesMax) {
        return at_line({Errc::malformed, "longer than any event"});
    }
    read_bytes_ += line->text.size() + 1;
    auto json = Json::parse(line->text, nullptr, false);
    if (!json.is_object()) {
        return at_line({Errc::malformed, "no JSON object"});
    }
    return std::optional(Line{line->text, std::move(json)});
}

Result<bool> ExportLinesReader::next(ExportedPiece& piece) {
    CAPSTAN_TRY(auto line, take_line());
    if (!line) {
        return false;
    }
    if (line->json.contains("seq")) {
        return take_run(std::move(*line), piece);
    }
    if (line->json.contains("end")) {
        auto const chain = chain_of(line->json);
        auto const head = number_of(line->json, "end");
        if (!chain || !head) {
            return at_line(!chain ? chain.error() : head.error());
        }
        piece = ExportedEnd{Seq{head.value()}, chain.value()};
    } else {
        auto stream = stream_of(line->json);
        if (!stream) {
            return at_line(stream.error());
        }
        piece = std::move(stream).value();
    }
    whole_bytes_ = read_bytes_;
    return true;
}

Result<bool> ExportLinesReader::take_run(Line line, ExportedPiece& piece) {
    auto const says = run_of(line.json);
    if (!says) {
        return at_line(says.error());
    }
    std::vector<Bytes> events;
    for (auto seq = says.value().first;; seq = seq.next()) {
        auto const is_next = number_of(line.json, "seq");
        auto event = event_of(line.text, line.json);
        if (!event || !is_next || is_next.value() != seq.value) {
            return at_line(event ? bad("seq") : event.error());
        }
        events.push_back(std::move(event).value());
        if (events.size() == says.value().events) {
            break;
        }
        CAPSTAN_TRY(auto another, take_line());
        if (!another) {
            cut_off_ = true;
            return false;
        }
        line = std::move(*another);
    }
    auto delivered = delivered_of(says.value(), events);
    if (!delivered) {
        return at_line(delivered.error());
    }
    whole_bytes_ = read_bytes_;
    piece = ExportedRun{says.value().first, says.value().mark_before, std::move(delivered).value()};
    return true;
}

}  // namespace capstan::importers
