// <capstan/importers.hpp> makes events of histories from elsewhere, and reads them back.
#pragma once
#include <capstan/importers/author.hpp>          // authors as devices
#include <capstan/importers/editing_trace.hpp>   // recorded editing sessions
#include <capstan/importers/event_json.hpp>      // events as JSON, and back to the same bytes
#include <capstan/importers/export_file.hpp>     // exported streams: writing and reading files
#include <capstan/importers/exported.hpp>        // what such files hold, and checking it
#include <capstan/importers/git_commit.hpp>      // what git says, parsed
#include <capstan/importers/git_events.hpp>      // commits as events
#include <capstan/importers/git_replay.hpp>      // files from the events alone
#include <capstan/importers/git_repository.hpp>  // the installed git, asked
#include <capstan/importers/line_source.hpp>     // lines of a file, compressed or not
#include <capstan/importers/line_template.hpp>   // text with places for fields
#include <capstan/importers/ndjson_mapping.hpp>  // lines of JSON as events
#include <capstan/importers/ndjson_replay.hpp>   // which of them a stream holds
#include <capstan/importers/stream_import.hpp>   // an exported stream for another server
