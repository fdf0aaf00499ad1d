#include <algorithm>
#include <capstan/engine/model/model.hpp>
#include <capstan/sdk/history.hpp>
#include <capstan/sdk/reader.hpp>
#include <iterator>
#include <utility>

namespace capstan {
namespace {

/// Applies a stream from its beginning and keeps what concerns one object.
class Historian {
  public:
    explicit Historian(std::string_view object) : object_(object) {}

    void read(DeliveredEvent const& delivered) {
        auto decoded = decode_event(delivered.bytes);
        Event const event = decoded ? std::move(decoded).value() : Event{};
        changes_.clear();
        model_.apply(event,
                     {.seq = delivered.seq,
                      .preceding_seq = delivered.preceding_seq,
                      .run_first = delivered.run_first,
                      .mark = delivered.mark_before,
                      .device = delivered.dot.device},
                     &changes_);
        HistoryEntry entry{.seq = delivered.seq,
                           .preceding_seq = delivered.preceding_seq,
                           .a = std::min(delivered.preceding_seq,
                                         event.authored_p.value_or(delivered.preceding_seq)),
                           .device = delivered.dot.device,
                           .time = delivered.gateway_time};
        keep(event.ops, entry.ops);
        if (!entry.ops.empty()) {
            keep(changes_.changes, entry.changes);
            keep(changes_.conflicts, entry.conflicts);
            keep(changes_.voids, entry.voids);
            entries_.push_back(std::move(entry));
        }
    }
    std::vector<HistoryEntry> take() { return std::move(entries_); }

  private:
    template <class Item>
    void keep(std::vector<Item> const& all, std::vector<Item>& out) const {
        std::ranges::copy_if(all, std::back_inserter(out), [this](Item const& item) {
            return item.object == object_;
        });
    }

    std::string object_;
    Model model_;
    Changes changes_;
    std::vector<HistoryEntry> entries_;
};

}  // namespace

Result<std::vector<HistoryEntry>> read_history(Client const& reader,
                                               StreamName const& stream,
                                               std::string_view object,
                                               Seq last,
                                               Duration timeout) {
    Historian historian(object);
    Reader events(reader.stream(stream), {.kind = ReadFrom::Kind::seq, .seq = Seq{1}});
    for (Seq at; at < last;) {
        CAPSTAN_TRY(auto const item, events.next(timeout));
        if (!item) {
            return Error{Errc::timed_out, "nothing behind event " + std::to_string(at.value)};
        }
        if (auto const* const delivery = std::get_if<Delivery>(&*item)) {
            delivery->each_event([&](DeliveredEvent const& event) {
                if (event.seq <= last) {
                    historian.read(event);
                }
            });
        }
        at = std::visit([](auto const& one) { return one.last; }, *item);
    }
    return historian.take();
}

}  // namespace capstan
