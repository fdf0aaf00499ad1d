// An honest device of one stream, as the fold's rules assume it: it knows only what it is told.
// A value: a copy is an image of its disk.
#pragma once
#include <capstan/schema.hpp>
#include <capstan/sequencer/fold.hpp>
#include <optional>
#include <set>
#include <vector>

#include "dice.hpp"

namespace capstan::test {

/// What the app committed: an id of the test.
using Mutation = std::uint64_t;

/// Names a run of a device.
struct RunKey {
    Attempt attempt;
    Link after;
    bool floor = false;
    friend bool operator==(RunKey const&, RunKey const&) = default;
};

/// A run in the form in which it was frozen.
struct FrozenRun {
    RunHeader header;
    Generation generation;
    std::optional<Seq> expect_head;
    std::vector<Mutation> mutations;  // none: a floor record

    bool is_floor() const { return mutations.empty(); }
    RunKey key() const { return {header.attempt, header.after, is_floor()}; }
    Link end() const {
        return is_floor() ? header.after
                          : Link{header.after.counter.plus(mutations.size()), header.attempt};
    }
};

/// What the server says to a device that connects.
struct Greeting {
    Cursor head;           // of the stream
    bool cursor_is_known;  // the device's cursor is on the stream's history
    Attempt attempt;
    Link last;
};

/// An answer to a run. `sequenced` says of a settled run that the tape holds its events.
struct Answer {
    Verdict::Outcome outcome = Verdict::ignored;
    std::optional<Errc> reason;
    Link last;
    bool sequenced = false;
};

class HistoryDevice {
  public:
    HistoryDevice(DeviceId device, Dice& dice) : id(device), dice_(&dice) { new_attempt(); }

    // What the app and the operating system do to it.
    void mutate(Mutation mutation) { pending.push_back(mutation); }
    void freeze();
    void freeze_floor();
    void reopen() { new_attempt(); }
    void read_to(Cursor const& cursor) { cursor_ = cursor; }

    // What it hears.
    void greeted(Greeting const& greeting);
    void answered(RunKey const& run, Answer const& answer);
    /// A gateway refuses a run on its own account, for ever.
    void turned_away(RunKey const& run);

    /// What it may send now. A device that settles an old image's runs sends one at a time.
    std::vector<FrozenRun> to_send() const;
    bool keeps_runs() const { return !kept_.empty(); }
    bool is_recovering() const { return recovering_; }
    bool is_idle() const { return pending.empty() && frozen_.empty() && kept_.empty(); }
    Cursor const& cursor() const { return cursor_; }
    /// All that has no definite answer yet.
    std::set<Mutation> unconfirmed() const;

    DeviceId id;
    std::vector<Mutation> pending;  // not frozen yet
    std::set<Mutation> confirmed;   // what the app was told
    std::set<Mutation> failed;
    bool must_resume = false;             // read to the head before going on
    std::uint64_t recoveries = 0;         // restored images noticed
    std::uint64_t losses = 0;             // lost histories noticed
    std::vector<FrozenRun> newly_frozen;  // since the test last looked

  private:
    void new_attempt();
    FrozenRun const& freeze(std::vector<Mutation> mutations, Seq preceding_seq);
    void fence(Link after);
    void settle_kept();
    void confirm(FrozenRun const& run);
    void confirm_all(std::vector<FrozenRun> const& found);
    bool knows(Link const& link) const;
    std::vector<FrozenRun> went_through(Link const& last) const;
    void went_ahead(std::size_t index);
    void refused(FrozenRun const& run, Errc reason);
    void start_over(Link const& last, FrozenRun const& run, Answer const& answer);
    void lose_history(Link const& last);
    void start_recovery();
    void settle_image(Answer const& answer);
    void become_new_device();

    Dice* dice_;
    std::uint32_t ordinal_ = 0;
    Attempt attempt_;
    Link after_;                        // what the next run follows
    Seq p_confirmed_;                   // of the last run known to be accepted
    Cursor cursor_;                     // what it has applied
    std::vector<FrozenRun> frozen_;     // under way
    std::vector<FrozenRun> kept_;       // in doubt, in their old form
    std::vector<FrozenRun> confirmed_;  // kept for a server that loses them
    std::optional<RunKey> bad_;         // the run that a gateway refused
    std::optional<RunKey> fence_;       // the floor record that settles it
    bool recovering_ = false;           // frozen_ are an old image's, settled one by one
    std::vector<Mutation> not_confirmed_;
};

}  // namespace capstan::test
