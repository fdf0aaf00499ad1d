#include <capstan/engine/os/posix_storage.hpp>
#include <capstan/sequencer/file_journal.hpp>
#include <capstan/sequencer/lmdb_checkpoint_store.hpp>
#include <filesystem>
#include <utility>

#include "commands.hpp"
#include "progress.hpp"
#include "refold.hpp"

namespace capstan::cli {
namespace {

/// The folders of a data directory.
constexpr char kJournal[] = "/journal";
constexpr char kIndex[] = "/index";

/// What verifying has found.
struct Findings {
    VerifyReport journal;
    Refold refold;
    std::optional<Checkpoint> checkpoint;
    std::vector<std::string> problems;
};

/// Reads the checkpoint. Damage is a problem: the index is derived, but somebody should know.
std::unique_ptr<LmdbCheckpointStore> open_index(std::string const& directory, Findings& findings) {
    if (!std::filesystem::exists(directory + kIndex + "/data.mdb")) {
        return nullptr;
    }
    auto store = LmdbCheckpointStore::open({.directory = directory + kIndex});
    if (!store) {
        findings.problems.push_back("index: " + to_string(store.error()));
        return nullptr;
    }
    if (auto const rows = store.value()->verify(); !rows) {
        findings.problems.push_back("index: " + to_string(rows.error()));
        return nullptr;
    }
    auto checkpoint = store.value()->load();
    if (!checkpoint) {
        findings.problems.push_back("index: " + to_string(checkpoint.error()));
        return nullptr;
    }
    findings.checkpoint = std::move(checkpoint.value());
    return std::move(store.value());
}

/// The checkpoint says what the journal gives when it is folded up to there.
void compare(StoredSubmission const& submission, Findings& findings) {
    auto const& checkpoint = *findings.checkpoint;
    auto const note = [&findings](std::string_view what) {
        findings.problems.push_back("index: its " + std::string(what) +
                                    " is not what the journal gives");
    };
    if (checkpoint.chain != submission.chain) {
        note("submission chain");
    }
    if (checkpoint.state_hash != findings.refold.state_hash()) {
        note("state hash");
    }
}

Result<> verify(Context& context, std::string const& directory, Findings& findings) {
    CAPSTAN_TRY(auto const storage, PosixStorage::open(directory + kJournal));
    auto const index = open_index(directory, findings);
    Progress progress(context, "Checked submissions", 0);
    bool foldable = true;
    auto const visit = [&](StoredSubmission const& submission) -> Result<Visit> {
        if (submission.position == Position{1} || findings.refold.partition().position.value != 0) {
            if (auto const folded = findings.refold.add(submission.bytes); !folded) {
                findings.problems.push_back("fold: " + to_string(folded.error()));
                return Visit::stop;
            }
        } else {
            foldable = false;  // its beginning was trimmed
            return Visit::stop;
        }
        if (findings.checkpoint && submission.position == findings.checkpoint->position) {
            compare(submission, findings);
        }
        progress.at(submission.position.value);
        return Visit::next;
    };
    CAPSTAN_TRY(findings.journal, verify_journal(*storage, visit));
    for (auto const& problem : findings.journal.problems) {
        if (problem.is_damage()) {
            findings.problems.push_back("journal: " + to_string(problem));
        } else {
            context.output.note("Harmless: " + to_string(problem));
        }
    }
    if (findings.checkpoint && findings.checkpoint->position > findings.journal.last) {
        findings.problems.push_back("index: its position " +
                                    std::to_string(findings.checkpoint->position.value) +
                                    " is above the journal's last");
    }
    if (!foldable) {
        context.output.note(
            "The journal's first submissions were trimmed: it was not folded again.");
    }
    return success();
}

JsonText json_list(std::vector<std::string> const& texts) {
    std::string json = "[";
    for (auto const& text : texts) {
        json += (json.size() == 1 ? "" : ",") + json_string(text);
    }
    return {json + "]"};
}

}  // namespace

Result<> execute(Context& context, Verify const& command) {
    Findings findings;
    CAPSTAN_TRY(verify(context, command.directory, findings));
    auto const& journal = findings.journal;
    if (journal.locked_by) {
        context.output.note("Process " + std::to_string(*journal.locked_by) +
                            " writes meanwhile: the end may seem torn.");
    }
    auto const checkpoint = findings.checkpoint ? findings.checkpoint->position : Position{};
    show(context.output,
         {{.key = "segments"},
          {.key = "frames"},
          {.key = "submissions"},
          {.key = "bytes"},
          {.key = "last_position"},
          {.key = "chain"},
          {.key = "streams"},
          {.key = "events"},
          {.key = "malformed"},
          {.key = "checkpoint"},
          {.key = "problems"}},
         {journal.segments,
          journal.frames,
          journal.submissions,
          journal.bytes,
          journal.last.value,
          to_string(journal.chain),
          findings.refold.streams(),
          findings.refold.events(),
          findings.refold.malformed(),
          checkpoint.value,
          json_list(findings.problems)});
    if (!findings.problems.empty()) {
        context.code = ExitCode::integrity;
    }
    return success();
}

}  // namespace capstan::cli
