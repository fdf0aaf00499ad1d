#include "stream_reading.hpp"

#include <iterator>
#include <map>

namespace capstan::cli {
namespace {

Result<> visit_all(Delivery const& delivery, VisitEvent const& visit) {
    // Attempts stand in run headers, which events are handed out without.
    ByteReader in(delivery.runs);
    Seq first = delivery.first;
    std::map<Seq, Attempt> attempts;
    while (first <= delivery.last) {
        CAPSTAN_TRY(auto const run, DeliveredRunView::take(in));
        attempts[first] = run.run().header().attempt;
        first = first.plus(run.run().count());
    }
    Result<> result = success();
    delivery.each_event([&](DeliveredEvent const& event) {
        if (result) {
            result = visit(event, std::prev(attempts.upper_bound(event.seq))->second);
        }
    });
    return result;
}

}  // namespace

Result<> read_whole_stream(Context& context,
                           Remote const& remote,
                           Client const& client,
                           StreamSummary const& stream,
                           VisitEvent const& visit,
                           std::function<void(Seq)> const& read) {
    CAPSTAN_TRY(auto const name, StreamName::parse(stream.name));
    Reader reader(client.stream(name), {.kind = ReadFrom::Kind::seq, .seq = Seq{1}});
    context.surroundings.on_interrupt([&reader] { reader.cancel(); });
    Result<> result = success();
    for (Seq last; result && last < stream.head;) {
        auto const item = reader.next(remote.timeout());
        if (!item) {
            result = item.error();
        } else if (!item.value()) {
            result = remote.no_answer();
        } else if (auto const* delivery = std::get_if<Delivery>(&*item.value())) {
            result = visit_all(*delivery, visit);
            last = delivery->last;
            read(last);
        } else {
            result = Error{Errc::trimmed, "the server does not send all events"};
        }
    }
    context.surroundings.on_interrupt({});
    return result;
}

}  // namespace capstan::cli
