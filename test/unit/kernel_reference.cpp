#include "kernel_reference.hpp"

#include "core/base/hash.hpp"
#include "core/kernel/decimal.hpp"

#include <cmath>
#include <limits>

namespace gamelan::kernel::reference {

namespace {

__extension__ using Wide = __int128;

template <class T>
T as(const Value& value) {
    T out;
    std::memcpy(&out, &value.bits, sizeof out);
    return out;
}

template <class T>
Value make(ColumnType type, T value) {
    if constexpr (std::is_floating_point_v<T>)
        if (std::isnan(value))
            value = std::numeric_limits<T>::quiet_NaN();
    return Value::of(type, value);
}

Value boolean(bool value) {
    return Value::of(ColumnType::boolean, static_cast<std::uint8_t>(value));
}

std::int64_t integer(const Value& value) {
    switch (value.type) {
    case ColumnType::boolean:
        return as<std::uint8_t>(value);
    case ColumnType::i8:
        return as<std::int8_t>(value);
    case ColumnType::i16:
        return as<std::int16_t>(value);
    case ColumnType::i32:
    case ColumnType::code:
        return as<std::int32_t>(value);
    default:
        return as<std::int64_t>(value);
    }
}

double real(const Value& value) {
    return value.type == ColumnType::f32 ? double{as<float>(value)} : as<double>(value);
}

struct Span {
    Wide microseconds;
    Wide days;
    Wide months;
    Wide length() const { return microseconds + 86400000000 * (days + 30 * months); }
};

Span span(const Value& value) {
    return {static_cast<std::int64_t>(value.bits), static_cast<std::int32_t>(value.high),
            static_cast<std::int32_t>(value.high >> 32)};
}

Value span_sum(const Value& left, const Value& right, int sign) {
    const Span a = span(left);
    const Span b = span(right);
    const auto fit = [](Wide value, std::size_t bytes) {
        const Wide limit = Wide{1} << (8 * bytes - 1);
        if (value < -limit || value >= limit)
            throw Failed{"22008", "interval out of range"};
        return value;
    };
    const struct {
        std::int64_t microseconds;
        std::int32_t days;
        std::int32_t months;
    } out{static_cast<std::int64_t>(fit(a.microseconds + sign * b.microseconds, 8)),
          static_cast<std::int32_t>(fit(a.days + sign * b.days, 4)),
          static_cast<std::int32_t>(fit(a.months + sign * b.months, 4))};
    return Value::of_bytes(ColumnType::span, &out, sizeof out);
}

[[noreturn]] void out_of_range(ColumnType type) {
    throw Failed{"22003", type == ColumnType::i16   ? "smallint out of range"
                          : type == ColumnType::i32 ? "integer out of range"
                                                    : "bigint out of range"};
}

Value fit(ColumnType type, Wide value) {
    const Wide limit = Wide{1} << (8 * width_of(type) - 1);
    if (value < -limit || value >= limit)
        out_of_range(type);
    return Value::of(type, static_cast<std::int64_t>(value));
}

// Keeps the low bytes only, as a Value does.
Value narrow(Value value) {
    const std::uint32_t bits = 8 * width_of(value.type);
    if (bits < 64)
        value.bits &= (std::uint64_t{1} << bits) - 1;
    return value;
}

[[noreturn]] void overflow() {
    throw Failed{"22003", "value out of range: overflow"};
}
[[noreturn]] void underflow() {
    throw Failed{"22003", "value out of range: underflow"};
}
[[noreturn]] void by_zero() {
    throw Failed{"22012", "division by zero"};
}

template <class T>
Value real_arithmetic(Op op, const Value& left, const Value& right) {
    const T a = as<T>(left);
    const T b = as<T>(right);
    const bool has_infinity = std::isinf(a) || std::isinf(b);
    T r{};
    switch (op) {
    case Op::add:
    case Op::subtract:
        r = op == Op::add ? a + b : a - b;
        if (std::isinf(r) && !has_infinity)
            overflow();
        break;
    case Op::multiply:
        r = a * b;
        if (std::isinf(r) && !has_infinity)
            overflow();
        if (r == 0 && a != 0 && b != 0)
            underflow();
        break;
    default:
        if (b == 0 && !std::isnan(a))
            by_zero();
        r = a / b;
        if (std::isinf(r) && !std::isinf(a))
            overflow();
        if (r == 0 && a != 0 && !std::isinf(b))
            underflow();
    }
    return make(left.type, r);
}

Value integer_arithmetic(Op op, const Value& left, const Value& right) {
    const Wide a = integer(left);
    const Wide b = integer(right);
    switch (op) {
    case Op::add:
        return fit(left.type, a + b);
    case Op::subtract:
        return fit(left.type, a - b);
    case Op::multiply:
        return fit(left.type, a * b);
    default:
        if (b == 0)
            by_zero();
        return fit(left.type, op == Op::divide ? a / b : a % b);
    }
}

Value bits_of(Op op, const Value& left, const Value& right) {
    const std::int64_t a = integer(left);
    const std::int64_t b = integer(right);
    const auto count = static_cast<int>(b & (left.type == ColumnType::i64 ? 63 : 31));
    switch (op) {
    case Op::bit_and:
        return Value::of(left.type, a & b);
    case Op::bit_or:
        return Value::of(left.type, a | b);
    case Op::bit_xor:
        return Value::of(left.type, a ^ b);
    case Op::shift_left:
        return Value::of(left.type, static_cast<std::int64_t>(static_cast<std::uint64_t>(a) << count));
    default:
        return Value::of(left.type, a >> count);
    }
}

double power(double a, double b) {
    if (std::isnan(a) || std::isnan(b))
        return b == 0 || a == 1 ? 1 : std::numeric_limits<double>::quiet_NaN();
    if (a == 0 && b < 0)
        throw Failed{"2201F", "zero raised to a negative power is undefined"};
    if (a < 0 && std::floor(b) != b)
        throw Failed{"2201F", "a negative number raised to a non-integer power yields a complex result"};
    const double r = std::pow(a, b);
    if (std::isinf(a) || std::isinf(b))
        return r;
    if (std::isinf(r))
        overflow();
    if (r == 0 && a != 0)
        underflow();
    return r;
}

double logarithm(double a) {
    if (a == 0)
        throw Failed{"2201E", "cannot take logarithm of zero"};
    if (a < 0)
        throw Failed{"2201E", "cannot take logarithm of a negative number"};
    return std::log(a);
}

double exponential(double a) {
    const double r = std::exp(a);
    if (std::isnan(a) || std::isinf(a))
        return r;
    if (std::isinf(r))
        overflow();
    if (r == 0)
        underflow();
    return r;
}

double function(Op op, double a, double b) {
    switch (op) {
    case Op::sign:
        return a > 0 ? 1 : a < 0 ? -1 : 0;
    case Op::floor:
        return std::floor(a);
    case Op::ceil:
        return std::ceil(a);
    case Op::round:
        return std::nearbyint(a);
    case Op::trunc:
        return a >= 0 ? std::floor(a) : -std::floor(-a);
    case Op::sqrt:
        if (a < 0)
            throw Failed{"2201F", "cannot take square root of a negative number"};
        return std::sqrt(a);
    case Op::exp:
        return exponential(a);
    case Op::ln:
        return logarithm(a);
    case Op::sin:
    case Op::cos:
        if (std::isinf(a))
            throw Failed{"22003", "input is out of range"};
        return op == Op::sin ? std::sin(a) : std::cos(a);
    case Op::power:
        return power(a, b);
    default:
        return std::atan2(a, b);
    }
}

bool is_infinite_date(std::int64_t date) {
    return date == std::numeric_limits<std::int32_t>::min() ||
           date == std::numeric_limits<std::int32_t>::max();
}

Value date(Op op, std::int64_t a, std::int64_t b) {
    if (op == Op::date_difference) {
        if (is_infinite_date(a) || is_infinite_date(b))
            throw Failed{"22008", "cannot subtract infinite dates"};
        return Value::of(ColumnType::i32, static_cast<std::int32_t>(a - b));
    }
    if (is_infinite_date(a))
        return Value::of(ColumnType::i32, static_cast<std::int32_t>(a));
    const std::int64_t day = op == Op::date_add ? a + b : a - b;
    if (day < -2451545 || day >= 2145031949)
        throw Failed{"22008", "date out of range"};
    return Value::of(ColumnType::i32, static_cast<std::int32_t>(day));
}

Value cast(const Value& from, ColumnType to) {
    if (to == ColumnType::decimal)
        return value_of(decimal_of(Wide{integer(from)}, 0));
    if (from.type == ColumnType::decimal) {
        const CastResult result = cast_decimal(from, to);
        if (result.fault != Fault::none)
            throw Failed{std::string(sqlstate_of(result.fault)), std::string(message_of(result.fault))};
        return result.value;
    }
    if (to == ColumnType::boolean)
        return boolean(integer(from) != 0);
    if (to == ColumnType::i8) {
        if (integer(from) < -128 || integer(from) > 127)
            throw Failed{"22003", "\"char\" out of range"};
        return Value::of(to, static_cast<std::int8_t>(integer(from)));
    }
    if (!is_float(from.type))
        return to == ColumnType::f32   ? make(to, static_cast<float>(integer(from)))
               : to == ColumnType::f64 ? make(to, static_cast<double>(integer(from)))
                                       : fit(to, integer(from));
    const double value = real(from);
    if (to == ColumnType::f64)
        return make(to, value);
    if (to == ColumnType::f32) {
        const auto single = static_cast<float>(value);
        if (from.type == ColumnType::f64 && std::isinf(single) && !std::isinf(value))
            overflow();
        if (from.type == ColumnType::f64 && single == 0 && value != 0)
            underflow();
        return make(to, single);
    }
    const double rounded = std::nearbyint(value);
    const double limit = std::ldexp(1.0, static_cast<int>(8 * width_of(to)) - 1);
    if (std::isnan(rounded) || rounded < -limit || rounded >= limit)
        out_of_range(to);
    return fit(to, static_cast<Wide>(rounded));
}

Value random(std::int64_t key, const TickInputs& inputs) {
    const std::uint64_t word =
        mix64(inputs.seed + 0x9e3779b97f4a7c15ULL * static_cast<std::uint64_t>(inputs.tick));
    const std::uint64_t hash = mix64(mix64(static_cast<std::uint64_t>(key)) ^ word);
    return Value::of(ColumnType::f64, static_cast<double>(hash >> 11) / 9007199254740992.0);
}

Value strict(const Node& node, const Value& a, const Value& b, const TickInputs& inputs) {
    const Op op = node.op;
    if (a.type == ColumnType::decimal && op == Op::add)
        return value_of(sum_of(decimal_of(a), decimal_of(b)));
    if (a.type == ColumnType::span && op == Op::negate)
        return span_sum(Value::of(a.type, std::int64_t{0}), a, -1);
    if (a.type == ColumnType::span && (op == Op::add || op == Op::subtract))
        return span_sum(a, b, op == Op::add ? 1 : -1);
    if (op >= Op::add && op <= Op::modulo) {
        if (a.type == ColumnType::f32)
            return real_arithmetic<float>(op, a, b);
        return a.type == ColumnType::f64 ? real_arithmetic<double>(op, a, b) : integer_arithmetic(op, a, b);
    }
    if (op == Op::negate || op == Op::absolute) {
        const bool is_kept = op == Op::absolute && (is_float(a.type) ? !(real(a) < 0) : integer(a) >= 0);
        if (a.type == ColumnType::f32)
            return make(a.type, op == Op::negate ? -as<float>(a) : std::fabs(as<float>(a)));
        if (a.type == ColumnType::f64)
            return make(a.type, op == Op::negate ? -as<double>(a) : std::fabs(as<double>(a)));
        return is_kept ? a : fit(a.type, -Wide{integer(a)});
    }
    if (op == Op::bit_not)
        return Value::of(a.type, ~integer(a));
    if (op >= Op::bit_and && op <= Op::shift_right)
        return bits_of(op, a, b);
    if (op >= Op::sign && op <= Op::atan2)
        return make(ColumnType::f64, function(op, real(a), op >= Op::power ? real(b) : 0));
    if (op >= Op::date_add && op <= Op::date_difference)
        return date(op, integer(a), integer(b));
    switch (op) {
    case Op::random:
        return random(integer(a), inputs);
    case Op::equal:
        return boolean(compare(a, b) == 0);
    case Op::not_equal:
        return boolean(compare(a, b) != 0);
    case Op::less:
        return boolean(compare(a, b) < 0);
    case Op::less_equal:
        return boolean(compare(a, b) <= 0);
    case Op::greater:
        return boolean(compare(a, b) > 0);
    case Op::greater_equal:
        return boolean(compare(a, b) >= 0);
    case Op::logical_not:
        return boolean(integer(a) == 0);
    default:
        return cast(a, node.type);
    }
}

Value leaf(const Node& node, const Scope& scope, const TickInputs& inputs) {
    const bool is_of_row = node.op == Op::column || node.op == Op::entity || node.op == Op::has_row;
    const Row* row = is_of_row ? scope.rows.at(node.source.value) : nullptr;
    switch (node.op) {
    case Op::column:
        return row ? row->values.at(node.column.value) : Value::null(node.type);
    case Op::constant:
        return node.constant;
    case Op::entity:
        return row ? Value::of(ColumnType::i64, row->entity) : Value::null(ColumnType::i64);
    case Op::has_row:
        return boolean(row && row->has.at(node.component.value));
    case Op::observed:
        return boolean(scope.is_observed);
    case Op::distance:
        return Value::of(ColumnType::f64, scope.distance);
    case Op::aggregate:
        return scope.aggregate(node.aggregate);
    default:
        break;
    }
    switch (node.parameter) {
    case Parameter::dt:
        return Value::of(ColumnType::f64, inputs.dt);
    case Parameter::dt_real:
        return Value::of(ColumnType::f32, static_cast<float>(inputs.dt));
    case Parameter::tick:
        return Value::of(ColumnType::i64, inputs.tick);
    default:
        return Value::of(ColumnType::i64, inputs.now_us);
    }
}

class Evaluation {
  public:
    Evaluation(const Expressions& expressions, const Scope& scope, const TickInputs& inputs)
        : expressions_(expressions), scope_(scope), inputs_(inputs) {}

