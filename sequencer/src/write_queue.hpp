#pragma once
#include <capstan/schema/bytes.hpp>
#include <capstan/sequencer/shared_log.hpp>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace capstan {

/// Submissions that are written and flushed together.
struct WriteBatch {
    std::vector<Bytes> submissions;
    std::vector<std::optional<std::uint64_t>> tokens;  // nothing: nobody here waits for its verdict
    std::size_t bytes = 0;
    std::size_t awaited = 0;  // submissions with a token
    std::size_t awaited_bytes = 0;
    std::optional<LogOffset> copied;  // read from a shared log, up to here

    bool empty() const { return submissions.empty(); }
    void reserve(std::size_t count) {
        submissions.reserve(count);
        tokens.reserve(count);
    }
    void add(Bytes submission, std::optional<std::uint64_t> token) {
        bytes += submission.size();
        awaited += token ? 1 : 0;
        awaited_bytes += token ? submission.size() : 0;
        submissions.push_back(std::move(submission));
        tokens.push_back(token);
    }
};

/// Submissions that wait for the journal. The strand adds them; whoever writes takes all there are,
/// again and again, until there are none: the disk never waits for the strand to hand it the next
/// batch. Its limit in bytes is the caller's. Threading: any.
class WriteQueue {
  public:
    /// True if nobody is writing: then the caller starts a writer, which counts as writing from now
    /// on.
    [[nodiscard]] bool add(Bytes submission, std::uint64_t token) {
        std::lock_guard const lock(mutex_);
        waiting_.add(std::move(submission), token);
        return !std::exchange(has_writer_, true);
    }

    /// For the writer: at least one submission, and no more behind `bytes_max`. Nothing if there
    /// are none; it has then stopped being the writer.
    WriteBatch take(std::size_t bytes_max) {
        std::lock_guard const lock(mutex_);
        has_writer_ = !waiting_.empty();
        if (waiting_.bytes > bytes_max) {
            return split(bytes_max);
        }
        auto batch = std::exchange(waiting_, {});
        waiting_.reserve(batch.submissions.size());  // the next one is about as large
        return batch;
    }

    /// Forgets what waits; what is added later waits for nobody.
    void close() {
        std::lock_guard const lock(mutex_);
        waiting_ = {};
        has_writer_ = true;
    }

    std::size_t bytes() const {
        std::lock_guard const lock(mutex_);
        return waiting_.bytes;
    }

  private:
    WriteBatch split(std::size_t bytes_max) {
        WriteBatch batch;
        WriteBatch rest;
        for (std::size_t i = 0; i < waiting_.submissions.size(); ++i) {
            auto& into = batch.bytes < bytes_max ? batch : rest;
            into.add(std::move(waiting_.submissions[i]), waiting_.tokens[i]);
        }
        waiting_ = std::move(rest);
        return batch;
    }

    mutable std::mutex mutex_;
    WriteBatch waiting_;
    bool has_writer_ = false;
};

}  // namespace capstan
