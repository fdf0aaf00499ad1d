// A device's store: what is written is there, until its process dies.
#pragma once
#include <capstan/sdk/store.hpp>
#include <capstan/testing/device.hpp>
#include <memory>

namespace capstan::testing {

/// What outlives the process. `life` is that of the process whose writes are taken.
struct StoreDisk {
    StoreImage records;
    std::uint64_t life = 0;
};

/// The store of the disk's present life. Writes of an earlier one, whose process is dead, come to
/// nothing.
std::unique_ptr<ClientStore> make_store(std::shared_ptr<StoreDisk> disk);

/// What is left to do by what is stored. Empty: nothing.
std::string unsent_in(StoreImage const& image);

}  // namespace capstan::testing
