#pragma once
#include <capstan/engine/model/model.hpp>
#include <capstan/schema/bytes.hpp>
#include <capstan/schema/ids.hpp>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace capstan::testing {

/// The server of a world: one partition on a simulated disk, anybody may do anything. Questions
/// about streams need it to be up. Threading: the world's thread.
class Server {
  public:
    ~Server();
    Server(Server const&) = delete;
    Server& operator=(Server const&) = delete;

    bool is_up() const;
    /// The process dies; what it wrote stays in the page cache. Connections are reset.
    void kill();
    /// The machine dies: what was not flushed is lost, torn or there, as the seed says.
    void lose_power();
    /// Recovers and serves. Does nothing while it is up.
    void start();

    /// The last seq of a stream; 0: there is none.
    Seq head(std::string_view stream) const;
    /// All events of a stream, encoded, in order of seq.
    std::vector<Bytes> events(std::string_view stream) const;
    /// The model that they make, by nothing but `apply`: what every device must show at the end.
    Model model(std::string_view stream) const;

    struct Parts;
    explicit Server(std::unique_ptr<Parts> parts);  // for World

  private:
    friend class World;
    std::unique_ptr<Parts> parts_;
};

}  // namespace capstan::testing
