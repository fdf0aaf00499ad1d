#pragma once
#include <capstan/schema/bytes.hpp>
#include <capstan/schema/ids.hpp>
#include <capstan/schema/run.hpp>
#include <capstan/sequencer/partition.hpp>
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

/// Calls `visit(seq, delivered, index)` for each event of a page from `from` on, while it returns
/// true. False when it did not.
template <class Visit>
Result<bool> each_event(Page const& page, Seq from, Visit&& visit) {
    ByteReader reader(page.runs);
    for (Seq seq = page.first; !reader.done();) {
        CAPSTAN_TRY(auto const delivered, DeliveredRunView::take(reader));
        for (std::uint32_t i = 0; i < delivered.run().count(); ++i, seq = seq.next()) {
            if (seq >= from && !visit(seq, delivered, i)) {
                return false;
            }
        }
    }
    return true;
}

}  // namespace capstan
