#pragma once
#include <capstan/sequencer/partition.hpp>
#include <capstan/server/session/keyless_device.hpp>
#include <capstan/server/session/session_host.hpp>
#include <string>
#include <unordered_map>

#include "answers.hpp"
#include "submitters.hpp"

namespace capstan {

class Host;

/// Runs of requests that have no session, until their answers come.
class SinglePublishes final : public Submitter {
  public:
    explicit SinglePublishes(Host& host);
    void publish(SinglePublish const& publish, Instant now, OnAnswer done);
    void on_verdict(std::uint32_t slot, Verdict const& verdict) override;
    void on_turned_away(std::uint32_t slot, TurnedAway const& refusal) override;

  private:
    Host& host_;
    std::uint32_t id_;
    InFlight in_flight_;
    std::unordered_map<std::uint32_t, OnAnswer> done_;
};

/// Records that are no runs, until their verdicts come.
class RecordSubmits final : public Submitter {
  public:
    explicit RecordSubmits(Host& host);
    void submit(Bytes record, OnVerdict done);
    void on_verdict(std::uint32_t slot, Verdict const& verdict) override;
    void on_turned_away(std::uint32_t slot, TurnedAway const& refusal) override;

  private:
    Host& host_;
    std::uint32_t id_;
    std::uint32_t last_slot_ = 0;
    std::unordered_map<std::uint32_t, OnVerdict> done_;
};

/// The keyless device of one principal, wired to the partition.
class KeylessDesk final : public Submitter {
  public:
    KeylessDesk(Host& host, Principal const& principal, DeviceId device);
    ~KeylessDesk();
    KeylessDesk(KeylessDesk const&) = delete;
    KeylessDesk& operator=(KeylessDesk const&) = delete;

    /// Precondition: the principal may write to the stream.
    void append(KeylessAppend const& append, OnAnswer done);
    void on_verdict(std::uint32_t slot, Verdict const& verdict) override;
    void on_turned_away(std::uint32_t slot, TurnedAway const& refusal) override;
    bool is_idle() const { return device_.is_idle(); }

  private:
    Result<DeviceStat> lookup(std::string_view stream);
    Result<> submit(std::string_view stream,
                    std::optional<Seq> expect_head,
                    RunView const& run,
                    std::uint32_t token);

    Host& host_;
    std::uint32_t id_;
    std::string principal_;
    KeylessDevice device_;
};

}  // namespace capstan
