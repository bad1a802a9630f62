// The bodies are written once, as plain loops, and inlined into one wrapper per instruction set, where the
// compiler vectorises them with that set. (Not target_clones: its ifunc resolvers run before AddressSanitizer
// is ready, and clang 14 has none.)
#include "core/automaton/row_kernel.hpp"

#include "core/automaton/mix32.hpp"

#include <cstddef>

// The planes of a row never overlap; without this promise the compiler would test it at run time for each
// group.
#if defined(__clang__)
#define GAMELAN_INDEPENDENT_LANES _Pragma("clang loop vectorize(assume_safety)")
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
    const Byte rich_bit = type == 1 ? 1 : type == 2 ? 2 : type == 3 ? 4 : 0;
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

// The rule for one cell. ones, twos, threes: neighbours of each resource; rich: the bits of RowPlanes::rich,
// or-ed.
GAMELAN_INLINE Cell next_cell(const RuleBytes& rule, Byte type, Byte amount, Byte ones, Byte twos,
                              Byte threes, Byte rich, Byte low, bool acts) {
    // Void: the strongest of the resources that may spread here; a tie goes to the smaller number.
    const bool may1 = bool(rich & 1) & (ones >= rule.spread_min) & (ones <= rule.spread_max);
    const bool may2 = bool(rich & 2) & (twos >= rule.spread_min) & (twos <= rule.spread_max);
    const bool may3 = bool(rich & 4) & (threes >= rule.spread_min) & (threes <= rule.spread_max);
    const Byte score1 = may1 ? ones : Byte{0};
    const Byte score2 = may2 ? twos : Byte{0};
    const Byte score3 = may3 ? threes : Byte{0};
    const Byte best12 = score2 > score1 ? score2 : score1;
    const Byte settler12 = score2 > score1 ? 2 : 1;
    const Byte best = score3 > best12 ? score3 : best12;
    const Byte settler = score3 > best12 ? Byte{3} : settler12;
    const bool settles = (best != 0) & ((low & rule.spread_mask) == 0);
    const Byte void_type = settles ? settler : Byte{0};
    const Byte void_amount = settles ? rule.spread_start : amount;

    // Resource: eaten, else compound, else growth or decline when it is this cell's turn.
    const Byte own = type == 1 ? ones : type == 2 ? twos : threes;
    const Byte eaters = type == 1 ? twos : type == 2 ? threes : ones;
    const Byte eater = type == 3 ? Byte{1} : static_cast<Byte>(type + 1);
    const bool eaten = (eaters >= rule.predation_min) & ((low & rule.predation_mask) == 0);
    const bool compounds =
        (ones != 0) & (twos != 0) & (threes != 0) & ((low & rule.compound_mask) == rule.compound_phase);
    const bool grows = (own >= rule.growth_min) & (own <= rule.growth_max);
    const Byte sixteenth = static_cast<Byte>(amount >> 4);
    const Byte gain = static_cast<Byte>(rule.growth_step + sixteenth);
    const Byte loss = static_cast<Byte>(rule.decline_step + sixteenth);
    const Byte room = static_cast<Byte>(255 - amount);
    const Byte grown = static_cast<Byte>(amount + (gain < room ? gain : room));
    const Byte declined = static_cast<Byte>(amount - (loss < amount ? loss : amount));
    const Byte acted_amount = grows ? grown : declined;
    const Byte acted_type = (!grows) & (declined == 0) ? Byte{0} : type;
    Byte resource_type = acts ? acted_type : type;
    Byte resource_amount = acts ? acted_amount : amount;
    resource_type = compounds ? type_compound : resource_type;
    resource_amount = compounds ? rule.compound_start : resource_amount;
    resource_type = eaten ? eater : resource_type;
    resource_amount = eaten ? static_cast<Byte>((amount >> 1) + rule.predation_bonus) : resource_amount;

    // Compound: decays now and then.
    const bool decays = (low & rule.decay_mask) == rule.decay_phase;
    const Byte step = decays ? rule.decay_step : Byte{0};
    const Byte decayed = static_cast<Byte>(amount - (step < amount ? step : amount));
    const Byte compound_type = decays & (decayed == 0) ? Byte{0} : type_compound;

    const bool is_void = type == type_void;
    const bool is_resource = static_cast<Byte>(type - 1) < 3;
    const bool is_compound = type == type_compound;
    Byte next_type = is_void ? void_type : type;
    Byte next_amount = is_void ? void_amount : amount;
    next_type = is_resource ? resource_type : next_type;
    next_amount = is_resource ? resource_amount : next_amount;
    next_type = is_compound ? compound_type : next_type;
    next_amount = is_compound ? decayed : next_amount;
    return {next_type, next_amount};
}

GAMELAN_INLINE void update_body(const RowUpdate& update, const RuleBytes& rule_bytes) {
    draw_chances(update);
    const RowPlanes above = *update.above;
    const RowPlanes here = *update.here;
    const RowPlanes below = *update.below;
    const RuleBytes rule = rule_bytes;
    const Byte turn = static_cast<Byte>(update.tick_phase & rule.stagger_mask);
    for (std::uint32_t group = 0; group < update.width; group += row_group) {
        GAMELAN_INDEPENDENT_LANES
        for (std::uint32_t lane = 0; lane < row_group; ++lane) {
            const std::ptrdiff_t x = std::ptrdiff_t{group} + lane;
            const Byte ones_twos = static_cast<Byte>(above.pair_ones_twos[x] + below.pair_ones_twos[x - 1] +
                                                     here.ones_twos[x - 1] + here.ones_twos[x + 1]);
            const Byte threes = static_cast<Byte>(above.pair_threes[x] + below.pair_threes[x - 1] +
                                                  here.threes[x - 1] + here.threes[x + 1]);
            const Byte rich = static_cast<Byte>(above.pair_rich[x] | below.pair_rich[x - 1] |
                                                here.rich[x - 1] | here.rich[x + 1]);
            const bool acts = (update.chance_high[x] & rule.stagger_mask) == turn;
            const Cell next =
                next_cell(rule, here.type[x], here.amount[x], static_cast<Byte>(ones_twos & 15),
                          static_cast<Byte>(ones_twos >> 4), threes, rich, update.chance_low[x], acts);
            update.type_out[x] = next.type;
            update.amount_out[x] = next.amount;
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
