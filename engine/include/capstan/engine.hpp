// <capstan/engine.hpp> is what a device and a server both run: a pure core, and the seams to the
// world.
#pragma once
#include <capstan/engine/runtime/clock.hpp>      // Clock, Instant, Duration
#include <capstan/engine/runtime/executor.hpp>   // Executor, Task, Timer
#include <capstan/engine/runtime/random.hpp>     // Random
#include <capstan/engine/runtime/storage.hpp>    // Storage, File: one directory
#include <capstan/engine/runtime/transport.hpp>  // Transport, Connection: whole messages
