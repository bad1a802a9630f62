// Walks the strips row by row with a window of three rows. Within a strip the six neighbours of place x are
// x ± 1 in its own row, x and x + 1 in the row above, x − 1 and x in the row below, so a row is computed by
// shifted loads. What lies outside a strip (its two ends, and the rows before the first and after the last)
// is fetched by the step rule.
#include "core/automaton/mix32.hpp"
#include "core/automaton/resource_rule.hpp"
#include "core/automaton/row_kernel.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <stdexcept>

namespace gamelan::automaton {

namespace {

using Byte = std::uint8_t;
using grid::HexSphere;

constexpr std::uint32_t planes_per_row = 8;
constexpr std::uint32_t scratch_planes = 4;

// One walk over a range of rows.
class Walk {
  public:
    Walk(const HexSphere& sphere, const ResourceRule& rule, std::uint32_t word, std::uint64_t tick,
         const PlaneIn& types, const PlaneIn& amounts, const PlaneOut& types_out, const PlaneOut& amounts_out,
         ChangedBlocks& changed, SimdLevel level)
        : sphere_(sphere), rule_(to_bytes(rule)), kernels_(row_kernels(level)), n_(sphere.frequency()),
          width_((n_ + row_group - 1) / row_group * row_group),
          block_shift_(static_cast<std::uint32_t>(std::countr_zero(types.block_slots))),
          slot_mask_(types.block_slots - 1), word_(word), tick_phase_(static_cast<Byte>(tick)), types_(types),
          amounts_(amounts), types_out_(types_out), amounts_out_(amounts_out), changed_(changed) {
        lay_out_scratch();
    }

    void run(RowRange rows) {
        const std::uint32_t strip_rows = 2 * n_;
        const std::uint32_t last = std::min(rows.last, 10 * n_);
        for (std::uint32_t row = rows.first; row < last;) {
            const std::uint32_t strip = row / strip_rows;
            const std::uint32_t end = std::min(last, (strip + 1) * strip_rows);
            advance_rows(strip, row - strip * strip_rows, end - strip * strip_rows);
            row = end;
        }
        if (rows.last > 10 * n_) {
            advance_poles();
        }
    }

  private:
    // One allocation, cut into planes with a group of room on either side.
    void lay_out_scratch() {
        const std::size_t stride = std::size_t{width_} + 2 * row_group;
        scratch_.assign(stride * (window_.size() * planes_per_row + scratch_planes), 0);
        Byte* next = scratch_.data() + row_group;
        const auto plane = [&next, stride] {
            Byte* const here = next;
            next += stride;
            return here;
        };
        for (RowPlanes& row : window_) {
            row = {plane(), plane(), plane(), plane(), plane(), plane(), plane(), plane()};
        }
        chance_low_ = plane();
        chance_high_ = plane();
        type_row_ = plane();
        amount_row_ = plane();
    }

    Byte type_at(std::uint32_t cell) const { return types_.blocks[cell >> block_shift_][cell & slot_mask_]; }
    Byte amount_at(std::uint32_t cell) const {
        return amounts_.blocks[cell >> block_shift_][cell & slot_mask_];
    }

    void fetch_cell(const RowPlanes& row, std::uint32_t place, std::uint32_t strip, std::uint32_t i,
                    std::int32_t J) const {
        const std::uint32_t cell =
            sphere_.resolve({static_cast<std::int32_t>(strip), static_cast<std::int32_t>(i), J}).index;
        row.type[static_cast<std::ptrdiff_t>(place) - 1] = type_at(cell);
        row.amount[static_cast<std::ptrdiff_t>(place) - 1] = amount_at(cell);
    }

    // Calls use(cell, place, count) for each stretch of a row that lies in one block.
    template <typename Use>
    void for_stretches(std::uint32_t first_cell, Use&& use) const {
        for (std::uint32_t place = 0; place < n_;) {
            const std::uint32_t cell = first_cell + place;
            const std::uint32_t count = std::min(n_ - place, slot_mask_ + 1 - (cell & slot_mask_));
            use(cell, place, count);
            place += count;
        }
    }

