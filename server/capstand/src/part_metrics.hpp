#pragma once
#include <capstan/sequencer/partition.hpp>
#include <capstan/server/log/log.hpp>
#include <capstan/server/metrics/metrics.hpp>
#include <capstan/server/net/listener.hpp>
#include <capstan/server/session/session_host.hpp>

namespace capstan {

/// What each part of the server counts, as metrics.
void show_process(Metrics& metrics);
void show_journal(PartitionMarks const& marks, Metrics& metrics);
/// Of the public port.
void show_connections(ListenerCounters const& counters, Metrics& metrics);
void show_sessions(SessionCounters const& counters, Metrics& metrics);
void show_log(Log const& log, Metrics& metrics);

}  // namespace capstan
