#pragma once
#include <capstan/sequencer/run_entry.hpp>

namespace capstan {

enum class RunMatch { found, older, absent };

/// One step of a search for a run by its key, from the newest run backwards. A device's counters
/// ascend with the seqs of its runs, so a lower one ends the search.
template <class Run>
RunMatch match(Run const& run, RunKey const& key, Seq above) {
    if (run.last() <= above) {
        return RunMatch::absent;
    }
    if (run.device != key.device || run.first_counter > key.first_counter) {
        return RunMatch::older;
    }
    return run.first_counter == key.first_counter && run.attempt == key.attempt ? RunMatch::found
                                                                                : RunMatch::absent;
}

}  // namespace capstan
