#include "grammar.hpp"

namespace capstan::cli {
namespace {

void add_path(CLI::App& command, char const* name, std::string& path, char const* help) {
    command.add_option(name, path, help)->type_name("")->required();
}

void add_rate(CLI::App& command, std::uint64_t& bytes_per_second) {
    command
        .add_option("--bytes-per-second",
                    bytes_per_second,
                    "Read no faster, so that a server beside it does not notice")
        ->type_name("BYTES");
}

constexpr char const* kDataHelp = "The server's data directory";
constexpr char const* kBackupsHelp = "The directory of backups";

}  // namespace

void Grammar::add_operator_commands() {
    auto& verify = add_command(
        app, "verify", "Check a data directory, also beside its server. Changes nothing", verify_);
    add_path(verify, "DIRECTORY", verify_.directory, kDataHelp);
    verify.add_flag("--deep",
                    verify_.deep,
                    "Fold the journal again: seqs, devices, index and footers must come out so");
    verify.add_option("--report", verify_.report, "Write what was found as JSON")
        ->type_name("FILE");
    add_rate(verify, verify_.bytes_per_second);

    auto& recover = *app.add_subcommand("recover", "Make derived state again");
    recover.require_subcommand(1);
    auto& rebuild = add_command(recover,
                                "rebuild",
                                "Index and footers from the journal alone, compared with the old",
                                rebuild_);
    add_path(rebuild, "DIRECTORY", rebuild_.directory, kDataHelp);
    add_repair();
    add_backup();
    add_migrate();
    add_check();
    add_watching();
}

void Grammar::add_repair() {
    auto& repair =
        *app.add_subcommand("repair", "Plan the repair of a data directory, and apply it");
    repair.require_subcommand(1);
    auto const common = [](CLI::App& command, Repair& options) {
        add_path(command, "DIRECTORY", options.directory, kDataHelp);
        command
            .add_option("--backups", options.backups, "A directory of backups to take bytes from")
            ->type_name("DIRECTORY");
    };
    auto& plan = add_command(
        repair, "plan", "List every action and every loss. Changes nothing", repair_plan_);
    common(plan, repair_plan_);
    auto& apply = add_command(
        repair, "apply", "Do what a plan lists; what changes is kept beside it", repair_apply_);
    common(apply, repair_apply_);
    apply.add_option("--plan", repair_apply_.hash, "The hash that `repair plan` showed")
        ->type_name("HASH")
        ->required();
}

void Grammar::add_backup() {
    auto& backup = *app.add_subcommand("backup", "Backups: incremental, at a point in time");
    backup.require_subcommand(1);
    auto& create = add_command(
        backup, "create", "Take what came since the last one, while serving", backup_create_);
    add_path(create, "DIRECTORY", backup_create_.directory, kDataHelp);
    add_path(create, "BACKUPS", backup_create_.backups, kBackupsHelp);
    add_rate(create, backup_create_.bytes_per_second);

    auto& list = add_command(backup, "ls", "List backups", backup_list_);
    add_path(list, "BACKUPS", backup_list_.backups, kBackupsHelp);

    auto& verify =
        add_command(backup, "verify", "Check a backup without restoring it", backup_verify_);
    add_path(verify, "BACKUPS", backup_verify_.backups, kBackupsHelp);
    verify.add_option("--number", backup_verify_.number, "Which one; without it, the newest")
        ->type_name("N");

    auto& restore =
        add_command(backup, "restore", "Make a new data directory from a backup", backup_restore_);
    add_path(restore, "BACKUPS", backup_restore_.backups, kBackupsHelp);
    add_path(restore, "DIRECTORY", backup_restore_.directory, "The new data directory");
    restore.add_option("--number", backup_restore_.number, "Which one; without it, the newest")
        ->type_name("N");
    restore
        .add_option_function<std::uint64_t>(
            "--at",
            [this](std::uint64_t position) { backup_restore_.at = Position{position}; },
            "The journal position to end at; without it, the backup's end")
        ->type_name("POSITION");
}

void Grammar::add_migrate() {
    auto& migrate = add_command(app,
                                "migrate",
                                "Move a journal to a cluster, or back; every seq stays. Resumable",
                                migrate_);
    add_path(migrate, "DIRECTORY", migrate_.directory, kDataHelp);
    auto* const ways = migrate.add_option_group("way");
    ways->add_option("--to", migrate_.to, "Copy the journal there and switch")
        ->type_name("kafka://HOST:PORT,…/CLUSTER");
    ways->add_option("--from", migrate_.from, "Make DIRECTORY from the cluster, and end that")
        ->type_name("kafka://HOST:PORT,…/CLUSTER");
    ways->require_option(1);
    migrate
        .add_option("--settings-file",
                    migrate_.settings_file,
                    "Lines of NAME=VALUE for librdkafka, as of capstand's cluster_settings_file")
        ->type_name("FILE");
    migrate.add_option("--replicas", migrate_.replicas, "Of the topic, if it has to be made")
        ->type_name("N")
        ->capture_default_str();
    migrate.add_flag("--dry-run", migrate_.dry_run, "Tell what would be moved. Changes nothing");
}

void Grammar::add_check() {
    auto& check = *app.add_subcommand(
        "check", "For monitoring: one line; 0 ok, 1 warning, 2 critical, 3 unknown");
    check.require_subcommand(1);
    auto const add_kind =
        [&](Check& options, CheckKind kind, char const* name, char const* help) -> CLI::App& {
        options.kind = kind;
        return add_command(check, name, help, options);
    };
    auto const limits = [](CLI::App& command, Check& options, double warn, double critical) {
        options.warn = warn;
        options.critical = critical;
        command.add_option("--warn", options.warn, "From here on a warning")->capture_default_str();
        command.add_option("--critical", options.critical, "From here on critical")
            ->capture_default_str();
    };
    auto& connection = add_kind(check_connection_,
                                CheckKind::connection,
                                "connection",
                                "Seconds until the server answers with this token");
    limits(connection, check_connection_, 1, 5);
    auto& append = add_kind(check_append_,
                            CheckKind::append,
                            "append",
                            "Seconds until an event is on the server's disk");
    add_stream(append, check_append_.target);
    limits(append, check_append_, 1, 5);
    auto& disk = add_kind(
        check_disk_, CheckKind::disk, "disk", "Used percent of the disk of a data directory");
    add_path(disk, "DIRECTORY", check_disk_.target, kDataHelp);
    limits(disk, check_disk_, 80, 95);
    auto& journal = add_kind(check_journal_,
                             CheckKind::journal,
                             "journal",
                             "Whether `capstan verify` finds something in a data directory");
    add_path(journal, "DIRECTORY", check_journal_.target, kDataHelp);
    auto& backup = add_kind(
        check_backup_, CheckKind::backup, "backup", "Hours since the newest backup was made");
    add_path(backup, "BACKUPS", check_backup_.target, kBackupsHelp);
    limits(backup, check_backup_, 25, 49);
}

void Grammar::add_watching() {
    auto& doctor =
        add_command(app, "doctor", "Look at all that commands need, and say what to do", doctor_);
    add(doctor,
        "--admin",
        "The server's admin port",
        [this](std::string const& word) -> Result<> {
            doctor_.admin = word;
            doctor_.admin_is_given = true;
            return success();
        })
        ->type_name("URL")
        ->default_str(doctor_.admin);
    doctor.add_option("--data", doctor_.data, "Look at this data directory, too")
        ->type_name("DIRECTORY");
    doctor.add_option("--backups", doctor_.backups, "And at these backups")->type_name("DIRECTORY");

    auto& top = add_command(app, "top", "What a server does, a line a moment", top_);
    top.add_option("--admin", top_.admin, "The server's admin port")
        ->type_name("URL")
        ->capture_default_str();
    add(top,
        "--every",
        "How long a moment is",
        [this](std::string const& word) -> Result<> {
            CAPSTAN_TRY(auto const micros, parse_duration(word));
            if (micros < 10'000) {
                return Error{Errc::usage, "a moment is at least 10ms"};
            }
            top_.every = std::chrono::microseconds(micros);
            return success();
        })
        ->type_name("DURATION")
        ->default_str("1s");
    top.add_option_function<std::uint64_t>(
           "-n,--count", [this](std::uint64_t count) { top_.count = count; }, "Lines")
        ->type_name("N");
}

}  // namespace capstan::cli
