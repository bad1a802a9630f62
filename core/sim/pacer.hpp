// When ticks are due: absolute deadlines on a monotonic clock, bounded catch-up, counted overruns. Knows no
// clock of its own: the caller passes the time, so that tests run in virtual time.
#pragma once

#include "core/base/no_postgres.hpp"

#include <cstdint>

namespace gamelan::sim {

inline constexpr std::uint32_t min_tick_rate_hz = 1;
inline constexpr std::uint32_t max_tick_rate_hz = 240;

class Pacer {
  public:
    // `max_catch_up_ticks`: how many ticks that fell due may be run late, one after another; further ones are
    // skipped.
    Pacer(std::uint32_t tick_rate_hz, std::uint32_t max_catch_up_ticks, std::int64_t now_ns);

    // Starts anew: the first tick is due at the next beat after `now_ns`. For resume and for a changed rate.
    // Beats are whole fractions of the clock's seconds, so that worlds of one rate tick together and share a
    // transaction.
    void restart(std::uint32_t tick_rate_hz, std::int64_t now_ns);

    void set_max_catch_up(std::uint32_t ticks) { max_catch_up_ = ticks; }

    std::int64_t next_deadline_ns() const;
    bool is_due(std::int64_t now_ns) const { return now_ns >= next_deadline_ns(); }

    // Takes the tick that is due at `now_ns` and returns how late it begins. Skips, and counts, what lies
    // further back than the catch-up limit.
    std::int64_t take(std::int64_t now_ns);

    std::uint64_t late_ticks() const { return late_; }       // begun more than a period after their deadline
    std::uint64_t skipped_ticks() const { return skipped_; } // never run
    std::uint32_t tick_rate_hz() const { return rate_; }

  private:
    std::uint32_t rate_;
    std::uint32_t max_catch_up_;
    std::int64_t origin_ns_;  // a whole second
    std::uint64_t taken_ = 0; // since origin
    std::uint64_t late_ = 0;
    std::uint64_t skipped_ = 0;
};

} // namespace gamelan::sim
