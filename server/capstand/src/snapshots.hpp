#pragma once
#include <capstan/engine/asio/asio_executor.hpp>
#include <capstan/engine/os/posix_storage.hpp>
#include <capstan/server/config/config.hpp>
#include <capstan/server/log/log.hpp>
#include <capstan/server/metrics/metrics.hpp>
#include <capstan/snapshotter/keeper.hpp>
#include <memory>

namespace capstan {

/// The snapshots of a server: their directory, their keeper and its threads.
/// Threading: the strand. Lifetime: `stop`, then the strand's last tasks, then this.
class Snapshots {
  public:
    Snapshots(ServerConfig::Snapshot const& config,
              std::unique_ptr<PosixStorage> directory,
              Clock& clock,
              Executor& strand,
              Log& log);

    SnapshotKeeper& keeper() { return *keeper_; }
    void refresh(Metrics& metrics) const;
    /// Ends its threads: a build that is under way is given up, and made again after the next
    /// start.
    void stop();

  private:
    std::unique_ptr<PosixStorage> directory_;
    std::unique_ptr<SnapshotKeeper> keeper_;
    std::unique_ptr<AsioThread> builder_;
    std::unique_ptr<AsioThread> reader_;
};

}  // namespace capstan
