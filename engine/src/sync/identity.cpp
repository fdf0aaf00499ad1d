#include <capstan/engine/sync/identity.hpp>
#include <limits>

namespace capstan::sync {
namespace {

/// Ids are taken in blocks, so that most publishes leave the device's record alone. What is left of
/// a block is skipped at the next opening.
constexpr std::uint64_t kMutationBlock = 4'096;

}  // namespace

Identity::Identity(std::optional<DeviceRecord> const& stored, Random& random) : random_(random) {
    if (stored) {
        record_ = *stored;
        last_mutation_ = record_.mutations;
        stored_ = true;
    } else {
        draw_device();
    }
}

Attempt Identity::opening_attempt() {
    if (!opening_) {
        opening_ = new_attempt();
    }
    return *opening_;
}

Attempt Identity::new_attempt() {
    // Four thousand million openings and refusals: more than a store lives to see.
    CAPSTAN_INVARIANT(record_.attempt_ordinal < std::numeric_limits<std::uint32_t>::max());
    ++record_.attempt_ordinal;
    changed_ = true;
    return Attempt::of(record_.attempt_ordinal, static_cast<std::uint32_t>(random_.next()));
}

MutationId Identity::next_mutation() {
    if (last_mutation_ == record_.mutations) {
        record_.mutations += kMutationBlock;
        changed_ = true;
    }
    return MutationId{++last_mutation_};
}

void Identity::renew() {
    draw_device();
    opening_.reset();
    changed_ = true;
}

void Identity::draw_device() {
    do {
        random_.fill(record_.device.bytes);
    } while (record_.device == DeviceId{});
}

void Identity::save(Effects& effects) {
    bool const first = !stored_ && !effects.transaction.empty();
    if (changed_ || first) {
        auto key = device_key();
        auto value = encode(key, record_);
        effects.put(std::move(key), std::move(value));
        changed_ = false;
        stored_ = true;
    }
}

}  // namespace capstan::sync
