// <capstan/engine.hpp> is what a device and a server both run: a pure core, and the seams to the
// world.
#pragma once
#include <capstan/engine/causality/happened_before.hpp>  // causality in two integers
#include <capstan/engine/causality/ranges.hpp>           // SeqRanges: sets of seqs, their gaps
#include <capstan/engine/causality/version_vector.hpp>   // explicit vectors, causal contexts
#include <capstan/engine/coalesce.hpp>                   // what a user did as few small events
#include <capstan/engine/runtime/clock.hpp>              // Clock, Instant, Duration
#include <capstan/engine/runtime/executor.hpp>           // Executor, Task, Timer
#include <capstan/engine/runtime/random.hpp>             // Random
#include <capstan/engine/runtime/storage.hpp>            // Storage, File: one directory
#include <capstan/engine/runtime/transport.hpp>          // Transport, Connection: whole messages
#include <capstan/engine/sync/client.hpp>                // a device's side of the protocol
#include <capstan/engine/sync/delivery.hpp>              // events as their reader gets them
#include <capstan/engine/sync/effects.hpp>               // what the client wants done
#include <capstan/engine/sync/session.hpp>               // its states and transitions, one table
#include <capstan/engine/sync/store.hpp>                 // what it keeps on the device
