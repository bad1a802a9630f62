// Functions of f64, and chance. What ends in the C library is called for the lanes that count only.
#include "core/kernel/loops.hpp"

#include "core/base/hash.hpp"

#include <cmath>

namespace gamelan::kernel {

namespace {

// Of NaN, which is neither, Postgres says 0.
struct Sign {
    GAMELAN_INLINE double value(double a) { return a > 0 ? 1.0 : a < 0 ? -1.0 : 0.0; }
};
struct Floor {
    GAMELAN_INLINE double value(double a) { return a != a ? canonical_nan<double> : __builtin_floor(a); }
};
struct Ceil {
    GAMELAN_INLINE double value(double a) { return a != a ? canonical_nan<double> : __builtin_ceil(a); }
};
struct Round {
    GAMELAN_INLINE double value(double a) { return a != a ? canonical_nan<double> : __builtin_rint(a); }
};
struct Trunc {
    GAMELAN_INLINE double value(double a) { return a != a ? canonical_nan<double> : __builtin_trunc(a); }
};
struct Sqrt {
    GAMELAN_INLINE double value(double a) { return __builtin_sqrt(a); }
    GAMELAN_INLINE std::uint64_t suspect(double a, double r) {
        return mark<double>(a < 0) | mark<double>(is_special(r));
    }
    static Fault fault(double a) { return a < 0 ? Fault::negative_root : Fault::none; }
};

// A number in [0, 1): the upper 53 bits of a hash of the key under the word of seed and tick.
struct Random {
    GAMELAN_INLINE std::uint64_t mixed(std::uint64_t x) {
        x ^= x >> 33;
        x *= 0xff51afd7ed558ccdULL;
        x ^= x >> 33;
        x *= 0xc4ceb9fe1a85ec53ULL;
        return x ^ x >> 33;
    }
    GAMELAN_INLINE double value(std::int64_t key, std::int64_t word) {
        const std::uint64_t hash =
            mixed(mixed(static_cast<std::uint64_t>(key)) ^ static_cast<std::uint64_t>(word));
        return static_cast<double>(static_cast<std::int64_t>(hash >> 11)) * 0x1p-53;
    }
};

// --- functions of the C library ---

template <class F>
struct CallBody1 {
    GAMELAN_INLINE bool run(const Lanes& lanes) {
        const double* in = static_cast<const double*>(lanes.inputs[0]);
        double* out = static_cast<double*>(lanes.out);
        bool is_suspect = false;
        for (std::uint32_t i = 0; i < lanes.groups * group_lanes; ++i) {
            out[i] = 0;
            if (lanes.mask && !lanes.mask[i])
                continue;
            out[i] = F::value(in[i]);
            is_suspect |= is_special(out[i]) || out[i] == 0 || is_special(in[i]);
        }
        return is_suspect;
    }
};
template <class F>
struct CallBody2 {
    GAMELAN_INLINE bool run(const Lanes& lanes) {
        const double* a = static_cast<const double*>(lanes.inputs[0]);
        const double* b = static_cast<const double*>(lanes.inputs[1]);
        double* out = static_cast<double*>(lanes.out);
        bool is_suspect = false;
        for (std::uint32_t i = 0; i < lanes.groups * group_lanes; ++i) {
            out[i] = 0;
            if (lanes.mask && !lanes.mask[i])
                continue;
            out[i] = F::value(a[i], b[i]);
            is_suspect |= is_special(out[i]) || out[i] == 0 || is_special(a[i]) || is_special(b[i]);
        }
        return is_suspect;
    }
};

Fault range_of(double result) {
    return is_infinite(result) ? Fault::overflow : result == 0 ? Fault::underflow : Fault::none;
}

struct Exp {
    static double value(double a) { return std::exp(a); }
    static Fault fault(double a) { return is_special(a) ? Fault::none : range_of(value(a)); }
};
struct Ln {
    static double value(double a) { return std::log(a); }
    static Fault fault(double a) {
        return a == 0 ? Fault::zero_logarithm : a < 0 ? Fault::negative_logarithm : Fault::none;
    }
};
struct Sin {
    static double value(double a) { return std::sin(a); }
    static Fault fault(double a) { return is_infinite(a) ? Fault::input_range : Fault::none; }
};
struct Cos {
    static double value(double a) { return std::cos(a); }
    static Fault fault(double a) { return is_infinite(a) ? Fault::input_range : Fault::none; }
};
struct Atan2 {
    static double value(double a, double b) { return std::atan2(a, b); }
    static Fault fault(double, double) { return Fault::none; }
};

// NaN to the 0 is 1, as is 1 to the NaN; the C library (POSIX) agrees there and about infinities, but has a
// result where SQL has an error.
struct Power {
    static double value(double a, double b) { return std::pow(a, b); }
    static Fault fault(double a, double b) {
        if (is_nan(a) || is_nan(b))
            return Fault::none;
        if (a == 0 && b < 0)
            return Fault::zero_power;
        if (a < 0 && std::floor(b) != b)
            return Fault::complex_power;
        if (is_infinite(a) || is_infinite(b))
            return Fault::none;
        const double result = value(a, b);
        if (is_infinite(result))
            return Fault::overflow;
        return result == 0 && a != 0 ? Fault::underflow : Fault::none;
    }
};

template <class F>
constexpr Operation call1 = operation_of<CallBody1<F>>(Inspector<F, -1, double>::inspect);
template <class F>
constexpr Operation call2 = operation_of<CallBody2<F>>(Inspector<F, -1, double, double>::inspect);

} // namespace

const Operation* find_function(Op op, Operand second) {
    switch (op) {
    case Op::sign:
        return unary<Sign, double>();
    case Op::floor:
        return unary<Floor, double>();
    case Op::ceil:
        return unary<Ceil, double>();
    case Op::round:
        return unary<Round, double>();
    case Op::trunc:
        return unary<Trunc, double>();
    case Op::sqrt:
        return unary<Sqrt, double>();
    case Op::random:
        return binary<Random, std::int64_t>(second);
    case Op::exp:
        return &call1<Exp>;
    case Op::ln:
        return &call1<Ln>;
    case Op::sin:
        return &call1<Sin>;
    case Op::cos:
        return &call1<Cos>;
    case Op::power:
        return second == Operand::fixed ? nullptr : &call2<Power>;
    case Op::atan2:
        return second == Operand::fixed ? nullptr : &call2<Atan2>;
    default:
        return nullptr;
    }
}

} // namespace gamelan::kernel
