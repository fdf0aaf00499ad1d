#pragma once
#include <capstan/schema/bytes.hpp>
#include <capstan/schema/ids.hpp>
#include <capstan/schema/run.hpp>
#include <string>
#include <string_view>

namespace capstan {

/// `"text"`, escaped; what is no UTF-8 becomes U+FFFD.
std::string json_string(std::string_view text);

/// Appends one event as JSON object: seq, time, device, counter, preceding_seq, then what it says:
/// `text`, `json` (as it was given), `bytes` (hex), or `ops`; `malformed` (hex) if this build
/// cannot read it. The members are those of the command line.
void append_event_json(std::string& out,
                       Seq seq,
                       DeliveredRunView const& delivered,
                       std::uint32_t index);

}  // namespace capstan
