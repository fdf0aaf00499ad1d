#pragma once
#include <capstan/cli/output.hpp>
#include <capstan/engine/sync/delivery.hpp>
#include <string>
#include <string_view>

namespace capstan::cli {

/// Events as rows: seq, time, device and what they say.
class EventRows {
  public:
    enum class StreamColumn : std::uint8_t { no, yes };
    EventRows(Output& output, StreamColumn stream);

    void add(std::string_view stream, sync::DeliveredEvent const& event);
    void flush() { rows_.flush(); }
    void end() { rows_.end(); }

  private:
    Rows rows_;
    bool stream_column_;
};

/// One event as a line of JSON, without its end.
std::string event_line(std::string_view stream, sync::DeliveredEvent const& event);

/// One event by itself.
void show_event(Output& output, std::string_view stream, sync::DeliveredEvent const& event);

}  // namespace capstan::cli
