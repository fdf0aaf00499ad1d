#pragma once
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <capstan/cli/options.hpp>
#include <capstan/schema/error.hpp>
#include <optional>
#include <string>

namespace capstan::cli {

/// The tree of commands with the options that parsing fills in. Built for one parse.
/// Lifetime: CLI11 keeps references into it, so it stays where it is.
class Grammar {
  public:
    Grammar();
    Grammar(Grammar const&) = delete;
    Grammar& operator=(Grammar const&) = delete;

    CLI::App app{"Capstan: append-only event streams. Data on stdout, all else on stderr.",
                 "capstan"};
    Globals globals;
    std::optional<Command> chosen;
    std::optional<Error>
        refused;  // what is wrong with a word, where the catalogue has a code for it

    /// Each word that an option or argument takes goes through a parser of ours.
    template <class Accept>
    CLI::Option* add(CLI::App& command,
                     std::string const& name,
                     std::string const& help,
                     Accept accept) {
        return command.add_option_function<std::string>(
            name,
            [this, accept](std::string const& word) {
                if (Result<> const taken = accept(word); !taken) {
                    refused = taken.error();
                    throw CLI::ValidationError(refused->detail);
                }
            },
            help);
    }

  private:
    void add_globals();
    void add_reference_commands();
    void add_event_commands();
    void add_reading(CLI::App& command, Read& read);
    void add_stream_commands();
    void add_snapshot_commands();
    void add_import_commands();
    void add_import_ndjson(CLI::App& import);
    void add_import_streams(CLI::App& import);
    void add_export();
    void add_replay();
    void add_operator_commands();
    void add_repair();
    void add_backup();
    void add_migrate();
    void add_check();
    void add_watching();
    void add_bench_commands();
    void add_model_commands();
    void add_rewind(CLI::App& model);
    CLI::Option* add_stream(CLI::App& command, std::string& stream);
    template <class Options>
    CLI::App& add_command(CLI::App& parent,
                          std::string const& name,
                          std::string const& help,
                          Options& options) {
        auto& command = *parent.add_subcommand(name, help);
        command.callback([this, &options] { chosen = options; });
        return command;
    }

    ShowVersion version_;
    ShowErrors errors_;
    Completion completion_;
    std::string help_topic_;
    Append append_;
    Read read_;
    Read tail_;
    Watch watch_;
    Get get_;
    Stat stat_;
    StreamList stream_list_;
    StreamCreate stream_create_;
    Stat stream_info_;
    StreamSeal stream_seal_;
    StreamFork stream_fork_;
    SnapshotCommand snapshot_list_;
    SnapshotCommand snapshot_create_;
    SnapshotCommand snapshot_get_;
    SnapshotCommand snapshot_verify_;
    SnapshotCommand snapshot_remove_;
    ImportGit import_git_;
    ImportNdjson import_ndjson_;
    ImportStreams import_streams_;
    Export export_;
    Replay replay_;
    Verify verify_;
    Rebuild rebuild_;
    Repair repair_plan_;
    Repair repair_apply_;
    BackupCreate backup_create_;
    BackupList backup_list_;
    BackupVerify backup_verify_;
    BackupRestore backup_restore_;
    Migrate migrate_;
    Check check_connection_;
    Check check_append_;
    Check check_disk_;
    Check check_journal_;
    Check check_backup_;
    Doctor doctor_;
    Top top_;
    Bench bench_append_;
    Bench bench_read_;
    Bench bench_fanout_;
    Bench bench_coldstart_;
    BenchReconcile bench_reconcile_;
    ModelShow model_show_;
    ModelDiff model_diff_;
    ModelRestore model_restore_;
    History history_;
    ConflictsList conflicts_list_;
    ConflictsShow conflicts_show_;
    ConflictsResolve conflicts_resolve_;
};

/// The text of a help topic. Nothing for an unknown one.
std::optional<std::string> help_topic(std::string const& name);

}  // namespace capstan::cli
