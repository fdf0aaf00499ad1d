#include <capstan/engine/sync/delivery.hpp>

namespace capstan::sync {

Result<> Delivery::check() const {
    ByteReader in(runs);
    Seq run_first = first;
    std::size_t count = 0;
    while (!in.rest().empty()) {
        CAPSTAN_TRY(auto const delivered, DeliveredRunView::take(in));
        RunView const& run = delivered.run();
        auto const p = run.header().preceding_seq;
        if (run.is_floor() || (p != kAtHead && p >= run_first)) {
            return Error{Errc::malformed, "events: a run that cannot have been accepted"};
        }
        run_first = run_first.plus(run.count());
        ++count;
    }
    if (run_first != last.next() || (!marks.empty() && marks.size() != count)) {
        return Error{Errc::malformed,
                     "events: runs end at " + std::to_string(run_first.value - 1) + ", not at " +
                         std::to_string(last.value)};
    }
    return success();
}

}  // namespace capstan::sync
