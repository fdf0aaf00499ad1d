// <capstan/schema.hpp> is the contract: the words that every room speaks, and their bytes. No I/O,
// no threads.
#pragma once
#include <capstan/schema/body.hpp>          // an event that is one text, JSON value or byte string
#include <capstan/schema/bytes.hpp>         // little-endian readers and writers over bounded memory
#include <capstan/schema/error.hpp>         // Errc, Error, Result: the catalogue
#include <capstan/schema/event.hpp>         // Event, Op: what an event says, as FlatBuffers bytes
#include <capstan/schema/event_reader.hpp>  // EventReader: the same without copies
#include <capstan/schema/frame.hpp>         // segment header and frame header of the journal
#include <capstan/schema/hash.hpp>          // XXH3, chain hashes
#include <capstan/schema/ids.hpp>     // Seq, Cursor, DeviceId, Attempt, Position, StreamName, ...
#include <capstan/schema/limits.hpp>  // every limit, in one table
#include <capstan/schema/run.hpp>     // a device's frozen run; a run as readers get it
#include <capstan/schema/stream_position.hpp>  // first, tail, 118, -10, @time: one grammar
#include <capstan/schema/submission.hpp>       // what the journal stores and the fold decides on
#include <capstan/schema/wire.hpp>             // messages between device and server
