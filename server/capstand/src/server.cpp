#include "server.hpp"

#include <fmt/core.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <capstan/engine/asio/asio_executor.hpp>
#include <capstan/engine/os/posix_storage.hpp>
#include <capstan/engine/os/system_clock.hpp>
#include <capstan/engine/os/system_random.hpp>
#include <capstan/sequencer/lmdb_checkpoint_store.hpp>
#include <capstan/sequencer/partition.hpp>
#include <capstan/server/config/settings.hpp>
#include <capstan/server/http/http_api.hpp>
#include <capstan/server/metrics/metrics.hpp>
#include <capstan/server/net/listener.hpp>
#include <capstan/server/session/session_host.hpp>
#include <csignal>
#include <filesystem>

#include "admin_port.hpp"
#include "cluster.hpp"
#include "data_directory.hpp"
#include "disk_watch.hpp"
#include "every.hpp"
#include "heap_trim.hpp"
#include "index_guard.hpp"
#include "metered_storage.hpp"
#include "part_metrics.hpp"
#include "part_options.hpp"
#include "process.hpp"
#include "service_manager.hpp"
#include "snapshots.hpp"

namespace capstan {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

constexpr Duration kTick = std::chrono::seconds(1);
constexpr Duration kDrainPoll = milliseconds(20);
constexpr Duration kStartGrace = std::chrono::seconds(30);  // from one sign of progress to the next

/// Everything that a serving process owns, in the order of construction. What a part uses stands
/// above it.
class Server {
  public:
    Server(ServerConfig config, Log& log, ReadConfig read_config, ServiceManager& manager)
        : config_(std::move(config)),
          log_(log),
          read_config_(std::move(read_config)),
          manager_(manager) {}
    ~Server();

    Result<> open();
    /// A signal came before all was open.
    bool is_draining() const { return draining_; }
    Addresses addresses() const {
        return {url_of(config_.tls.is_on() ? "https" : "http", config_.listen, public_->port()),
                url_of("http", config_.admin.listen, admin_->port())};
    }
    ExitCode run();

  private:
    /// Hears of a stopped partition, beside the sessions.
    class Relay;

    Result<> open_admin_port();
    Result<> open_storage();
    Result<> open_journal_directory();
    Result<> recover();
    void report_recovery();
    Result<> join();
    Result<> open_partition();
    Result<> try_to_open_partition();
    Result<> open_snapshots();
    Result<> rebuild_index(std::string_view why);
    Result<> wait_until_ready();
    void report_catching_up();
    Result<> listen();
    void tick();
    void await_signal();
    void on_signal(int signal);
    void reload_or_wait();
    void drain();
    void wait_for_sessions(Instant until);
    void on_stopped(Error const& why);
    void set_phase(Readiness readiness);
    void refresh_metrics();

    ServerConfig config_;
    Log& log_;
    ReadConfig read_config_;
    ServiceManager& manager_;
    SystemClock clock_;
    SystemRandom random_;
    Metrics metrics_;
    std::unique_ptr<ExchangeableAuthenticator> authenticator_;
    std::shared_ptr<TlsContext const> tls_;
    std::unique_ptr<AdminPort> admin_;
    boost::asio::io_context context_{1};
    AsioExecutor strand_{context_};
    boost::asio::signal_set signals_{context_, SIGTERM, SIGINT, SIGHUP};
    std::unique_ptr<PosixStorage> data_;
    std::unique_ptr<StorageLock> data_lock_;
    std::unique_ptr<PosixStorage> directory_;
    std::unique_ptr<MeteredStorage> storage_;
    std::unique_ptr<LmdbCheckpointStore> checkpoints_;
    OpenLog open_log_;  // nothing: the file journal is the truth
    std::unique_ptr<SessionHost> sessions_;
    std::unique_ptr<Relay> relay_;
    std::unique_ptr<Partition> partition_;
    std::unique_ptr<Snapshots> snapshots_;
    std::unique_ptr<AsioThread> disk_;        // these three end before the partition does:
    std::unique_ptr<AsioThread> background_;  // they run its tasks
    std::unique_ptr<AsioThread> reader_;
    std::unique_ptr<HttpApi> api_;
    std::unique_ptr<Listener> public_;
    std::unique_ptr<Timer> tick_;
    std::unique_ptr<Timer> drain_poll_;
    Instant started_;
    HeapTrim heap_trim_;
    DiskWatch disk_watch_;
    bool draining_ = false;
    bool hurried_ = false;        // by a second signal
    bool reload_is_due_ = false;  // asked for before it could be done
    BeaconWatch beacon_watch_{log_};
    std::optional<Error> stopped_;
};

class Server::Relay final : public PartitionListener {
  public:
    explicit Relay(Server& server) : server_(server) {}
    void on_folded(std::span<Folded const> batch) override { server_.sessions_->on_folded(batch); }
    void on_turned_away(std::span<std::uint64_t const> tokens, Error const& why) override {
        server_.log_.warn("publishes_turned_away",
                          why.detail,
                          {{"code", std::uint64_t{static_cast<std::uint16_t>(why.code)}},
                           {"count", std::uint64_t{tokens.size()}}});
        if (why.code == Errc::storage_full) {
            server_.disk_watch_.on_full();
        }
        server_.sessions_->on_turned_away(tokens, why);
    }
    void on_moved(StreamMoved const& moved) override {
        server_.sessions_->on_moved(moved);
        if (server_.snapshots_) {
            server_.snapshots_->keeper().on_moved(moved);
        }
    }
    void on_stopped(Error const& why) override {
        server_.sessions_->on_stopped(why);
        server_.on_stopped(why);
    }

