#pragma once
#include <atomic>
#include <capstan/engine/runtime/clock.hpp>
#include <capstan/engine/runtime/storage.hpp>
#include <capstan/server/metrics/metrics.hpp>
#include <memory>

namespace capstan {

/// The same directory, with its flushes timed and its bytes counted. All outlive it, and it
/// outlives its files.
class MeteredStorage final : public Storage {
  public:
    MeteredStorage(Storage& inner, Metrics& metrics, Clock const& clock)
        : inner_(inner), metrics_(metrics), clock_(clock) {}

    /// Read from its files so far. Threading: any.
    std::uint64_t read_bytes() const { return read_bytes_.load(std::memory_order_relaxed); }

    Result<std::unique_ptr<File>> open(std::string_view name, OpenMode mode) override;
    Result<> rename(std::string_view from, std::string_view to) override {
        return inner_.rename(from, to);
    }
    Result<> remove(std::string_view name) override { return inner_.remove(name); }
    Result<std::vector<std::string>> list() override { return inner_.list(); }
    Result<> sync() override { return inner_.sync(); }
    Result<std::unique_ptr<StorageLock>> lock(std::string_view name) override {
        return inner_.lock(name);
    }
    Result<std::optional<std::uint64_t>> lock_holder(std::string_view name) override {
        return inner_.lock_holder(name);
    }
    Result<std::uint64_t> free_bytes() override { return inner_.free_bytes(); }
    std::string describe() const override { return inner_.describe(); }

  private:
    Storage& inner_;
    Metrics& metrics_;
    std::atomic<std::uint64_t> read_bytes_ = 0;
    Clock const& clock_;
};

}  // namespace capstan
