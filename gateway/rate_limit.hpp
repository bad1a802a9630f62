// A token bucket: so many acts a second, with a burst of twice that.
#pragma once

#include <algorithm>
#include <cstdint>

namespace gamelan::gateway {

class RateLimit {
  public:
    RateLimit(std::int64_t per_second, std::int64_t now_ms)
        : per_second_(per_second), level_(2 * per_second * 1000), filled_at_ms_(now_ms) {}

    // Takes one if there is one. `now_ms` is a monotonic clock.
    bool take(std::int64_t now_ms) {
        const std::int64_t full = 2 * per_second_ * 1000;
        const std::int64_t passed_ms = std::clamp<std::int64_t>(now_ms - filled_at_ms_, 0, 2000);
        level_ = std::min(full, level_ + passed_ms * per_second_);
        filled_at_ms_ = now_ms;
        if (level_ < 1000)
            return false;
        level_ -= 1000;
        return true;
    }

  private:
    std::int64_t per_second_;
    std::int64_t level_; // thousandths of an act
    std::int64_t filled_at_ms_;
};

} // namespace gamelan::gateway