  private:
    Server& server_;
};

Result<> Server::open() {
    started_ = clock_.now();
    CAPSTAN_TRY(auto authenticator, make_authenticator(config_.auth));
    authenticator_ = std::make_unique<ExchangeableAuthenticator>(std::move(authenticator));
    CAPSTAN_TRY(tls_, make_tls(config_.tls));
    CAPSTAN_TRY(open_admin_port());
    CAPSTAN_TRY(open_storage());
    CAPSTAN_TRY(recover());
    await_signal();
    CAPSTAN_TRY(wait_until_ready());
    if (!draining_) {
        CAPSTAN_TRY(listen());
        tick();
    }
    return success();
}

Server::~Server() {
    if (partition_) {
        partition_->close();
    }
}

Result<> Server::open_storage() {
    fs::path const directory = config_.data_dir;
    CAPSTAN_TRY(data_, open_data_directory(directory));
    CAPSTAN_TRY(data_lock_, data_->lock("lock"));
    CAPSTAN_TRY(open_directory(directory / "index"));
    return open_journal_directory();
}

Result<> Server::open_journal_directory() {
    CAPSTAN_TRY(directory_, open_directory(fs::path(config_.data_dir) / "journal"));
    storage_ = std::make_unique<MeteredStorage>(*directory_, metrics_, clock_);
    return success();
}

/// The journal is read and folded; the admin port tells how far that is.
Result<> Server::recover() {
    fs::path const directory = config_.data_dir;
    Every const report(kTick, [this] { report_recovery(); });
    mark_index_on_crash(directory);
    if (index_is_suspect(directory)) {
        CAPSTAN_TRY(rebuild_index("the last process crashed"));
    }
    reader_ = std::make_unique<AsioThread>("reader");
    sessions_ = SessionHost::make(session_options(config_),
                                  {clock_, random_, strand_, *reader_, *authenticator_});
    relay_ = std::make_unique<Relay>(*this);
    disk_ = std::make_unique<AsioThread>("disk");
    background_ = std::make_unique<AsioThread>("background");
    CAPSTAN_TRY(join());
    CAPSTAN_TRY(open_partition());
    sessions_->attach(*partition_);
    CAPSTAN_TRY(open_snapshots());
    api_ = HttpApi::make(http_options(config_),
                         {*sessions_,
                          *authenticator_,
                          clock_,
                          strand_,
                          [this](Duration took) {
                              metrics_.observe(Metric::append_seconds,
                                               std::chrono::duration<double>(took).count());
                          },
                          snapshots_ ? &snapshots_->keeper() : nullptr});
    api_->attach(*partition_);
    if (partition_->bytes_cut() > 0) {
        log_.warn("journal_tail_cut",
                  "the last process died while it wrote; nothing of this was acknowledged",
                  {{"bytes", partition_->bytes_cut()}});
    }
    auto const marks = partition_->marks();
    log_.info(
        "journal_open",
        "the journal is recovered and folded",
        {{"position", marks.folded.value},
         {"dur_us",
          std::chrono::duration_cast<std::chrono::microseconds>(clock_.now() - started_).count()}});
    return success();
}

void Server::report_recovery() {
    auto const read = storage_->read_bytes();
    auto const progress = fmt::format("{} MB of the journal are read", read >> 20);
    set_phase({.phase = "recovering", .reason = progress});
    log_.info("recovering", "the journal is read", {{"read_bytes", read}});
    manager_.starting("recovering: " + progress, kStartGrace);
}

Result<> Server::join() {
    if (config_.journal.cluster.empty()) {
        return check_no_cluster(*data_);
    }
    CAPSTAN_TRY(auto cluster, cluster_of(config_.journal, log_));
    CAPSTAN_TRY(join_cluster(config_.journal, cluster, {*data_, *directory_}, log_));
    open_log_ = log_opener(config_.journal, std::move(cluster), random_);
    return success();
}

/// What is derived may be damaged: it is made again. In a cluster that goes for the tape, too: what
/// is whole of it is folded again and the rest is copied again, or all of it if it can't be read.
Result<> Server::open_partition() {
    auto opened = try_to_open_partition();
    auto const is_damaged = [&](Errc code) { return !opened && opened.error().code == code; };
    bool const tape_is_damaged = open_log_ != nullptr && is_damaged(Errc::journal_corrupt);
    if (tape_is_damaged || is_damaged(Errc::index_damaged)) {
        CAPSTAN_TRY(rebuild_index(opened.error().detail));
        opened = try_to_open_partition();
    }
    if (tape_is_damaged && is_damaged(Errc::journal_corrupt)) {
        log_.warn("tape_set_aside", opened.error().detail, {{"kept_as", "journal.damaged"}});
        checkpoints_.reset();
        CAPSTAN_TRY(set_tape_aside(config_.data_dir));
        CAPSTAN_TRY(open_journal_directory());
        opened = try_to_open_partition();
    }
    return opened;
}

Result<> Server::try_to_open_partition() {
    CAPSTAN_TRY(checkpoints_,
                LmdbCheckpointStore::open({.directory = fs::path(config_.data_dir) / "index"}));
    PartitionSeams const seams{
        *storage_, *checkpoints_, clock_, random_, strand_, *disk_, *background_, open_log_};
    CAPSTAN_TRY(partition_, Partition::open(partition_options(config_), seams, *relay_));
    return success();
}

Result<> Server::open_snapshots() {
    if (!config_.snapshot.enabled) {
        return success();
    }
    CAPSTAN_TRY(auto directory, open_directory(fs::path(config_.data_dir) / "snapshots"));
    snapshots_ =
        std::make_unique<Snapshots>(config_.snapshot, std::move(directory), clock_, strand_, log_);
    snapshots_->keeper().attach(*partition_);
    sessions_->offer(snapshots_->keeper());
    return success();
}

/// The index is derived: without it the whole journal is folded again.
Result<> Server::rebuild_index(std::string_view why) {
    log_.warn("index_set_aside", why, {{"kept_as", "index.damaged"}});
    checkpoints_.reset();
    return set_index_aside(config_.data_dir);
}

Result<> Server::open_admin_port() {
    CAPSTAN_TRY(auto const options, listener_options(config_, config_.admin.listen));
    CAPSTAN_TRY(admin_, AdminPort::open(options, metrics_, clock_));
    return success();
}

/// A node of a cluster hears nobody until it has folded what the log holds: it knows less than its
/// devices may have seen on others.
Result<> Server::wait_until_ready() {
    auto told = clock_.now();
    while (!partition_->is_ready() && !stopped_ && !context_.stopped()) {
        context_.run_one_for(kTick);
        if (clock_.now() - told >= kTick) {
            told = clock_.now();
            report_catching_up();
        }
    }
    return stopped_ ? Result<>(*stopped_) : success();
}

void Server::report_catching_up() {
    auto const where = describe(partition_->log_progress());
    set_phase({.phase = "catching_up", .reason = where});
    log_.info("catching_up", where);
    manager_.starting("catching up: " + where, kStartGrace);
}

Result<> Server::listen() {
    CAPSTAN_TRY(auto front, listener_options(config_, config_.listen));
    front.tls = tls_;
    CAPSTAN_TRY(public_, Listener::open(context_, front, clock_, *api_, sessions_.get()));
    admin_->pages().set_refresh([this](auto done) {
        strand_.post([this, done = std::move(done)] {
            refresh_metrics();
            admin_->strand().post(done);
        });
    });
    set_phase({.ready = true, .phase = "serving"});
    if (std::exchange(reload_is_due_, false)) {
        reload_or_wait();
    }
    return success();
}

void Server::tick() {
    auto const now = clock_.now();
    sessions_->on_tick(now);
    public_->on_tick(now);
    if (snapshots_) {
        snapshots_->keeper().on_tick(now);
    }
    heap_trim_.look(partition_->marks().appended, now, *background_);
    admin_->pages().tell_trouble(disk_watch_.look(partition_->marks(), now), now);
    beacon_watch_.look(partition_->log_progress());
    manager_.alive();
    tick_ = strand_.after(kTick, [this] { tick(); });
}

void Server::await_signal() {
    signals_.async_wait([this](auto const& error, int signal) {
        if (!error) {
            await_signal();
            on_signal(signal);
        }
    });
}

void Server::reload_or_wait() {
    if (draining_ || stopped_) {
        log_.warn("reload_refused", "the server is shutting down");
        return;
    }
    if (public_ == nullptr) {
        reload_is_due_ = true;
        return;
    }
    manager_.reloading(clock_.now());
    reload(config_, read_config_, {log_, *authenticator_, *sessions_, *api_, *public_});
    manager_.ready(fmt::format("serving {}", addresses().url));
}

void Server::on_signal(int signal) {
    if (signal == SIGHUP) {
        return reload_or_wait();
    }
    if (hurried_) {
        std::_Exit(static_cast<int>(ExitCode::clean));  // what is acknowledged is on disk
    }
    hurried_ = draining_;
    log_.info(hurried_ ? "hurrying" : "draining",
              hurried_ ? "sessions are cut off" : "no new work; what is under way is finished",
              {{"signal", std::int64_t{signal}}});
    if (!draining_) {
        drain();
    }
}

void Server::drain() {
    draining_ = true;
    set_phase({.phase = "draining", .reason = "the server is shutting down"});
    manager_.stopping("draining", milliseconds(config_.drain.timeout_ms) + kStartGrace);
    if (public_) {
        public_->stop_accepting();
    }
    api_->drain();
    sessions_->drain();
    wait_for_sessions(clock_.now().plus(milliseconds(config_.drain.timeout_ms)));
}

void Server::wait_for_sessions(Instant until) {
    if (!sessions_->is_idle() && clock_.now() < until && !stopped_ && !hurried_) {
        drain_poll_ = strand_.after(kDrainPoll, [this, until] { wait_for_sessions(until); });
        return;
    }
    partition_->drain([this] { context_.stop(); });
}

void Server::on_stopped(Error const& why) {
    stopped_ = why;
    set_phase({.phase = "stopped", .reason = to_string(why)});
    log_.error(stop_event(why.code),
               why.detail,
               {{"code", std::uint64_t{static_cast<std::uint16_t>(why.code)}}});
    // Sessions are told; then the process ends, and recovery reads what the disk holds.
    drain_poll_ = strand_.after(milliseconds(200), [this] { context_.stop(); });
}

ExitCode Server::run() {
    context_.run();
    if (public_) {
        public_->close();
    }
    admin_->pages().set_refresh({});
    partition_->close();
    // Connections end, then the threads, which run tasks of the partition and of sessions. Then
    // what these still had to say, so that nothing outlives what it refers to.
    context_.restart();
    context_.poll();
    disk_.reset();
    background_.reset();
    reader_.reset();
    if (snapshots_) {
        snapshots_->stop();
    }
    context_.restart();
    context_.poll();
    log_.info("stopped", stopped_ ? stopped_->detail : "clean");
    return stopped_ ? exit_code_of_stop(stopped_->code) : ExitCode::clean;
}

void Server::set_phase(Readiness readiness) {
    metrics_.set(Metric::ready, readiness.ready ? 1 : 0);
    admin_->pages().set_readiness(std::move(readiness));
}

void Server::refresh_metrics() {
    show_process(metrics_);
    if (auto const free_bytes = directory_->free_bytes()) {
        metrics_.set(Metric::data_free_bytes, static_cast<double>(free_bytes.value()));
    }
    metrics_.advance_to(Metric::read_bytes_total, static_cast<double>(storage_->read_bytes()));
    metrics_.set(Metric::uptime_seconds,
                 std::chrono::duration<double>(clock_.now() - started_).count());
    show_journal(partition_->marks(), metrics_);
    show_connections(public_->counters(), metrics_);
    metrics_.set(Metric::sessions, static_cast<double>(sessions_->session_count()));
    show_sessions(sessions_->counters(), metrics_);
    show_log(log_, metrics_);
    if (snapshots_) {
        snapshots_->refresh(metrics_);
    }
}

}  // namespace

ExitCode serve(ServerConfig const& config,
               Log& log,
               ReadConfig const& read_config,
               std::function<void(Addresses const&)> const& on_ready) {
    ServiceManager manager;
    Server server(config, log, read_config, manager);
    if (auto const opened = server.open(); !opened) {
        fmt::print(stderr, "error {}\n", to_string(opened.error()));
        return exit_code_of(opened.error().code);
    }
    if (!server.is_draining()) {
        auto const addresses = server.addresses();
        on_ready(addresses);
        manager.ready(fmt::format("serving {}", addresses.url));
    }
    return server.run();
}

}  // namespace capstan
