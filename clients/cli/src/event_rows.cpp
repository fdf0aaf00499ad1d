#include "event_rows.hpp"

#include <capstan/schema/body.hpp>
#include <capstan/schema/event.hpp>
#include <capstan/schema/stream_position.hpp>

#include "value_json.hpp"

namespace capstan::cli {
namespace {

constexpr std::size_t kDeviceDigits = 8;  // enough for people

/// JSON on one line, its numbers and strings as they were written.
std::string one_line(std::string_view json) {
    std::string out;
    bool in_string = false;
    bool escaped = false;
    for (char const c : json) {
        bool const space = c == ' ' || c == '\n' || c == '\r' || c == '\t';
        if (in_string || !space) {
            out += c;
        }
        if (in_string) {
            in_string = escaped || c != '"';
            escaped = !escaped && c == '\\';
        } else {
            in_string = c == '"';
        }
    }
    return out;
}

/// What an event says: for JSON a member or two, for people a line, for `raw` what was given.
struct Said {
    std::string members;  // `,"text":"hi"`
    std::string line;
    std::string raw;
    std::string type;
};

Said say(Body const& body) {
    Said said;
    said.type = body.type;
    said.raw = body.content;
    said.line = body.content;
    if (!body.type.empty()) {
        said.members += ",\"type\":" + json_string(body.type);
    }
    switch (body.kind) {
        case Body::Kind::json:
            if (Json::accept(body.content)) {
                said.line = one_line(body.content);
                said.members += ",\"json\":" + said.line;
                break;
            }
            [[fallthrough]];
        case Body::Kind::text:
            said.members += ",\"text\":" + json_string(body.content);
            break;
        case Body::Kind::bytes:
            said.line = hex(as_bytes(body.content));
            said.members += ",\"bytes\":\"" + said.line + "\"";
            break;
    }
    return said;
}

Said say(Event const& event) {
    Said said;
    Json ops = Json::array();
    for (auto const& op : event.ops) {
        ops.push_back(to_json(op));
    }
    said.raw = dump(ops);
    said.members = ",\"ops\":" + said.raw;
    for (auto const& op : event.ops) {
        auto text = std::string(importers::name_of(op.kind)) + " " + op.object;
        if (!op.field.empty()) {
            text += "." + op.field;
        }
        if (!std::holds_alternative<std::monostate>(op.value)) {
            text += "=" + dump(to_json(op.value));
        }
        if (!op.type.empty()) {
            text += " " + op.type;
        }
        said.line += (said.line.empty() ? "" : "; ") + text;
    }
    return said;
}

Said say(ByteView bytes) {
    auto const event = decode_event(bytes);
    if (!event) {
        auto const digits = hex(bytes);
        return {",\"malformed\":\"" + digits + "\"",
                "(not readable by this build)",
                std::string(as_text(bytes)),
                {}};
    }
    if (auto const body = body_of(event.value())) {
        return say(*body);
    }
    return say(event.value());
}

JsonText json_of(std::string_view stream, sync::DeliveredEvent const& event, Said const& said) {
    return {"{\"stream\":" + json_string(stream) + ",\"seq\":" + std::to_string(event.seq.value) +
            ",\"time\":\"" + to_string(event.gateway_time) + "\",\"device\":\"" +
            to_string(event.dot.device) +
            "\",\"counter\":" + std::to_string(event.dot.counter.value) +
            ",\"preceding_seq\":" + std::to_string(event.preceding_seq.value) + said.members + "}"};
}

std::vector<Column> columns_of(bool stream) {
    std::vector<Column> columns{{.key = "seq", .right = true},
                                {.key = "time"},
                                {.key = "device"},
                                {.key = "type"},
                                {.key = "event", .shrinks = true}};
    if (stream) {
        columns.insert(columns.begin(), Column{.key = "stream"});
    }
    return columns;
}

Cell type_cell(Said const& said) {
    return said.type.empty() ? Cell{} : Cell{said.type};
}

}  // namespace

EventRows::EventRows(Output& output, StreamColumn stream)
    : rows_(output, columns_of(stream == StreamColumn::yes)),
      stream_column_(stream == StreamColumn::yes) {}

void EventRows::add(std::string_view stream, sync::DeliveredEvent const& event) {
    auto const said = say(event.bytes);
    std::vector<Cell> cells{event.seq.value,
                            to_string(event.gateway_time),
                            to_string(event.dot.device).substr(0, kDeviceDigits),
                            type_cell(said),
                            said.line};
    if (stream_column_) {
        cells.insert(cells.begin(), std::string(stream));
    }
    rows_.add(std::move(cells), json_of(stream, event, said), said.raw);
}

std::string event_line(std::string_view stream, sync::DeliveredEvent const& event) {
    return json_of(stream, event, say(event.bytes)).text;
}

void show_event(Output& output, std::string_view stream, sync::DeliveredEvent const& event) {
    auto const said = say(event.bytes);
    if (output.style().format == Format::raw) {
        output.write(said.raw + "\n");
    } else if (output.is_json()) {
        output.write(json_of(stream, event, said).text + "\n");
    } else {
        show(output,
             {{.key = "stream"},
              {.key = "seq"},
              {.key = "time"},
              {.key = "device"},
              {.key = "counter"},
              {.key = "preceding_seq"},
              {.key = "type"},
              {.key = "event"}},
             {std::string(stream),
              event.seq.value,
              to_string(event.gateway_time),
              to_string(event.dot.device),
              event.dot.counter.value,
              event.preceding_seq.value,
              type_cell(said),
              said.line});
    }
    output.flush();
}

}  // namespace capstan::cli
