#pragma once
#include <capstan/schema/error.hpp>
#include <capstan/schema/ids.hpp>
#include <capstan/sequencer/checkpoint_store.hpp>
#include <capstan/sequencer/file_journal.hpp>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Verifying a whole data directory: the journal, the footers in it, and the index beside it.
namespace capstan {

/// Which part of a data directory something was found in.
enum class DataPart : std::uint8_t {
    journal,  // the truth
    footer,   // derived: the index of a sealed segment
    index,    // derived: rows and checkpoint
};
std::string_view to_string(DataPart part);

/// What a finding means.
enum class Severity : std::uint8_t {
    harmless,  // a crash leaves it; the next start puts it right
    derived,   // derived data is wrong: it can be made again from the journal
    damage,    // acknowledged data is concerned
};
std::string_view to_string(Severity severity);

struct DataProblem {
    DataPart part = DataPart::journal;
    Severity severity = Severity::damage;
    std::string fault;  // a stable word: frame_damaged, index_foreign, …
    SegmentNumber segment;
    Offset offset;
    Position first;  // positions that are affected; 0 for none
    Position last;
    std::string detail;
};
/// `journal: frame_damaged: segment 3, offset 8192, positions 17..20: …`
std::string to_string(DataProblem const& problem);

struct DataReport {
    VerifyReport journal;
    std::optional<Checkpoint> checkpoint;
    SegmentNumber retired;  // the index relies on the footers of all segments up to this one
    bool deep = false;
    bool folded = false;  // deep, and from the first submission to the last
    // Of the fold; zero without one.
    std::uint64_t streams = 0;
    std::uint64_t events = 0;
    std::uint64_t malformed = 0;
    std::uint64_t state_hash = 0;  // at the last position
    std::vector<DataProblem> problems;

    bool is_sound() const;  // nothing but what is harmless
};

/// Bytes of the journal, done of total. An error ends the work and is its result.
using OnBytes = std::function<Result<>(std::uint64_t done, std::uint64_t total)>;

struct DataCheckOptions {
    /// Fold the journal again and compare with what the server derived: dense seqs and the state of
    /// each device (by state hash and row by row), footers byte by byte, the index's links and
    /// runs.
    bool deep = false;
    OnBytes on_bytes;
};

/// Verifies a data directory and changes nothing. Without `deep`: every frame, the submission
/// chain, positions, all checksums of the index, and that its checkpoint is a place of this
/// journal. It may run beside the server that writes there.
/// A deep check keeps what it folds in a temporary directory, as large as the index.
/// Errors: `not_found`, `disk_io`, `storage_full` (the temporary directory), `format_unknown`.
Result<DataReport> check_data(std::filesystem::path const& directory,
                              DataCheckOptions const& options);

/// The parts of a data directory.
std::filesystem::path journal_of(std::filesystem::path const& directory);
std::filesystem::path index_of(std::filesystem::path const& directory);

}  // namespace capstan
