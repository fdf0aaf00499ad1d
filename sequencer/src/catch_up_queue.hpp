#pragma once
#include <capstan/schema/error.hpp>
#include <capstan/sequencer/shared_log.hpp>
#include <functional>
#include <map>
#include <utility>
#include <vector>

namespace capstan {

/// Who waits until a node has folded what the shared log held when they came. One question for the
/// log's end serves all that came before it was put.
///
///   add ─▶ new ─take_question─▶ asked ─answered─▶ by offset ─folded─▶ done
class CatchUpQueue {
  public:
    using OnCaughtUp = std::function<void(Result<> const&)>;

    void add(OnCaughtUp done) { new_.push_back(std::move(done)); }

    /// Whether the log is to be asked now. Then `answered` or `give_up` comes before it says so
    /// again.
    bool take_question() {
        if (is_asking_ || new_.empty()) {
            return false;
        }
        is_asking_ = true;
        asked_.swap(new_);
        return true;
    }
    void answered(LogOffset end) {
        is_asking_ = false;
        for (auto& done : std::exchange(asked_, {})) {
            waiting_.emplace(end, std::move(done));
        }
    }
    /// Of those whose question has no answer.
    void failed(Error const& why) {
        is_asking_ = false;
        call(std::exchange(asked_, {}), why);
    }

    /// All before `next` is folded.
    void folded(LogOffset next) {
        while (!waiting_.empty() && waiting_.begin()->first <= next) {
            auto const first = waiting_.extract(waiting_.begin());
            first.mapped()(success());
        }
    }
    void give_up(Error const& why) {
        for (auto const& [end, done] : std::exchange(waiting_, {})) {
            done(why);
        }
        call(std::exchange(asked_, {}), why);
        call(std::exchange(new_, {}), why);
    }

  private:
    static void call(std::vector<OnCaughtUp> const& all, Result<> const& result) {
        for (auto const& done : all) {
            done(result);
        }
    }

    std::vector<OnCaughtUp> new_;
    std::vector<OnCaughtUp> asked_;
    std::multimap<LogOffset, OnCaughtUp> waiting_;
    bool is_asking_ = false;
};

}  // namespace capstan
