#pragma once
#include <capstan/schema/ids.hpp>
#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace capstan {

class DeviceSession;

/// Sessions that follow patterns, found by the parts that stand before the first wildcard: a
/// stream asks only those whose literal beginning is its own.
class Followers {
  public:
    void add(DeviceSession& session, StreamPattern const& pattern);
    void remove(DeviceSession& session, StreamPattern const& pattern);
    bool empty() const { return by_prefix_.empty(); }

    /// Sessions with a pattern that matches; one with several such patterns comes several times.
    std::vector<DeviceSession*> matching(std::string_view stream) const;

  private:
    struct Entry {
        DeviceSession* session;
        StreamPattern pattern;
    };
    std::map<std::string, std::vector<Entry>, std::less<>> by_prefix_;
};

}  // namespace capstan