    Value of(NodeId id) const {
        const Node& node = expressions_[id];
        if (node.arguments.empty())
            return leaf(node, scope_, inputs_);
        switch (node.op) {
        case Op::logical_and:
        case Op::logical_or:
            return logical(node);
        case Op::choose:
            for (std::size_t i = 0; i + 1 < node.arguments.size(); i += 2)
                if (const Value condition = of(node.arguments[i]); !condition.is_null && integer(condition))
                    return of(node.arguments[i + 1]);
            return of(node.arguments.back());
        case Op::coalesce:
            for (const NodeId argument : node.arguments)
                if (const Value value = of(argument); !value.is_null)
                    return value;
            return Value::null(node.type);
        case Op::greatest:
        case Op::least:
            return extreme(node);
        default:
            return operation(node);
        }
    }

  private:
    Value logical(const Node& node) const {
        const bool ends = node.op == Op::logical_or;
        bool has_null = false;
        for (const NodeId argument : node.arguments) {
            const Value value = of(argument);
            has_null = has_null || value.is_null;
            if (!value.is_null && (integer(value) != 0) == ends)
                return boolean(ends);
        }
        return has_null ? Value::null(ColumnType::boolean) : boolean(!ends);
    }
    Value extreme(const Node& node) const {
        Value best = Value::null(node.type);
        for (const NodeId argument : node.arguments) {
            const Value value = of(argument);
            if (value.is_null)
                continue;
            const int order = best.is_null ? 0 : compare(value, best);
            if (best.is_null || (node.op == Op::greatest ? order > 0 : order < 0))
                best = value;
        }
        return best;
    }
    Value operation(const Node& node) const {
        const Value a = of(node.arguments[0]);
        const Value b = node.arguments.size() > 1 ? of(node.arguments[1]) : a;
        const bool has_null = a.is_null || b.is_null;
        switch (node.op) {
        case Op::is_null:
            return boolean(a.is_null);
        case Op::is_not_null:
            return boolean(!a.is_null);
        case Op::is_distinct:
            return boolean(has_null ? a.is_null != b.is_null : compare(a, b) != 0);
        case Op::is_not_distinct:
            return boolean(has_null ? a.is_null == b.is_null : compare(a, b) == 0);
        case Op::nullif:
            return !has_null && compare(a, b) == 0 ? Value::null(node.type) : a;
        default:
            return has_null ? Value::null(node.type) : narrow(strict(node, a, b, inputs_));
        }
    }

