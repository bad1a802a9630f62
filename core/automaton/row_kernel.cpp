// The bodies are written once, as plain loops, and inlined into one wrapper per instruction set, where the
// compiler vectorises them with that set. (Not target_clones: its ifunc resolvers run before AddressSanitizer
// is ready, and clang 14 has none.)
#include "core/automaton/row_kernel.hpp"

#include "core/automaton/mix32.hpp"

#include <cstddef>

// The planes of a row never overlap; without this promise the compiler would test it at run time for each
// group.
#if defined(__clang__)
#define GAMELAN_INDEPENDENT_LANES _Pragma("clang loop vectorize(assume_safety) unroll(disable)")
#else
#define GAMELAN_INDEPENDENT_LANES _Pragma("GCC ivdep")
#endif

#define GAMELAN_INLINE [[gnu::always_inline]] inline

namespace gamelan::automaton {

namespace {

using Byte = std::uint8_t;

GAMELAN_INLINE void derive(const RowPlanes& row, std::ptrdiff_t x, Byte rich_amount) {
    const Byte type = row.type[x];
    const bool is_rich = row.amount[x] >= rich_amount;
    const Byte one = type == 1 ? 1 : 0;
    const Byte two = type == 2 ? 16 : 0;
    const Byte three = type == 3 ? 1 : 0;
    const Byte rich_bit = type == 1 ? 2 : type == 2 ? 4 : type == 3 ? 8 : 0;
    row.ones_twos[x] = static_cast<Byte>(one | two);
    row.threes[x] = three;
    row.rich[x] = is_rich ? rich_bit : Byte{0};
}

GAMELAN_INLINE void pair_up(const RowPlanes& row, std::ptrdiff_t x) {
    row.pair_ones_twos[x] = static_cast<Byte>(row.ones_twos[x] + row.ones_twos[x + 1]);
    row.pair_threes[x] = static_cast<Byte>(row.threes[x] + row.threes[x + 1]);
    row.pair_rich[x] = static_cast<Byte>(row.rich[x] | row.rich[x + 1]);
}

GAMELAN_INLINE void prepare_body(const RowPlanes& row, std::uint32_t cells, std::uint32_t width,
                                 Byte rich_amount) {
    const RowPlanes planes = row;
    for (std::uint32_t group = 0; group < width; group += row_group) {
        GAMELAN_INDEPENDENT_LANES
        for (std::uint32_t lane = 0; lane < row_group; ++lane) {
            derive(planes, std::ptrdiff_t{group} + lane, rich_amount);
        }
    }
    derive(planes, -1, rich_amount);
    derive(planes, cells, rich_amount);
    pair_up(planes, -1);
    for (std::uint32_t group = 0; group < width; group += row_group) {
        GAMELAN_INDEPENDENT_LANES
        for (std::uint32_t lane = 0; lane < row_group; ++lane) {
            pair_up(planes, std::ptrdiff_t{group} + lane);
        }
    }
}

GAMELAN_INLINE void draw_chances(const RowUpdate& update) {
    for (std::uint32_t group = 0; group < update.width; group += row_group) {
        const std::uint32_t first = update.first_cell + group;
        Byte* const low = update.chance_low + group;
        Byte* const high = update.chance_high + group;
        const std::uint32_t word = update.tick_word;
        GAMELAN_INDEPENDENT_LANES
        for (std::uint32_t lane = 0; lane < row_group; ++lane) {
            const std::uint32_t hash = mix32(word ^ mix32(first + lane));
            low[lane] = static_cast<Byte>(hash);
            high[lane] = static_cast<Byte>(hash >> 8);
        }
    }
}

struct Cell {
    Byte type, amount;
};

// 255 where something holds, else 0. Bytes, not bools: the compiler keeps them in byte lanes.
GAMELAN_INLINE Byte when(int holds) {
    return holds != 0 ? Byte{255} : Byte{0};
}

GAMELAN_INLINE Byte choose(Byte mask, Byte yes, Byte no) {
    return static_cast<Byte>((yes & mask) | (no & ~mask));
}

// Four bytes at once: there are no byte shifts in these instruction sets, and the compiler does not invent
// them.
using Word [[gnu::may_alias]] = std::uint32_t;

// dest = (source >> shift) & mask, for a group of bytes; the mask cuts off what comes in from the neighbour
// byte.
GAMELAN_INLINE void shift_bytes(const Byte* source, Byte* dest, int shift, std::uint32_t mask) {
    const Word* const from = reinterpret_cast<const Word*>(source);
    Word* const to = reinterpret_cast<Word*>(dest);
    GAMELAN_INDEPENDENT_LANES
    for (std::uint32_t word = 0; word < row_group / sizeof(Word); ++word) {
        to[word] = from[word] >> shift & mask;
    }
}

// What a group of cells needs to know beside the planes.
struct alignas(row_group) Surroundings {
    Byte ones[row_group];
    Byte twos[row_group];
    Byte threes[row_group];
    Byte rich[row_group];
    Byte half[row_group];      // amount / 2
    Byte sixteenth[row_group]; // amount / 16
};

GAMELAN_INLINE void look_around(const RowPlanes& above, const RowPlanes& here, const RowPlanes& below,
                                std::ptrdiff_t first, Surroundings& seen) {
    alignas(row_group) Byte ones_twos[row_group];
    GAMELAN_INDEPENDENT_LANES
    for (std::uint32_t lane = 0; lane < row_group; ++lane) {
        const std::ptrdiff_t x = first + lane;
        ones_twos[lane] = static_cast<Byte>(above.pair_ones_twos[x] + below.pair_ones_twos[x - 1] +
                                            here.ones_twos[x - 1] + here.ones_twos[x + 1]);
        seen.threes[lane] = static_cast<Byte>(above.pair_threes[x] + below.pair_threes[x - 1] +
                                              here.threes[x - 1] + here.threes[x + 1]);
        seen.rich[lane] = static_cast<Byte>(above.pair_rich[x] | below.pair_rich[x - 1] | here.rich[x - 1] |
                                            here.rich[x + 1]);
    }
    shift_bytes(ones_twos, seen.ones, 0, 0x0f0f0f0fU);
    shift_bytes(ones_twos, seen.twos, 4, 0x0f0f0f0fU);
    shift_bytes(here.amount + first, seen.half, 1, 0x7f7f7f7fU);
    shift_bytes(here.amount + first, seen.sixteenth, 4, 0x0f0f0f0fU);
}

// The rule for one cell. ones, twos, threes: neighbours of each resource; rich: the bits of RowPlanes::rich,
// or-ed.
GAMELAN_INLINE Cell next_cell(const RuleBytes& rule, Byte type, Byte amount, const Surroundings& seen,
                              std::uint32_t lane, Byte low, Byte acts) {
    const Byte ones = seen.ones[lane];
    const Byte twos = seen.twos[lane];
    const Byte threes = seen.threes[lane];
    const Byte rich = seen.rich[lane];
    // Void: the strongest of the resources that may spread here; a tie goes to the smaller number.
    const Byte score1 = ones & when(rich & 2) & when(ones >= rule.spread_min) & when(ones <= rule.spread_max);
    const Byte score2 = twos & when(rich & 4) & when(twos >= rule.spread_min) & when(twos <= rule.spread_max);
    const Byte score3 =
        threes & when(rich & 8) & when(threes >= rule.spread_min) & when(threes <= rule.spread_max);
    const Byte best12 = score2 > score1 ? score2 : score1;
    const Byte settler12 = score2 > score1 ? 2 : 1;
    const Byte settler = score3 > best12 ? Byte{3} : settler12;
    const Byte settles = when(score1 | score2 | score3) & when((low & rule.spread_mask) == 0);
    const Byte void_type = settler & settles;
    const Byte void_amount = choose(settles, rule.spread_start, amount);

    // Resource: eaten, else compound, else growth or decline when it is this cell's turn.
    const Byte own = type == 1 ? ones : type == 2 ? twos : threes;
    const Byte eaters = type == 1 ? twos : type == 2 ? threes : ones;
    const Byte eater = type == 3 ? 1 : static_cast<Byte>(type + 1);
    const Byte eaten = when(eaters >= rule.predation_min) & when((low & rule.predation_mask) == 0);
    const Byte compounds =
        when(ones) & when(twos) & when(threes) & when((low & rule.compound_mask) == rule.compound_phase);
    const Byte grows = when(own >= rule.growth_min) & when(own <= rule.growth_max);
    const Byte gain = static_cast<Byte>(rule.growth_step + seen.sixteenth[lane]);
    const Byte loss = static_cast<Byte>(rule.decline_step + seen.sixteenth[lane]);
    const Byte room = static_cast<Byte>(255 - amount);
    const Byte grown = static_cast<Byte>(amount + (gain < room ? gain : room));
    const Byte declined = static_cast<Byte>(amount - (loss < amount ? loss : amount));
    const Byte acted_amount = choose(grows, grown, declined);
    const Byte acted_type = type & (grows | when(declined));
    const Byte grown_type = choose(acts, acted_type, type);
    const Byte grown_amount = choose(acts, acted_amount, amount);
    const Byte spared_type = choose(compounds, type_compound, grown_type);
    const Byte spared_amount = choose(compounds, rule.compound_start, grown_amount);
    const Byte resource_type = choose(eaten, eater, spared_type);
    const Byte resource_amount =
        choose(eaten, static_cast<Byte>(seen.half[lane] + rule.predation_bonus), spared_amount);

    // Compound: decays now and then.
    const Byte decays = when((low & rule.decay_mask) == rule.decay_phase);
    const Byte step = rule.decay_step & decays;
    const Byte decayed = static_cast<Byte>(amount - (step < amount ? step : amount));
    const Byte compound_type = choose(decays & when(decayed == 0), type_void, type_compound);

    const Byte is_void = when(type == type_void);
    const Byte is_resource = when(type == 1) | when(type == 2) | when(type == 3);
    const Byte is_compound = when(type == type_compound);
    const Byte is_other = static_cast<Byte>(~(is_void | is_resource | is_compound));
    return {static_cast<Byte>((void_type & is_void) | (resource_type & is_resource) |
                              (compound_type & is_compound) | (type & is_other)),
            static_cast<Byte>((void_amount & is_void) | (resource_amount & is_resource) |
                              (decayed & is_compound) | (amount & is_other))};
}

GAMELAN_INLINE void update_body(const RowUpdate& update, const RuleBytes& rule_bytes) {
    draw_chances(update);
    const RowPlanes above = *update.above;
    const RowPlanes here = *update.here;
    const RowPlanes below = *update.below;
    const RuleBytes rule = rule_bytes;
    const Byte turn = static_cast<Byte>(update.tick_phase & rule.stagger_mask);
    const Byte* const chance_low =
        update.chance_low; // in locals, or the stores below would seem to change them
    const Byte* const chance_high = update.chance_high;
    Byte* const type_out = update.type_out;
    Byte* const amount_out = update.amount_out;
    for (std::uint32_t group = 0; group < update.width; group += row_group) {
        Surroundings seen;
        look_around(above, here, below, std::ptrdiff_t{group}, seen);
        GAMELAN_INDEPENDENT_LANES
        for (std::uint32_t lane = 0; lane < row_group; ++lane) {
            const std::ptrdiff_t x = std::ptrdiff_t{group} + lane;
            const Byte acts = when((chance_high[x] & rule.stagger_mask) == turn);
            const Cell next = next_cell(rule, here.type[x], here.amount[x], seen, lane, chance_low[x], acts);
            type_out[x] = next.type;
            amount_out[x] = next.amount;
        }
    }
}

void prepare_baseline(const RowPlanes& row, std::uint32_t cells, std::uint32_t width, Byte rich_amount) {
    prepare_body(row, cells, width, rich_amount);
}
void update_baseline(const RowUpdate& update, const RuleBytes& rule) {
    update_body(update, rule);
}

#if defined(__x86_64__)
#if defined(__clang__)
#define GAMELAN_AVX512 "arch=x86-64-v4"
#else
#define GAMELAN_AVX512 "arch=x86-64-v4,prefer-vector-width=512"
#endif
[[gnu::target("arch=x86-64-v3")]] void prepare_avx2(const RowPlanes& row, std::uint32_t cells,
                                                    std::uint32_t width, Byte rich_amount) {
    prepare_body(row, cells, width, rich_amount);
}
[[gnu::target("arch=x86-64-v3")]] void update_avx2(const RowUpdate& update, const RuleBytes& rule) {
    update_body(update, rule);
}
[[gnu::target(GAMELAN_AVX512)]] void prepare_avx512(const RowPlanes& row, std::uint32_t cells,
                                                    std::uint32_t width, Byte rich_amount) {
    prepare_body(row, cells, width, rich_amount);
}
[[gnu::target(GAMELAN_AVX512)]] void update_avx512(const RowUpdate& update, const RuleBytes& rule) {
    update_body(update, rule);
}
constexpr RowKernels kernels[] = {
    {prepare_baseline, update_baseline}, {prepare_avx2, update_avx2}, {prepare_avx512, update_avx512}};
#else
constexpr RowKernels kernels[] = {{prepare_baseline, update_baseline},
                                  {prepare_baseline, update_baseline},
                                  {prepare_baseline, update_baseline}};
#endif

} // namespace

RuleBytes to_bytes(const ResourceRule& rule) {
    const auto byte = [](std::uint32_t value) { return static_cast<Byte>(value); };
    const auto mask = [](std::uint32_t one_in) { return static_cast<Byte>(one_in - 1); };
    return {
        .spread_min = byte(rule.spread_neighbours_min),
        .spread_max = byte(rule.spread_neighbours_max),
        .rich_amount = byte(rule.spread_rich_amount),
        .spread_mask = mask(rule.spread_one_in),
        .spread_start = byte(rule.spread_start_amount),
        .predation_min = byte(rule.predation_neighbours_min),
        .predation_mask = mask(rule.predation_one_in),
        .predation_bonus = byte(rule.predation_bonus),
        .compound_mask = mask(rule.compound_one_in),
        .compound_phase = byte(rule.compound_phase),
        .compound_start = byte(rule.compound_start_amount),
        .stagger_mask = mask(rule.stagger_ticks),
        .growth_min = byte(rule.growth_neighbours_min),
        .growth_max = byte(rule.growth_neighbours_max),
        .growth_step = byte(rule.growth_step),
        .decline_step = byte(rule.decline_step),
        .decay_mask = mask(rule.compound_decay_one_in),
        .decay_phase = byte(rule.compound_decay_phase),
        .decay_step = byte(rule.compound_decay_step),
    };
}

const RowKernels& row_kernels(SimdLevel level) {
    return kernels[static_cast<std::size_t>(level)];
}

} // namespace gamelan::automaton