    // Brings row J of a strip, −1 and 2n included, into the window with its halo and derived planes.
    void load_row(const RowPlanes& row, std::uint32_t strip, std::int32_t J) const {
        const auto strip_rows = static_cast<std::int32_t>(2 * n_);
        if (J ==
            -1) { // a seam: a column of the strip to the west; place n is the sixth neighbour that U_k lacks
            row.type[-1] = type_absent;
            for (std::uint32_t i = 1; i <= n_; ++i) {
                fetch_cell(row, i, strip, i, J);
            }
            row.type[n_] = type_absent;
        } else if (J == strip_rows) { // a seam: a column of the strip to the east, and the south pole
            for (std::uint32_t i = 0; i <= n_; ++i) {
                fetch_cell(row, i, strip, i, J);
            }
            row.type[n_] = type_absent;
        } else {
            const std::uint32_t first_cell = (strip * 2 * n_ + static_cast<std::uint32_t>(J)) * n_;
            for_stretches(first_cell, [&](std::uint32_t cell, std::uint32_t place, std::uint32_t count) {
                std::memcpy(row.type + place, types_.blocks[cell >> block_shift_] + (cell & slot_mask_),
                            count);
                std::memcpy(row.amount + place, amounts_.blocks[cell >> block_shift_] + (cell & slot_mask_),
                            count);
            });
            fetch_cell(row, 0, strip, 0, J);
            fetch_cell(row, n_ + 1, strip, n_ + 1, J);
        }
        kernels_.prepare(row, n_, width_, rule_.rich_amount);
    }

    // Rows first..last−1 of one strip.
    void advance_rows(std::uint32_t strip, std::uint32_t first, std::uint32_t last) {
        load_row(window_[0], strip, static_cast<std::int32_t>(first) - 1);
        load_row(window_[1], strip, static_cast<std::int32_t>(first));
        for (std::uint32_t J = first; J < last; ++J) {
            const RowPlanes& above = window_[(J - first) % 3];
            const RowPlanes& here = window_[(J - first + 1) % 3];
            const RowPlanes& below = window_[(J - first + 2) % 3];
            load_row(below, strip, static_cast<std::int32_t>(J) + 1);
            if (J == n_) { // L_k is a pentagon: its directions 0 and 5 name the same neighbour, so 5 must not
                           // count
                above.type[n_] = type_absent;
                kernels_.prepare(above, n_, width_, rule_.rich_amount);
            }
            const std::uint32_t first_cell = (strip * 2 * n_ + J) * n_;
            kernels_.update({&above, &here, &below, first_cell, width_, word_, tick_phase_, chance_low_,
                             chance_high_, type_row_, amount_row_},
                            rule_);
            for_stretches(first_cell, [&](std::uint32_t cell, std::uint32_t place, std::uint32_t count) {
                store(types_, types_out_, changed_.types, cell, type_row_ + place, count);
                store(amounts_, amounts_out_, changed_.amounts, cell, amount_row_ + place, count);
            });
        }
    }

    void store(const PlaneIn& in, const PlaneOut& out, std::vector<Byte>& changed, std::uint32_t cell,
               const Byte* bytes, std::uint32_t count) const {
        const std::uint32_t block = cell >> block_shift_;
        const std::uint32_t slot = cell & slot_mask_;
        std::memcpy(out.blocks[block] + slot, bytes, count);
        if (changed[block] == 0 && std::memcmp(in.blocks[block] + slot, bytes, count) != 0) {
            changed[block] = 1;
        }
    }

    // A pole is computed as a row of one cell: three of its five neighbours stand below and above, two beside
    // it.
    void advance_poles() {
        const std::uint32_t north = sphere_.north_pole();
        for (const std::uint32_t pole : {north, sphere_.south_pole()}) {
            const auto& [above, here, below] = window_;
            const grid::Neighbours around = sphere_.neighbours(pole);
            const auto put = [this](const RowPlanes& row, std::ptrdiff_t place, std::uint32_t cell) {
                row.type[place] = type_at(cell);
                row.amount[place] = amount_at(cell);
            };
            put(here, 0, pole);
            put(here, -1, around.cells[0]);
            put(here, 1, around.cells[1]);
            put(above, 0, around.cells[2]);
            put(above, 1, around.cells[3]);
            put(below, 0, around.cells[4]);
            below.type[-1] = type_absent;
            for (const RowPlanes& row : window_) {
                kernels_.prepare(row, 1, row_group, rule_.rich_amount);
            }
            kernels_.update({&above, &here, &below, pole, row_group, word_, tick_phase_, chance_low_,
                             chance_high_, type_row_, amount_row_},
                            rule_);
            store(types_, types_out_, changed_.types, pole, type_row_, 1);
            store(amounts_, amounts_out_, changed_.amounts, pole, amount_row_, 1);
        }
        clear_tail(types_, types_out_, changed_.types);
        clear_tail(amounts_, amounts_out_, changed_.amounts);
    }

