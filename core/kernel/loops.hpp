// Makes loops out of operations: a body written once, as a plain loop, inlined into one wrapper for each
// instruction set, where the compiler vectorises it. Only the operation_*.cpp use this.
//
// An operation is a struct with static members over lanes:
//     value(…)           the result; defined for every input
//     suspect(…, result) has its highest bit set where it may have failed or is NaN; absent when neither can
//                        be
//     fault(…)           how it failed
#pragma once

#include "core/kernel/operation.hpp"
#include "core/kernel/scalar.hpp"

#include <tuple>
#include <utility>

namespace gamelan::kernel {

template <class Op, class R, class... A>
concept Suspicious = requires(A... a, R r) {
    Op::suspect(a..., r);
};

// Inputs of types A…; the input `fixed` (or none: −1) is the same in all lanes.
template <class Op, int fixed, class... A>
struct LanewiseBody {
    using R = decltype(Op::value(std::declval<A>()...));
    static constexpr bool has_suspects = Suspicious<Op, R, A...>;

    template <std::size_t... I>
    GAMELAN_INLINE bool run_with(const Lanes& lanes, std::index_sequence<I...>) {
        R* const out = static_cast<R*>(lanes.out);
        const std::tuple<const A*...> in{static_cast<const A*>(lanes.inputs[I])...};
        const std::tuple<A...> first{*std::get<I>(in)...};
        const std::size_t count = std::size_t{lanes.groups} * group_lanes;
        if constexpr (has_suspects) {
            using M = decltype(Op::suspect(std::declval<A>()..., std::declval<R>()));
            M suspects = 0;
            GAMELAN_INDEPENDENT_LANES
            for (std::size_t i = 0; i < count; ++i) {
                const R r = Op::value((int{I} == fixed ? std::get<I>(first) : std::get<I>(in)[i])...);
                out[i] = r;
                suspects = static_cast<M>(
                    suspects |
                    Op::suspect((int{I} == fixed ? std::get<I>(first) : std::get<I>(in)[i])..., r));
            }
            return (suspects & static_cast<M>(M{1} << (8 * sizeof(M) - 1))) != 0;
        } else {
            GAMELAN_INDEPENDENT_LANES
            for (std::size_t i = 0; i < count; ++i)
                out[i] = Op::value((int{I} == fixed ? std::get<I>(first) : std::get<I>(in)[i])...);
            return false;
        }
    }
    GAMELAN_INLINE bool run(const Lanes& lanes) { return run_with(lanes, std::index_sequence_for<A...>{}); }
};

template <class Op, int fixed, class... A>
struct Inspector {
    using R = decltype(Op::value(std::declval<A>()...));

    template <std::size_t... I>
    static RowFault inspect_with(const Lanes& lanes, std::uint32_t count, const std::uint8_t* nulls,
                                 std::index_sequence<I...>) {
        R* const out = static_cast<R*>(lanes.out);
        RowFault found{count, Fault::none};
        for (std::uint32_t i = 0; i < lanes.groups * group_lanes; ++i) {
            if constexpr (std::is_floating_point_v<R>)
                if (is_nan(out[i]))
                    out[i] = canonical_nan<R>;
            if (i >= found.lane || (lanes.mask && !lanes.mask[i]) || (nulls && nulls[i]))
                continue;
            const Fault fault = Op::fault(static_cast<const A*>(lanes.inputs[I])[int{I} == fixed ? 0 : i]...);
            if (fault != Fault::none)
                found = {i, fault};
        }
        return found;
    }
    static RowFault inspect(const Lanes& lanes, std::uint32_t count, const std::uint8_t* nulls) {
        return inspect_with(lanes, count, nulls, std::index_sequence_for<A...>{});
    }
};

template <class Body>
bool run_baseline(const Lanes& lanes) {
    return Body::run(lanes);
}
#if defined(__x86_64__)
#if defined(__clang__)
#define GAMELAN_AVX512 "arch=x86-64-v4"
#else
#define GAMELAN_AVX512 "arch=x86-64-v4,prefer-vector-width=512"
#endif
template <class Body>
[[gnu::target("arch=x86-64-v3")]] bool run_avx2(const Lanes& lanes) {
    return Body::run(lanes);
}
template <class Body>
[[gnu::target(GAMELAN_AVX512)]] bool run_avx512(const Lanes& lanes) {
    return Body::run(lanes);
}
#endif

template <class Body>
constexpr Operation operation_of(Inspect inspect) {
#if defined(__x86_64__)
    return {{run_baseline<Body>, run_avx2<Body>, run_avx512<Body>}, inspect};
#else
    return {{run_baseline<Body>, run_baseline<Body>, run_baseline<Body>}, inspect};
#endif
}

template <class Op, int fixed, class... A>
constexpr Inspect inspector() {
    if constexpr (LanewiseBody<Op, fixed, A...>::has_suspects)
        return Inspector<Op, fixed, A...>::inspect;
    else
        return nullptr;
}

template <class Op, int fixed, class... A>
inline constexpr Operation
    lanewise = operation_of<LanewiseBody<Op, fixed, A...>>(inspector<Op, fixed, A...>());

template <class Op, class A>
const Operation* unary() {
    return &lanewise<Op, -1, A>;
}
template <class Op, class A, class B = A>
const Operation* binary(Operand second) {
    return second == Operand::fixed ? &lanewise<Op, 1, A, B> : &lanewise<Op, -1, A, B>;
}

} // namespace gamelan::kernel
