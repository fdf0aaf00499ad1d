#pragma once
#include <capstan/schema/error.hpp>
#include <filesystem>

namespace capstan {

/// The index is derived and lives in memory-mapped files, where damage is not an error but the end
/// of the process. So that a supervisor that restarts it does not run in circles, what killed the
/// process leaves a mark, and a start that finds the mark begins with an empty index: the journal
/// fills it again. The damaged one is kept beside it, as `index.damaged`.

/// From here on SIGBUS and SIGSEGV write the mark, say so on stderr, and end the process as they
/// would have. A crash that was not the index's fault costs a rebuild, and loses nothing.
/// Threading: main, once.
void mark_index_on_crash(std::filesystem::path const& data_dir);

/// A crash left its mark since the index was last set aside.
bool index_is_suspect(std::filesystem::path const& data_dir);

/// Moves the index out of the way and clears the mark. Precondition: no process has it open.
/// Errors: `disk_io`.
Result<> set_index_aside(std::filesystem::path const& data_dir);

}  // namespace capstan
