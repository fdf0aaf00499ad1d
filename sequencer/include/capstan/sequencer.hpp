// <capstan/sequencer.hpp> decides the order of events and keeps them.
#pragma once
#include <capstan/sequencer/checkpoint_store.hpp>  // the fold's derived state on disk
#include <capstan/sequencer/file_journal.hpp>      // the journal in one directory; verify
#include <capstan/sequencer/fold.hpp>     // submission by submission to state and verdict; pure
#include <capstan/sequencer/index.hpp>    // (stream, seq) -> where in the journal
#include <capstan/sequencer/journal.hpp>  // append, durable, read: the truth
#include <capstan/sequencer/partition.hpp>  // the pipeline: journal -> fold -> answers, index, subscribers
