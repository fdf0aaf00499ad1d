#pragma once
#include <capstan/engine/model/model.hpp>
#include <capstan/engine/model/overlay.hpp>
#include <map>
#include <optional>
#include <string>

#include "position_resolver.hpp"

namespace capstan::cli {

using Objects = std::map<std::string, ObjectValue>;  // by id

/// What makes one object of another.
struct ObjectChange {
    std::string object;
    std::string type;
    std::string what;     // inserted, removed, changed
    std::vector<Op> ops;  // that lead there
};

/// A stream's objects as they were, followed from its first event on.
class PastModel {
  public:
    /// All outlive it.
    PastModel(Context& context, Remote const& remote, Client const& client, StreamName const& name);
    ~PastModel();
    PastModel(PastModel const&) = delete;
    PastModel& operator=(PastModel const&) = delete;

    /// Applies 1..seq. Precondition: the stream has come so far; `seq` never falls.
    /// Errors: as `Reader::next` and `Remote::no_answer`; `trimmed`.
    Result<> go_to(Seq seq);
    Objects objects();

  private:
    void apply(DeliveredEvent const& delivered, Seq last);

    Context& context_;
    Remote const& remote_;
    Reader reader_;
    Model model_;
    Overlay overlay_;
    std::optional<Delivery> delivery_;  // the last one, which may reach further than was wanted
};

/// The last event that counts at a position: of a time, the last one before it.
Result<Seq> last_event_at(PositionResolver const& resolver,
                          StreamPosition const& position,
                          Seq head);

/// What makes `after` of `before`, in order of id.
std::vector<ObjectChange> changes_between(Objects const& before, Objects const& after);

}  // namespace capstan::cli
