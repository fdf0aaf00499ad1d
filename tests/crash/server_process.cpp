#include "server_process.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <stdexcept>
#include <vector>

namespace capstan::test {
namespace {

/// A port that nobody listens on now. The server comes back under the same one after each kill.
std::uint16_t free_port() {
    int const probe = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    bool const found = ::bind(probe, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                       ::getsockname(probe, reinterpret_cast<sockaddr*>(&address), &size) == 0;
    ::close(probe);
    if (!found) {
        throw std::runtime_error("no free port");
    }
    return ntohs(address.sin_port);
}

std::string local(std::uint16_t port) {
    return "127.0.0.1:" + std::to_string(port);
}

}  // namespace

ServerProcess::ServerProcess(std::string program, std::string data_directory)
    : program_(std::move(program)),
      data_directory_(std::move(data_directory)),
      port_(free_port()),
      admin_port_(free_port()) {}

ServerProcess::~ServerProcess() {
    if (child_ > 0) {
        kill_now();
    }
}

void ServerProcess::start() {
    std::vector<std::string> words{program_,
                                   "--data-dir",
                                   data_directory_,
                                   "--listen",
                                   local(port_),
                                   "--admin-listen",
                                   local(admin_port_),
                                   "--auth-dev-token",
                                   kToken,
                                   "--journal-segment-bytes",
                                   "1048576",
                                   "--checkpoint-interval-ms",
                                   "200"};
    std::vector<char*> arguments;
    for (auto& word : words) {
        arguments.push_back(word.data());
    }
    arguments.push_back(nullptr);
    auto const log = data_directory_ + ".log";
    child_ = ::fork();
    if (child_ == 0) {
        int const file = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
        ::dup2(file, STDOUT_FILENO);
        ::dup2(file, STDERR_FILENO);
        ::execv(program_.c_str(), arguments.data());
        ::_exit(127);
    }
}

int ServerProcess::wait() {
    int status = 0;
    ::waitpid(child_, &status, 0);
    child_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void ServerProcess::kill_now() {
    ::kill(child_, SIGKILL);
    wait();
}

int ServerProcess::stop() {
    ::kill(child_, SIGTERM);
    return wait();
}

}  // namespace capstan::test
