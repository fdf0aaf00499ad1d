#pragma once
// A model of a stream at exactly one seq, as server and device hand it on.
#include <capstan/engine/snapshot/chunk.hpp>
#include <capstan/engine/snapshot/folded_delta.hpp>
#include <capstan/engine/snapshot/manifest.hpp>
#include <capstan/engine/snapshot/restore.hpp>
#include <capstan/engine/snapshot/trail.hpp>
