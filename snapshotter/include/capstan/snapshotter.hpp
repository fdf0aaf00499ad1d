#pragma once
// <capstan/snapshotter.hpp> brings a cursor to the head of its stream.
#include <capstan/snapshotter/catch_up.hpp>  // which way: nothing, events, or a reset
