#pragma once
#include <capstan/schema/error.hpp>
#include <capstan/schema/ids.hpp>
#include <capstan/schema/run.hpp>
#include <capstan/server/net/http.hpp>
#include <optional>
#include <string_view>

namespace capstan {

/// What `Capstan-Run` says: who made the events and what they follow, so that the same request may
/// be sent again.
///
///   device=HEX; attempt=N; after=COUNTER@ATTEMPT; generation=HEX16; p=SEQ
///
/// device and attempt are needed; after is 0@0, generation 0 and p 0 if they are left out.
struct RunField {
    DeviceId device;
    Generation generation;
    RunHeader header;

    /// Errors: `request_invalid`, `device_invalid`.
    static Result<RunField> parse(std::string_view text);
};

/// `If-Match: 119` or `"119"`: the head that the stream must have. Nothing: any.
/// Errors: `request_invalid`.
Result<std::optional<Seq>> expected_head(HttpRequest const& request);

}  // namespace capstan
