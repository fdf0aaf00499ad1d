#pragma once
#include <capstan/engine/runtime/random.hpp>
#include <capstan/engine/sync/effects.hpp>
#include <capstan/engine/sync/store.hpp>
#include <capstan/schema/ids.hpp>
#include <cstdint>
#include <optional>

namespace capstan::sync {

/// Who this store is, and the numbers that it gives out: attempts and mutation ids, which only
/// grow. `save` belongs to the transaction that first uses a number. Lifetime: `random` outlives
/// it. Threading: one thread at a time.
class Identity {
  public:
    /// A store without a device record becomes a new device.
    Identity(std::optional<DeviceRecord> const& stored, Random& random);

    DeviceId const& device() const { return record_.device; }
    /// The attempt of this opening of the store; taken at its first use, so that a store that is
    /// only read into is never written.
    Attempt opening_attempt();
    /// An attempt above all earlier ones.
    Attempt new_attempt();
    MutationId next_mutation();
    /// Goes on as a new device.
    void renew();
    /// Writes what has changed; a new device's id with the first transaction that there is.
    void save(Effects& effects);

  private:
    void draw_device();

    DeviceRecord record_;
    std::uint64_t last_mutation_ = 0;  // <= record_.mutations
    std::optional<Attempt> opening_;
    bool changed_ = false;  // since `save`
    bool stored_ = false;   // the store has a device record
    Random& random_;
};

}  // namespace capstan::sync
