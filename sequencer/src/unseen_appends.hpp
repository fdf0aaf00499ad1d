#pragma once
#include <capstan/schema/bytes.hpp>
#include <capstan/schema/error.hpp>
#include <capstan/schema/limits.hpp>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

namespace capstan {

/// What a node has appended to a shared log and not read back yet: kept to be sent again, in order
/// of its tokens. Threading: one at a time.
class UnseenAppends {
  public:
    explicit UnseenAppends(std::size_t bytes_max) : bytes_max_(bytes_max) {}

    /// Whether one more may be added. Where there is none, any may: what is larger than the limit
    /// would else never get through.
    Result<> check(ByteView record) const {
        if (record.size() > kSubmissionBytesMax) {
            return Error{Errc::too_large,
                         "submission of " + std::to_string(record.size()) + " bytes"};
        }
        if (silent_ticks_ >= kSilentTicksMax) {
            return Error{Errc::unavailable,
                         "the log has been silent for " + std::to_string(silent_ticks_) +
                             " s, with " + std::to_string(size()) + " records on their way"};
        }
        if (!records_.empty() && bytes_ + record.size() > bytes_max_) {
            return Error{Errc::overloaded, "too much is on its way to the log"};
        }
        return success();
    }

    /// Adds what is still to be sent. Precondition: the token is new.
    void add(std::uint64_t token, Bytes record) {
        bytes_ += record.size();
        bool const is_new = records_.emplace(token, std::move(record)).second;
        CAPSTAN_INVARIANT(is_new);
        unsent_.insert(token);
    }

    /// It was read. The token, unless it was read before.
    std::optional<std::uint64_t> seen(std::uint64_t token) {
        silent_ticks_ = 0;
        auto const at = records_.find(token);
        if (at == records_.end()) {
            return std::nullopt;
        }
        bytes_ -= at->second.size();
        records_.erase(at);
        unsent_.erase(token);
        return token;
    }

    /// It has to be sent again.
    void failed(std::uint64_t token) {
        if (records_.contains(token)) {
            unsent_.insert(token);
        }
    }
    void all_failed() {
        for (auto const& [token, record] : records_) {
            unsent_.insert(token);
        }
    }

    /// Hands what is not sent to `send`, in order, until that says no.
    template <class Send>
    void send(Send const& send) {
        while (!unsent_.empty()) {
            auto const first = unsent_.begin();
            if (!send(*first, ByteView(records_.at(*first)))) {
                return;
            }
            unsent_.erase(first);
        }
    }

    /// A second has passed.
    void tick() { silent_ticks_ = records_.empty() ? 0 : silent_ticks_ + 1; }

    std::size_t size() const { return records_.size(); }

  private:
    static constexpr std::uint32_t kSilentTicksMax = 5;

    std::size_t bytes_max_;
    std::size_t bytes_ = 0;
    std::map<std::uint64_t, Bytes> records_;  // by token
    std::set<std::uint64_t> unsent_;
    std::uint32_t silent_ticks_ = 0;
};

}  // namespace capstan
