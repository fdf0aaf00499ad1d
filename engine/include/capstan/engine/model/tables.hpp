#pragma once
#include <capstan/engine/model/hash_index.hpp>
#include <capstan/engine/model/policy.hpp>
#include <capstan/engine/model/stamp.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace capstan {

/// Names of types and fields by number. Numbers are given as they come up and are no part of a
/// model's state.
class Names {
  public:
    NameNumber number(std::string_view name);
    std::optional<NameNumber> find(std::string_view name) const;
    std::string const& str(NameNumber number) const { return names_[number].text; }
    std::uint64_t hash(NameNumber number) const { return names_[number].hash; }
    std::size_t size() const { return names_.size(); }
    std::size_t bytes() const;

  private:
    struct Name {
        std::string text;
        std::uint64_t hash;
    };
    std::vector<Name> names_;
    HashIndex index_;
};

/// Devices in the order of their first event in the stream: the same in every model of it.
class Devices {
  public:
    DeviceNumber number(DeviceId const& device);
    /// `kNoDevice` for one without an event.
    DeviceNumber find(DeviceId const& device) const;
    /// As if the device with that number and all later ones had never come.
    void drop_from(DeviceNumber first);
    DeviceId id(DeviceNumber number) const {
        return number == kNoDevice ? DeviceId{} : devices_[number].id;
    }
    /// Of the whole id. Hashes of state use it, so they don't depend on numbers.
    std::uint64_t hash(DeviceNumber number) const {
        return number == kNoDevice ? 0 : devices_[number].hash;
    }
    std::size_t size() const { return devices_.size(); }
    std::size_t bytes() const;

  private:
    struct Device {
        DeviceId id;
        std::uint64_t hash;
    };
    std::vector<Device> devices_;
    HashIndex index_;
};

/// What the objects of a model have in common.
struct Tables {
    Names names;
    Devices devices;
    Policies policies;
};

}  // namespace capstan
