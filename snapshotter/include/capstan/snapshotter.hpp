// <capstan/snapshotter.hpp> is the shortcut to a stream's state: snapshots, and how to catch up.
#pragma once
#include <capstan/snapshotter/build.hpp>     // the next snapshot, from the one before and the tape
#include <capstan/snapshotter/catch_up.hpp>  // cursor -> verdict and what is to come; pure
#include <capstan/snapshotter/chunker.hpp>   // objects cut into pieces by their ids
#include <capstan/snapshotter/delta.hpp>     // what changed between a seq and a snapshot
#include <capstan/snapshotter/keeper.hpp>  // when to build, what to offer, chunks to those who ask
#include <capstan/snapshotter/past.hpp>    // what a snapshot keeps to make deltas of
#include <capstan/snapshotter/store.hpp>   // snapshots in a directory
#include <capstan/snapshotter/tape.hpp>    // events of a page, as models take them
