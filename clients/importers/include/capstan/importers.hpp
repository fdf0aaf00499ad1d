// <capstan/importers.hpp> makes events of histories from elsewhere, and reads them back.
#pragma once
#include <capstan/importers/git_commit.hpp>      // what git says, parsed
#include <capstan/importers/git_events.hpp>      // commits as events, authors as devices
#include <capstan/importers/git_replay.hpp>      // files from the events alone
#include <capstan/importers/git_repository.hpp>  // the installed git, asked
