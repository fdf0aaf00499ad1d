#pragma once
#include <capstan/engine/coalesce/assign.hpp>
#include <capstan/engine/model/changes.hpp>
#include <capstan/engine/model/view.hpp>
#include <capstan/schema/event.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace capstan {

/// What objects hold that an event is about to remove, for `UndoStack::made`.
using RemovedObjects = std::map<std::string, coalesce::ObjectValue>;
RemovedObjects removed_by(View const& view, Event const& event);

/// Something that a step had done and that stays as it is: somebody has written since, or its
/// object is not there any more.
struct UndoSkip {
    std::string object;
    std::string field;  // empty: the object itself
    FieldKind kind = FieldKind::reg;
    Value key;  // set: the element; map: the key
    friend bool operator==(UndoSkip const&, UndoSkip const&) = default;
};

/// A step the other way round.
struct Contrary {
    Event event;
    std::vector<UndoSkip> skipped;  // also of newer steps of which nothing was left
};

/// A user's own mutations, newest first, each as the ordinary event that takes it back: what is
/// left of it, said the other way round. What others did since stays.
///
///     text, list    what it inserted and is still there goes, what it removed comes back
///     register, set, map    what was there before, unless somebody wrote since, or several values
///                   stand (`multi`): that is for whoever settles it
///     counter       the opposite increment
///     object        what it inserted is removed; what it removed is inserted as it was, unless
///                   somebody has inserted it meanwhile
///
/// Of an object that somebody else removes or inserts anew nothing is taken back any more.
///
/// Places move along with whatever else changes. They need no rule for ties: they only tell where
/// the next event goes.
///
/// Use: `made` for each own mutation and `changed` for everything else that the user sees change,
/// in the order in which it shows. What `undo` answers is added like any mutation, and told to
/// `took_back`; then `redo` answers its contrary, which is told to `made_again`. Undo and redo
/// leave what was there before, and so do redo and undo. A mutation that is refused is told to
/// `refused`, by the number that it was given, before the change that this makes.
///
/// Threading: that of the view.
class UndoStack {
  public:
    /// Beyond that many steps the oldest are forgotten.
    explicit UndoStack(std::size_t steps_max = 200) : steps_max_(steps_max) {}
    UndoStack(UndoStack const&) = delete;
    UndoStack& operator=(UndoStack const&) = delete;

    /// An own mutation, which ends what could be made again.
    void made(Changes const& changes, RemovedObjects removed = {}, std::uint64_t number = 0);
    void changed(Changes const& changes);
    /// There is nothing of it to take back. Of the texts and lists that it edited nothing is taken
    /// back any more: the places of other steps were told with it in sight.
    void refused(std::uint64_t number);
    void clear();

    /// The newest step that anything is left of, taken off. Nothing: there is none.
    std::optional<Contrary> undo(View const& view) { return take(undo_, view); }
    void took_back(Changes const& changes, RemovedObjects removed = {}, std::uint64_t number = 0) {
        push(redo_, changes, std::move(removed), number);
    }
    std::optional<Contrary> redo(View const& view) { return take(redo_, view); }
    void made_again(Changes const& changes, RemovedObjects removed = {}, std::uint64_t number = 0) {
        push(undo_, changes, std::move(removed), number);
    }
    /// What `undo` or `redo` answered last could not be said: that step is the newest one again.
    void put_back();

    std::size_t steps() const { return undo_.size(); }
    std::size_t steps_back() const { return redo_.size(); }

  private:
    /// What one step did to a text or list, as places at the head.
    template <class Items>
    struct Edited {
        struct Range {
            std::uint64_t at = 0;
            std::uint64_t count = 0;
        };
        struct Gone {
            std::uint64_t at = 0;
            Items items;
        };
        std::vector<Range> inserted;  // own, and still there
        std::vector<Gone> removed;    // in the order of the content

        void add(EffectOf<Items> const& effect);
        void shift(Splice const& splice);
        /// The same change in the content as it is once this step is taken back.
        std::vector<Splice> beneath(Splice const& splice) const;
        std::uint64_t place_beneath(std::uint64_t place) const;
    };
    struct FieldPlace {
        std::string object;
        std::string field;
        FieldKind kind = FieldKind::reg;
        friend auto operator<=>(FieldPlace const&, FieldPlace const&) = default;
    };
    struct Written {
        FieldPlace place;
        Value key;
        std::optional<Value> before;
        std::optional<Value> after;
    };
    struct Step {
        std::uint64_t number = 0;
        std::vector<std::string> inserted;
        RemovedObjects removed;
        std::vector<Written> written;
        std::map<FieldPlace, Edited<std::string>> texts;
        std::map<FieldPlace, Edited<std::vector<Value>>> lists;

        void forget(std::string const& object);
    };
    /// Each in the content as it is once those behind it are taken back.
    using Steps = std::vector<Step>;

    void push(Steps& steps, Changes const& changes, RemovedObjects removed, std::uint64_t number);
    std::optional<Contrary> take(Steps& steps, View const& view);
    static Step step_of(Changes const& changes, RemovedObjects removed);
    static Event contrary(Step const& step, View const& view, std::vector<UndoSkip>& skipped);
    static bool take_back(std::vector<Op>& ops, Written const& written, View const& view);
    static void take_back(std::vector<Op>& ops,
                          FieldPlace const& place,
                          Edited<std::string> const& text);
    static void take_back(std::vector<Op>& ops,
                          FieldPlace const& place,
                          Edited<std::vector<Value>> const& list);

    std::size_t steps_max_;
    Steps undo_;
    Steps redo_;
    // The one that was taken last, and from where.
    Step taken_;
    Steps* taken_from_ = nullptr;
};

}  // namespace capstan
