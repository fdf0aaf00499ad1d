#pragma once
// A model of a stream at exactly one seq, as server and device hand it on.
#include <capstan/engine/snapshot/chunk.hpp>
#include <capstan/engine/snapshot/manifest.hpp>
#include <capstan/engine/snapshot/restore.hpp>
