#pragma once

namespace capstan {

/// From here on a failed allocation ends the process where it stands, with a line on stderr:
/// nothing is unwound, so nothing that was half done is seen by anybody, and recovery finds what
/// was acknowledged. For servers; the SDK leaves that to its application.
void stop_when_memory_runs_out();

}  // namespace capstan
