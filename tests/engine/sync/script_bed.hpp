// A client in the hands of a script: each command is one input, its output what the client wants
// done. Attempts are shown by their ordinal, devices by a letter, times in milliseconds.
#pragma once
#include <capstan/engine/sync/client.hpp>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "support/script.hpp"
#include "test_device.hpp"

namespace capstan::test {

class ScriptBed {
  public:
    /// Transitions taken are noted in `walked`.
    explicit ScriptBed(std::set<std::size_t>* walked = nullptr) : walked_(walked) {}
    std::string run(ScriptCommand const& command);

  private:
    /// What the server of a script holds of one stream.
    struct Tape {
        std::uint32_t handle = 0;
        Generation generation;
        std::vector<Bytes> runs;                    // delivered runs
        std::vector<std::pair<Seq, Hash128>> ends;  // of each run: its last seq, the chain there
        std::map<std::string, std::uint64_t> counters;  // by device letter
        Hash128 chain_at(Seq seq, std::string const& name) const;
    };

    std::string input(ScriptCommand const& command);
    std::string outcome_of_input();
    void open();
    void welcome(ScriptCommand const& command);
    void result(ScriptArgs const& args);
    void tape(ScriptArgs const& args);
    void events(ScriptArgs const& args);
    void receive(Bytes const& message);
    std::string publish(ScriptArgs const& args);
    void subscribe(ScriptArgs const& args);

    std::string text(sync::Effects const& effects);
    std::string text(sync::Effect const& effect);
    std::string text(ByteView message);
    std::string text(Link const& link) const;
    std::string name_of(DeviceId const& device);
    std::string key_text(Bytes const& key) const;
    Attempt attempt(std::uint64_t ordinal) const;
    Link link(ScriptArgs const& args, std::string_view key) const;
    DeviceId device(std::string const& letter);

    std::set<std::size_t>* walked_;
    Dice dice_{7};
    DiceRandom random_{dice_};
    TestDisk disk_;
    std::unique_ptr<sync::Client> client_;
    std::size_t walked_entries_ = 0;
    Instant now_;
    std::uint64_t connection_ = 0;
    std::map<std::uint64_t, Attempt> attempts_;  // by ordinal
    std::vector<DeviceId> devices_;              // A, B, C, …
    std::map<std::string, Tape> tapes_;
    std::set<std::string> published_by_name_;  // lately: their results have the name
};

}  // namespace capstan::test
