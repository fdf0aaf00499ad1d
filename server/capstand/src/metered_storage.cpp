#include "metered_storage.hpp"

#include <chrono>
#include <utility>

namespace capstan {
namespace {

class MeteredFile final : public File {
  public:
    MeteredFile(std::unique_ptr<File> inner,
                Metrics& metrics,
                std::atomic<std::uint64_t>& read_bytes,
                Clock const& clock)
        : inner_(std::move(inner)), metrics_(metrics), read_bytes_(read_bytes), clock_(clock) {}

    Result<std::size_t> pread(std::span<std::byte> into, std::uint64_t at) override {
        auto read = inner_->pread(into, at);
        if (read) {
            read_bytes_.fetch_add(read.value(), std::memory_order_relaxed);
        }
        return read;
    }
    Result<> pwrite(ByteView bytes, std::uint64_t at) override {
        metrics_.add(Metric::written_bytes_total, static_cast<double>(bytes.size()));
        return inner_->pwrite(bytes, at);
    }
    Result<> datasync() override {
        auto const began = clock_.now();
        auto const done = inner_->datasync();
        auto const took = std::chrono::duration<double>(clock_.now() - began);
        metrics_.observe(Metric::flush_seconds, took.count());
        return done;
    }
    Result<std::uint64_t> size() override { return inner_->size(); }
    Result<> truncate(std::uint64_t bytes) override { return inner_->truncate(bytes); }
    Result<> allocate(std::uint64_t bytes) override { return inner_->allocate(bytes); }

  private:
    std::unique_ptr<File> inner_;
    Metrics& metrics_;
    std::atomic<std::uint64_t>& read_bytes_;
    Clock const& clock_;
};

}  // namespace

Result<std::unique_ptr<File>> MeteredStorage::open(std::string_view name, OpenMode mode) {
    CAPSTAN_TRY(auto file, inner_.open(name, mode));
    return std::make_unique<MeteredFile>(std::move(file), metrics_, read_bytes_, clock_);
}

}  // namespace capstan
