// Sums of intervals: each part for itself, none of which may overflow.
#include "core/kernel/loops.hpp"

namespace gamelan::kernel {

namespace {

struct Plus {
    GAMELAN_INLINE auto value(auto x, auto y) { return x + y; }
    GAMELAN_INLINE bool is_wrapped(auto x, auto y, auto sum) { return ((x ^ sum) & (y ^ sum)) < 0; }
};

struct Minus {
    GAMELAN_INLINE auto value(auto x, auto y) { return x - y; }
    GAMELAN_INLINE bool is_wrapped(auto x, auto y, auto rest) { return ((x ^ y) & (x ^ rest)) < 0; }
};

template <class Arithmetic>
struct CombineSpans {
    GAMELAN_INLINE Span value(Span a, Span b) {
        const auto combine = [](auto x, auto y) { return Arithmetic::value(x, y); };
        return {wrapped(a.microseconds, b.microseconds, combine), wrapped(a.days, b.days, combine),
                wrapped(a.months, b.months, combine)};
    }
    GAMELAN_INLINE std::uint64_t suspect(Span a, Span b, Span r) {
        return mark<std::int64_t>(Arithmetic::is_wrapped(a.microseconds, b.microseconds, r.microseconds) ||
                                  Arithmetic::is_wrapped(a.days, b.days, r.days) ||
                                  Arithmetic::is_wrapped(a.months, b.months, r.months));
    }
    static Fault fault(Span a, Span b) {
        return suspect(a, b, value(a, b)) != 0 ? Fault::interval_range : Fault::none;
    }
};
using AddSpans = CombineSpans<Plus>;
using SubtractSpans = CombineSpans<Minus>;

struct NegateSpan {
    GAMELAN_INLINE Span value(Span a) { return SubtractSpans::value({}, a); }
    GAMELAN_INLINE std::uint64_t suspect(Span a, Span r) { return SubtractSpans::suspect({}, a, r); }
    static Fault fault(Span a) { return SubtractSpans::fault({}, a); }
};

} // namespace

const Operation* find_span(Op op, Operand second) {
    switch (op) {
    case Op::add:
        return binary<AddSpans, Span>(second);
    case Op::subtract:
        return binary<SubtractSpans, Span>(second);
    case Op::negate:
        return unary<NegateSpan, Span>();
    default:
        return nullptr;
    }
}

} // namespace gamelan::kernel
