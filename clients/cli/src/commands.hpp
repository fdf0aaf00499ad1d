#pragma once
#include <capstan/cli/exit_code.hpp>
#include <capstan/cli/options.hpp>
#include <capstan/cli/output.hpp>
#include <capstan/cli/surroundings.hpp>
#include <capstan/schema/error.hpp>
#include <optional>

namespace capstan::cli {

/// What a command works with. Lifetime: of one `run`.
struct Context {
    Globals const& globals;
    Surroundings& surroundings;
    Output& output;
    /// What to end with, where the error's own code says too little: partly done, damage found.
    std::optional<ExitCode> code = {};
};

Result<> execute(Context& context, ShowText const& command);
Result<> execute(Context& context, ShowVersion const& command);
Result<> execute(Context& context, ShowErrors const& command);
Result<> execute(Context& context, Completion const& command);
Result<> execute(Context& context, Append const& command);
Result<> execute(Context& context, Read const& command);
Result<> execute(Context& context, Watch const& command);
Result<> execute(Context& context, Get const& command);
Result<> execute(Context& context, Stat const& command);
Result<> execute(Context& context, StreamList const& command);
Result<> execute(Context& context, StreamCreate const& command);
Result<> execute(Context& context, StreamSeal const& command);
Result<> execute(Context& context, StreamFork const& command);
Result<> execute(Context& context, SnapshotCommand const& command);
Result<> execute(Context& context, ImportGit const& command);
Result<> execute(Context& context, ImportNdjson const& command);
Result<> execute(Context& context, Export const& command);
Result<> execute(Context& context, ImportStreams const& command);
Result<> execute(Context& context, Replay const& command);
Result<> execute(Context& context, Verify const& command);
Result<> execute(Context& context, Rebuild const& command);
Result<> execute(Context& context, Repair const& command);
Result<> execute(Context& context, BackupCreate const& command);
Result<> execute(Context& context, BackupList const& command);
Result<> execute(Context& context, BackupVerify const& command);
Result<> execute(Context& context, BackupRestore const& command);
Result<> execute(Context& context, Migrate const& command);
Result<> execute(Context& context, Check const& command);
Result<> execute(Context& context, Doctor const& command);
Result<> execute(Context& context, Top const& command);
Result<> execute(Context& context, Bench const& command);
Result<> execute(Context& context, BenchReconcile const& command);
Result<> execute(Context& context, ModelShow const& command);
Result<> execute(Context& context, ModelDiff const& command);
Result<> execute(Context& context, ModelRestore const& command);
Result<> execute(Context& context, History const& command);
Result<> execute(Context& context, ConflictsList const& command);
Result<> execute(Context& context, ConflictsShow const& command);
Result<> execute(Context& context, ConflictsResolve const& command);

}  // namespace capstan::cli
