// <capstan/testing.hpp> devices and a server in your own test process, on virtual time.
#pragma once
#include <capstan/testing/device.hpp>  // an application's machine: store, network, clock
#include <capstan/testing/server.hpp>  // the server's: it dies, comes back, and shows what it has
#include <capstan/testing/world.hpp>   // time, and all of them together
