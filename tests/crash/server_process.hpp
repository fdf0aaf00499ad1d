// A real capstand as a child process.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace capstan::test {

class ServerProcess {
  public:
    ServerProcess(std::string program, std::string data_directory);
    ~ServerProcess();
    ServerProcess(ServerProcess const&) = delete;
    ServerProcess& operator=(ServerProcess const&) = delete;

    void start();
    void kill_now();
    /// SIGTERM; returns the exit code.
    int stop();

    std::uint16_t port() const { return port_; }
    std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
    static constexpr char const* kToken = "storm-token";

  private:
    int wait();

    std::string program_;
    std::string data_directory_;
    std::uint16_t port_ = 0;
    std::uint16_t admin_port_ = 0;
    pid_t child_ = -1;
};

}  // namespace capstan::test
