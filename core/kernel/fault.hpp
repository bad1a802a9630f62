// How an operation fails: PostgreSQL's SQLSTATEs and messages.
#pragma once

#include "core/base/error.hpp"

#include <cstdint>

namespace gamelan::kernel {

enum class Fault : std::uint8_t {
    none,
    smallint_range,
    integer_range,
    bigint_range,
    overflow,
    underflow,
    input_range, // sine of infinity
    division_by_zero,
    negative_root,
    zero_logarithm,
    negative_logarithm,
    zero_power,
    complex_power,
    date_range,
    infinite_dates,
    char_range,
    interval_range,
    bad_radius,
    bad_count,
    bad_corner,
    several_rows, // of a sub-select
    too_many_pairs,
};

std::string_view sqlstate_of(Fault fault);
std::string_view message_of(Fault fault);

inline constexpr std::string_view sqlstate_not_null = "23502";
inline constexpr std::string_view sqlstate_check = "23514";
inline constexpr std::string_view sqlstate_limit = "54000";

} // namespace gamelan::kernel
