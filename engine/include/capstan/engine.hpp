// <capstan/engine.hpp> is what a device and a server both run. The core is pure: no threads, no
// I/O.
#pragma once
#include <capstan/engine/causality/happened_before.hpp>  // causality in two integers
#include <capstan/engine/causality/ranges.hpp>           // SeqRanges: sets of seqs, their gaps
#include <capstan/engine/causality/version_vector.hpp>   // explicit vectors, causal contexts
