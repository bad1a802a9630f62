#include "core/kernel/fault.hpp"

namespace gamelan::kernel {

std::string_view sqlstate_of(Fault fault) {
    switch (fault) {
    case Fault::none:
        return "00000";
    case Fault::smallint_range:
    case Fault::integer_range:
    case Fault::bigint_range:
    case Fault::overflow:
    case Fault::underflow:
    case Fault::input_range:
    case Fault::char_range:
        return "22003";
    case Fault::division_by_zero:
        return "22012";
    case Fault::negative_root:
    case Fault::zero_power:
    case Fault::complex_power:
        return "2201F";
    case Fault::zero_logarithm:
    case Fault::negative_logarithm:
        return "2201E";
    case Fault::date_range:
    case Fault::infinite_dates:
    case Fault::interval_range:
        return "22008";
    case Fault::bad_radius:
    case Fault::bad_count:
    case Fault::bad_corner:
        return sqlstate::invalid_parameter;
    case Fault::several_rows:
        return "21000";
    case Fault::too_many_pairs:
        return sqlstate_limit;
    }
    return sqlstate::internal;
}

std::string_view message_of(Fault fault) {
    switch (fault) {
    case Fault::none:
        return "";
    case Fault::smallint_range:
        return "smallint out of range";
    case Fault::integer_range:
        return "integer out of range";
    case Fault::bigint_range:
        return "bigint out of range";
    case Fault::overflow:
        return "value out of range: overflow";
    case Fault::underflow:
        return "value out of range: underflow";
    case Fault::input_range:
        return "input is out of range";
    case Fault::division_by_zero:
        return "division by zero";
    case Fault::negative_root:
        return "cannot take square root of a negative number";
    case Fault::zero_logarithm:
        return "cannot take logarithm of zero";
    case Fault::negative_logarithm:
        return "cannot take logarithm of a negative number";
    case Fault::zero_power:
        return "zero raised to a negative power is undefined";
    case Fault::complex_power:
        return "a negative number raised to a non-integer power yields a complex result";
    case Fault::date_range:
        return "date out of range";
    case Fault::infinite_dates:
        return "cannot subtract infinite dates";
    case Fault::char_range:
        return "\"char\" out of range";
    case Fault::interval_range:
        return "interval out of range";
    case Fault::bad_radius:
        return "a radius must be a finite number that is not negative";
    case Fault::bad_count:
        return "a count must not be negative";
    case Fault::bad_corner:
        return "a corner of a box must not be NaN";
    case Fault::several_rows:
        return "more than one row returned by a subquery used as an expression";
    case Fault::too_many_pairs:
        return "there are more pairs than max_pairs";
    }
    return "";
}

} // namespace gamelan::kernel
