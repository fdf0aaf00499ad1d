// Random streams: devices that apply at their own pace, mutate offline, and publish late.
#pragma once
#include "naive_model.hpp"

namespace capstan::test {

struct HistoryOptions {
    NaiveRules rules;
    bool authored_p = true;   // some events were rebased by their author
    bool marks = true;        // the merge mark moves
    bool content = true;      // texts and lists are edited
    std::uint64_t start = 1;  // how much every device has applied at first; 2: both objects
};

DeviceId device_of(std::size_t number);
/// The event, first in its stream, that puts the rules into force.
Event policy_event(NaiveRules const& rules);
/// Drawn by rapidcheck. The first event is `policy_event`.
/// One line an event, for failures.
std::string to_text(std::vector<PastEvent> const& history);
std::vector<PastEvent> random_history(HistoryOptions const& options);

}  // namespace capstan::test
