#pragma once
#include <capstan/engine/model/view.hpp>
#include <capstan/schema/error.hpp>
#include <capstan/schema/event.hpp>

namespace capstan {

/// Whether an author may say this, seeing what it sees; operations of the event see those before
/// them. What passes here is encodable and has its effect unless something concurrent decides
/// otherwise; what does not is refused as a whole, before anything has changed.
///
/// Errors: `not_found` (no such object), `request_invalid` (an insert of an id that is there, a
/// field of another kind, a place out of range, a text that is not UTF-8, a name that is empty or
/// too long), `too_large` (bytes or operations of one event).
Result<> check_as_author(View const& view, Event const& event);

/// Whether the event's run must not lie below the merge mark (RunFlags::needs_window).
bool needs_window(View const& view, Event const& event);

}  // namespace capstan
