#include "core/sim/pacer.hpp"

namespace gamelan::sim {

namespace {
constexpr std::int64_t second_ns = 1'000'000'000;
}

Pacer::Pacer(std::uint32_t tick_rate_hz, std::uint32_t max_catch_up_ticks, std::int64_t now_ns)
    : rate_(tick_rate_hz), max_catch_up_(max_catch_up_ticks), origin_ns_(0) {
    restart(tick_rate_hz, now_ns);
}

void Pacer::restart(std::uint32_t tick_rate_hz, std::int64_t now_ns) {
    rate_ = tick_rate_hz;
    origin_ns_ = now_ns - now_ns % second_ns;
    taken_ = static_cast<std::uint64_t>((now_ns - origin_ns_) * rate_ / second_ns);
}

// Whole seconds and the rest apart, so that a rate that does not divide a second never drifts.
std::int64_t Pacer::next_deadline_ns() const {
    const std::uint64_t due = taken_ + 1;
    return origin_ns_ + static_cast<std::int64_t>(due / rate_) * second_ns +
           static_cast<std::int64_t>(due % rate_) * second_ns / rate_;
}

std::int64_t Pacer::take(std::int64_t now_ns) {
    const std::int64_t period_ns = second_ns / rate_;
    std::int64_t lateness_ns = now_ns - next_deadline_ns();
    if (const std::int64_t behind = lateness_ns / period_ns; behind > max_catch_up_) {
        const auto skip = static_cast<std::uint64_t>(behind - max_catch_up_);
        skipped_ += skip;
        taken_ += skip;
        lateness_ns = now_ns - next_deadline_ns();
    }
    if (lateness_ns > period_ns)
        ++late_;
    ++taken_;
    return lateness_ns;
}

} // namespace gamelan::sim
