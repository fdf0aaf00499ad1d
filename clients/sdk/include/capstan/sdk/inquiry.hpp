#pragma once
#include <capstan/engine/runtime/clock.hpp>
#include <capstan/schema/error.hpp>
#include <capstan/schema/ids.hpp>
#include <capstan/sdk/runtime.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace capstan {

/// A stream, as a server describes it to somebody who holds nothing of it.
struct StreamSummary {
    std::string name;
    Generation generation;  // 0: there is no such stream
    Seq head;
    Hash128 chain;             // at head
    Seq mark;                  // merge mark at head
    std::uint64_t events = 0;  // that the tape holds
    std::uint64_t bytes = 0;   // of them, estimated
    std::optional<Error> denied;

    bool exists() const { return generation != Generation{}; }
};

struct InquiryOptions {
    std::string url;
    std::string token;
    std::string ca_file;                // as in ClientOptions
    std::vector<std::string> streams;   // by name
    std::vector<std::string> patterns;  // all that match
    bool follow = false;                // then hear of streams that appear later, too
    Duration timeout = std::chrono::seconds(30);
    std::shared_ptr<Runtime> runtime;
};

struct InquiryHandlers {
    std::function<void(StreamSummary&&)> on_stream;
    std::function<void()> on_listed;  // all that there are; with `follow`, others come later
    /// The end: of what was asked (an empty optional), or with an error. Not after the destructor.
    std::function<void(std::optional<Error> const&)> on_end;
};

/// Asks a server about streams on a connection of its own, as a device that exists for the moment
/// and publishes nothing. Handlers run on the runtime's thread.
class Inquiry {
  public:
    static Inquiry start(InquiryOptions options, InquiryHandlers handlers);
    Inquiry(Inquiry&&) noexcept;
    Inquiry& operator=(Inquiry&&) noexcept;
    ~Inquiry();

  private:
    class Asking;
    Inquiry(std::shared_ptr<Asking> asking, std::shared_ptr<Runtime> runtime);
    void end();
    std::shared_ptr<Asking> asking_;
    std::shared_ptr<Runtime> runtime_;
};

/// The same, for those who wait. `follow` is left out.
Result<std::vector<StreamSummary>> inquire(InquiryOptions options);

}  // namespace capstan
