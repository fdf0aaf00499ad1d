// Stories of sessions as scripts: commands in, what each connection is sent out.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "session_bed.hpp"
#include "support/script.hpp"

namespace capstan::test {

class SessionScript {
  public:
    /// Carries out one command; returns what the connections got meanwhile, in order.
    std::string run(ScriptCommand const& command);

  private:
    void carry_out(ScriptCommand const& command);
    void begin(ScriptArgs const& args);
    void hello(std::string const& name, ScriptArgs const& args);
    void publish(std::string const& name, ScriptArgs const& args);
    void append(ScriptArgs const& args);
    fb::StreamCursorT cursor(std::string text);
    void say(std::string const& line) { output_ += line + '\n'; }
    void hear(std::string const& name, ByteView payload);

    struct Hear;

    std::unique_ptr<FakeBed> bed_;
    std::map<std::string, std::unique_ptr<SessionBed::Peer>> peers_;
    std::map<std::string, std::pair<Position, Hash128>> positions_;  // remembered
    std::string output_;
};

}  // namespace capstan::test
