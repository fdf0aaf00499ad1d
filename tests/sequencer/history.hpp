// Random histories: honest devices, several gateways, one fold. Copies of runs arrive late, doubled
// or never; answers get lost; refusals depend on the moment; gateways refuse on their own account;
// stores are opened again, restored from old images or run twice; the server is restored from a
// backup; rows leave memory and come back. Then the faults end and all must get through.
#pragma once
#include <array>
#include <map>
#include <string>

#include "fold_bed.hpp"
#include "history_device.hpp"

namespace capstan::test {

/// What happens in a history. A restored image and a restored server do not meet in one history:
/// what both of them lost nobody holds any more.
struct HistoryOptions {
    std::size_t devices = 1;
    bool images = false;
    bool backups = false;
    FoldPolicy policy{4, 16, 64};
};

/// How often what happened.
struct HistoryCounts {
    std::array<std::uint64_t, 7> of{};  // verdicts: accepted to refused
    std::uint64_t rebases = 0;
    std::uint64_t recoveries = 0, losses = 0;  // restored images and servers, noticed by devices

    HistoryCounts& operator+=(HistoryCounts const& other);
};

class History {
  public:
    History(std::uint64_t seed, HistoryOptions options, FoldBed::Decide decide);
    /// What is wrong with it; empty if nothing is.
    std::string run();
    HistoryCounts const& counts() const { return counts_; }

  private:
    struct Client {
        HistoryDevice device;
        std::uint64_t connection = 0;  // 0: none since the server was restored
    };
    struct Copy {
        std::size_t client = 0;
        std::uint64_t connection = 0;
        RunKey key;
        Bytes record;
    };
    struct Reply {
        std::size_t client = 0;
        std::uint64_t connection = 0;
        RunKey key;
        Answer answer;
    };
    struct Image {
        HistoryDevice device;
        std::map<Mutation, std::size_t> forms;  // how often each had been frozen
    };

    void step();
    void app_step(std::size_t client, std::uint64_t choice);
    void fault_step(std::size_t client);
    void connect(std::size_t client);
    void read(std::size_t client);
    void send(std::size_t client);
    void arrive();
    void reply();
    void turn_away(std::size_t client);
    void take_image(std::size_t client);
    void restore_image(std::size_t client);
    void take_backup();
    void restore_backup();
    void note_forms(HistoryDevice& device);

    Bytes record_of_run(std::size_t client, FrozenRun const& run) const;
    Answer fold(Bytes const& record);
    void count(Verdict const& verdict);
    bool quiesce();
    bool push_on(std::size_t client, bool& idle);
    std::string check() const;
    std::string check_device_order() const;

    Dice dice_;
    HistoryOptions options_;
    FoldBed bed_;
    std::optional<FoldBed> backup_;
    std::vector<Client> clients_;
    std::vector<Copy> wire_;
    std::vector<Reply> replies_;
    std::vector<std::optional<Image>> images_;
    std::map<Mutation, std::size_t> forms_;
    Mutation last_mutation_ = 0;
    std::uint64_t last_connection_ = 0;
    std::uint64_t last_lineage_ = 0x2000;
    std::set<Mutation> confirmed_ever_, failed_ever_;
    std::set<Mutation>
        may_double_;  // an old image sends again what the store that went on had sent
    std::set<Mutation> may_vanish_;  // known to a store that is gone
    HistoryCounts counts_;
};

/// A decision that refuses now and then what it could accept, as guards of many kinds would.
template <class Rules>
fold_internal::Decision decide_in_a_mood(StreamRow const& stream,
                                         DeviceRow const& device,
                                         fold_internal::Request const& run);
/// One in this many; 0 for never. Of the thread.
extern thread_local std::uint64_t mood_one_in;
extern thread_local Dice mood_dice;

template <class Rules>
fold_internal::Decision decide_in_a_mood(StreamRow const& stream,
                                         DeviceRow const& device,
                                         fold_internal::Request const& run) {
    auto const decision = fold_internal::decide<Rules>(stream, device, run);
    if (decision.outcome == Verdict::accepted && mood_one_in != 0 &&
        mood_dice.one_in(mood_one_in)) {
        return {Verdict::refused, Errc::position_conflict};
    }
    return decision;
}

}  // namespace capstan::test
