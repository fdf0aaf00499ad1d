// How random networks end: the faults have stopped, and all must get through.
#pragma once
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "test_server.hpp"

namespace capstan::test {

/// Until all devices are idle and have read all, each of which then `reads` what there is. What is
/// wrong; empty if nothing is.
template <class Device, class Reads>
std::string quiesce(TestServer& server,
                    std::vector<std::unique_ptr<Device>>& devices,
                    Reads reads) {
    for (int round = 0; round < 3'000; ++round) {
        bool done = true;
        while (server.fold_one()) {
        }
        server.push();
        for (auto& device : devices) {
            while (device->deliver_to_server()) {
            }
            while (device->receive()) {
            }
            reads(*device);
            if (!device->wrong().empty()) {
                return device->wrong();
            }
            done = done && device->idle() && device->has_read_all();
        }
        if (done) {
            return {};
        }
        for (auto& device : devices) {
            device->advance(std::chrono::milliseconds(500));
        }
    }
    return "stuck:\n" + devices.front()->client().transitions().text();
}

}  // namespace capstan::test
