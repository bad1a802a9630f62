// Faults that are compiled in on purpose, one at a time, so that the torture test can show that it finds
// them: make control-builds, test/torture/README.md. In every other build all of these are false, and the
// conditions they stand in vanish.
#pragma once

namespace gamelan::control_build {

#ifdef GAMELAN_BREAK_FLUSH
inline constexpr bool skips_flush = true; // answers before the tick is on disk
#else
inline constexpr bool skips_flush = false;
#endif

#ifdef GAMELAN_BREAK_CHECKSUMS
inline constexpr bool skips_checksums = true; // believes what a checkpoint holds
#else
inline constexpr bool skips_checksums = false;
#endif

#ifdef GAMELAN_BREAK_CHAIN
inline constexpr bool skips_chain = true; // believes that the log is whole
#else
inline constexpr bool skips_chain = false;
#endif

} // namespace gamelan::control_build
