// <capstan/engine/coalesce.hpp> turns what a user did into few small events. Pure: values in,
// values out, no I/O, no threads.
#pragma once
#include <capstan/engine/coalesce/assign.hpp>     // old object, whole new object -> operations
#include <capstan/engine/coalesce/coalescer.hpp>  // events of one author -> fewer, smaller ones
#include <capstan/engine/coalesce/diff.hpp>       // two texts or lists -> edits
