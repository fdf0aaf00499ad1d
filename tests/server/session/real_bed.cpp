#include "real_bed.hpp"

namespace capstan::test {

RealBed::RealBed(SessionOptions const& options, std::uint64_t seed) : SessionBed(seed) {
    make_host(options, std::make_unique<SimExecutor>(schedule_));
    PartitionOptions small;
    small.segment_bytes = kSegmentBytesMin;
    small.checkpoint_bytes = 64 * 1'024;
    auto opened = Partition::open(
        small, {storage_, checkpoints_, clock, random, *strand, disk_, background_}, *host);
    CAPSTAN_INVARIANT(opened.has_value());
    partition_ = std::move(opened).value();
    host->attach(*partition_);
}

/// Peers are gone before; tasks that are left are forgotten with their executors.
RealBed::~RealBed() {
    schedule_.run_for(std::chrono::seconds(1));
    partition_.reset();
    host.reset();
    strand.reset();
}

void RealBed::run() {
    for (auto steps = random.below(4); steps > 0; --steps) {
        schedule_.run_one();
    }
}

void RealBed::flush(std::size_t) {
    schedule_.run_for(std::chrono::milliseconds(1));
}

}  // namespace capstan::test
