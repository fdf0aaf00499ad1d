#pragma once
#include <capstan/sequencer/fold.hpp>
#include <cstdint>
#include <vector>

#include "answers.hpp"

namespace capstan {

/// Who submitted something and is told what became of it.
class Submitter {
  public:
    /// `slot`: as given to `Submitters::token`.
    virtual void on_verdict(std::uint32_t slot, Verdict const& verdict) = 0;
    /// It was queued, but never written.
    virtual void on_turned_away(std::uint32_t slot, TurnedAway const& refusal) = 0;

  protected:
    ~Submitter() = default;
};

/// Tokens that find their way back: who submitted, and which of its submissions. An entry is given
/// to another submitter only after all its answers have come, so a token never reaches a stranger.
class Submitters {
  public:
    std::uint32_t add(Submitter& submitter) {
        if (free_.empty()) {
            free_.push_back(static_cast<std::uint32_t>(entries_.size()));
            entries_.emplace_back();
        }
        auto const id = free_.back();
        free_.pop_back();
        entries_[id] = Entry{.submitter = &submitter};
        return id;
    }

    /// Answers that are still to come reach nobody.
    void remove(std::uint32_t id) {
        entries_[id].submitter = nullptr;
        release(id);
    }

    static std::uint64_t token(std::uint32_t id, std::uint32_t slot) {
        return std::uint64_t{id} << 32 | slot;
    }
    void sent(std::uint32_t id) {
        entries_[id].due += 1;
        due_ += 1;
    }

    void folded(std::uint64_t token, Verdict const& verdict) {
        if (auto* submitter = answered(token)) {
            submitter->on_verdict(slot_of(token), verdict);
        }
    }
    void turned_away(std::uint64_t token, TurnedAway const& refusal) {
        if (auto* submitter = answered(token)) {
            submitter->on_turned_away(slot_of(token), refusal);
        }
    }

    /// Answers that are still to come.
    std::size_t due() const { return due_; }

  private:
    struct Entry {
        Submitter* submitter = nullptr;
        std::size_t due = 0;
    };
    static std::uint32_t slot_of(std::uint64_t token) { return static_cast<std::uint32_t>(token); }

    Submitter* answered(std::uint64_t token) {
        auto const id = static_cast<std::uint32_t>(token >> 32);
        CAPSTAN_INVARIANT(id < entries_.size() && entries_[id].due > 0);
        entries_[id].due -= 1;
        due_ -= 1;
        auto* const submitter = entries_[id].submitter;
        if (submitter == nullptr) {
            release(id);
        }
        return submitter;
    }
    void release(std::uint32_t id) {
        if (entries_[id].due == 0) {
            free_.push_back(id);
        }
    }

    std::vector<Entry> entries_;
    std::vector<std::uint32_t> free_;
    std::size_t due_ = 0;
};

}  // namespace capstan
