// Text and lists: content that people edit by position, at the same time, from what each had seen.
// docs/ARCHITECTURE.md tells why. Pure: no I/O, no threads, no exceptions, no clock.
#pragma once
#include <capstan/engine/text/edit.hpp>         // Stamp, EditStamp, EditVerdict: one event's place
#include <capstan/engine/text/folded_text.hpp>  // FoldedText: many splices as one pass
#include <capstan/engine/text/list.hpp>         // List: elements in order
#include <capstan/engine/text/merging.hpp>      // Merging: what texts and lists have in common
#include <capstan/engine/text/rope.hpp>         // Rope: UTF-8 by code points, UTF-16 units, lines
#include <capstan/engine/text/sum_tree.hpp>     // SumTree: a sequence of leaves with sums over them
#include <capstan/engine/text/text.hpp>         // Text: a rope that merges
#include <capstan/engine/text/window.hpp>       // EditWindow: the edits above the merge mark