    const Expressions& expressions_;
    const Scope& scope_;
    const TickInputs& inputs_;
};

} // namespace

int compare(const Value& a, const Value& b) {
    if (a.type == ColumnType::bytes16) {
        const std::uint64_t left[] = {a.bits, a.high};
        const std::uint64_t right[] = {b.bits, b.high};
        return std::memcmp(left, right, sizeof left);
    }
    if (a.type == ColumnType::decimal)
        return kernel::compare(decimal_of(a), decimal_of(b));
    if (a.type == ColumnType::span)
        return span(a).length() < span(b).length() ? -1 : span(a).length() > span(b).length() ? 1 : 0;
    if (a.type == ColumnType::i8)
        return static_cast<int>(a.bits & 0xff) - static_cast<int>(b.bits & 0xff);
    if (!is_float(a.type))
        return integer(a) < integer(b) ? -1 : integer(a) > integer(b) ? 1 : 0;
    const double x = real(a);
    const double y = real(b);
    if (std::isnan(x) || std::isnan(y))
        return std::isnan(x) - std::isnan(y);
    return x < y ? -1 : x > y ? 1 : 0;
}

bool is_true(const Value& value) {
    return !value.is_null && integer(value) != 0;
}

Value add(const Value& a, const Value& b) {
    return narrow(strict({Op::add, a.type, own_row, {}, {}, 0, {}, {}, {}, false}, a, b, {}));
}

Value evaluate(const Expressions& expressions, NodeId id, const Scope& scope, const TickInputs& inputs) {
    return Evaluation(expressions, scope, inputs).of(id);
}

Value evaluate(const Expressions& expressions, NodeId id, const Row& row, const TickInputs& inputs) {
    return evaluate(expressions, id, Scope{{&row}, false, {}, 0}, inputs);
}

} // namespace gamelan::kernel::reference