    void clear_tail(const PlaneIn& in, const PlaneOut& out, std::vector<Byte>& changed) const {
        const std::uint32_t block = (sphere_.cell_count() - 1) >> block_shift_;
        const std::uint32_t used = ((sphere_.cell_count() - 1) & slot_mask_) + 1;
        const std::uint32_t unused = slot_mask_ + 1 - used;
        std::memset(out.blocks[block] + used, 0, unused);
        const Byte* const tail = in.blocks[block] + used;
        if (std::any_of(tail, tail + unused, [](Byte byte) { return byte != 0; })) {
            changed[block] = 1;
        }
    }

    const HexSphere& sphere_;
    const RuleBytes rule_;
    const RowKernels& kernels_;
    const std::uint32_t n_;
    const std::uint32_t width_;
    const std::uint32_t block_shift_;
    const std::uint32_t slot_mask_;
    const std::uint32_t word_;
    const Byte tick_phase_;
    const PlaneIn& types_;
    const PlaneIn& amounts_;
    const PlaneOut& types_out_;
    const PlaneOut& amounts_out_;
    ChangedBlocks& changed_;
    std::vector<Byte> scratch_;
    std::array<RowPlanes, 3> window_{};
    Byte* chance_low_ = nullptr;
    Byte* chance_high_ = nullptr;
    Byte* type_row_ = nullptr;
    Byte* amount_row_ = nullptr;
};

template <typename Plane>
void require_shape(const Plane& plane, std::uint32_t block_slots, std::uint32_t blocks) {
    if (plane.block_slots != block_slots || plane.blocks.size() != blocks) {
        throw std::invalid_argument(
            "automaton: all planes must have blocks of one size, and as many as the cells need");
    }
}

} // namespace

void advance_layer(const HexSphere& sphere, const ResourceRule& rule, std::uint64_t seed, std::uint64_t tick,
                   std::uint32_t layer, const PlaneIn& types, const PlaneIn& amounts,
                   const PlaneOut& types_out, const PlaneOut& amounts_out, ChangedBlocks& changed,
                   RowRange rows, SimdLevel level) {
    validate(rule);
    const std::uint32_t block_slots = types.block_slots;
    if (!std::has_single_bit(block_slots) || block_slots < 64 || block_slots > 1024) {
        throw std::invalid_argument("automaton: block_slots must be a power of two between 64 and 1024");
    }
    const std::uint32_t blocks = block_count(sphere.cell_count(), block_slots);
    require_shape(types, block_slots, blocks);
    require_shape(amounts, block_slots, blocks);
    require_shape(types_out, block_slots, blocks);
    require_shape(amounts_out, block_slots, blocks);
    if (rows.first > rows.last || rows.last > all_rows(sphere).last) {
        throw std::invalid_argument("automaton: the range of rows is not inside the grid");
    }
    changed.reset(blocks);
    Walk(sphere, rule, tick_word(seed, layer, tick), tick, types, amounts, types_out, amounts_out, changed,
         std::min(level, best_simd_level()))
        .run(rows);
}

void advance_layer(const HexSphere& sphere, const ResourceRule& rule, std::uint64_t seed, std::uint64_t tick,
                   std::uint32_t layer, const PlaneIn& types, const PlaneIn& amounts,
                   const PlaneOut& types_out, const PlaneOut& amounts_out, ChangedBlocks& changed) {
    advance_layer(sphere, rule, seed, tick, layer, types, amounts, types_out, amounts_out, changed,
                  all_rows(sphere));
}

} // namespace gamelan::automaton
