// Keeps the outside world out: while a guard exists, whoever asks for the real time, real
// randomness, a thread or a socket ends the program, and says so.
#pragma once

namespace capstan::simulator {

/// Threading: one thread; at most one guard at a time.
class Guard {
  public:
    Guard();
    ~Guard();
    Guard(Guard const&) = delete;
    Guard& operator=(Guard const&) = delete;
};

}  // namespace capstan::simulator
