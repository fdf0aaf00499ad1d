// <capstan/engine.hpp> is what a device and a server both run: a pure core, and the seams to the
// world.
#pragma once
#include <capstan/engine/causality/happened_before.hpp>  // causality in two integers
#include <capstan/engine/causality/ranges.hpp>           // SeqRanges: sets of seqs, their gaps
#include <capstan/engine/causality/version_vector.hpp>   // explicit vectors, causal contexts
#include <capstan/engine/runtime/clock.hpp>              // Clock, Instant, Duration
#include <capstan/engine/runtime/executor.hpp>           // Executor, Task, Timer
#include <capstan/engine/runtime/random.hpp>             // Random
#include <capstan/engine/runtime/storage.hpp>            // Storage, File: one directory
#include <capstan/engine/runtime/transport.hpp>          // Transport, Connection: whole messages
