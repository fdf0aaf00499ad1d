// <capstan/engine/model.hpp> turns a stream's events into objects: the same on server, device and
// in the browser. Pure: no I/O, no threads, no clock; nothing here throws but for want of memory.
#pragma once
#include <capstan/engine/model/canonical.hpp>     // a model as bytes, one form for one state
#include <capstan/engine/model/changes.hpp>       // Changes: what an event did; conflicts, voids
#include <capstan/engine/model/conflict_log.hpp>  // the newest conflicts, in bounded memory
#include <capstan/engine/model/key_ranges.hpp>    // where two models differ
#include <capstan/engine/model/model.hpp>         // Model, apply: events in seq order, each once
#include <capstan/engine/model/model_update.hpp>  // other objects in place of some: all or nothing
#include <capstan/engine/model/object.hpp>        // Object, Field: state at rest, with stamps
#include <capstan/engine/model/overlay.hpp>       // pending mutations on top: what the user sees
#include <capstan/engine/model/policy.hpp>        // which rule decides; rules are events themselves
#include <capstan/engine/model/query.hpp>         // type, conditions, order, limit
#include <capstan/engine/model/stamp.hpp>         // EventStamp, Write: causality in two integers
#include <capstan/engine/model/stored_value.hpp>  // a value at rest in 16 bytes
#include <capstan/engine/model/undo.hpp>          // own mutations taken back and made again
