// What the world worker is about to run that might end it: written to a file that is mapped into memory, so
// that it outlives the process and the server without a system call for each run. What was there when the
// process before this one died is to blame; what is to blame again and again is not run any more.
#pragma once

#include <cstdint>
#include <string_view>

namespace gamelan::worker::crumbs {

// At the start of the worker. Raises when the file cannot be made.
void open();

// From construction to destruction, what is run.
class Crumb {
  public:
    Crumb(std::int64_t world_id, std::string_view what, std::uint64_t tick);
    ~Crumb();
    Crumb(const Crumb&) = delete;
    Crumb& operator=(const Crumb&) = delete;

  private:
    std::uint64_t key_;
};

// Throws Error(quarantined) when it has ended the worker gamelan.quarantine_after times, and forgets that:
// whoever asks next may try again.
void require_harmless(std::int64_t world_id, std::string_view what);

} // namespace gamelan::worker::crumbs
