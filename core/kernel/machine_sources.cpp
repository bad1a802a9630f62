// Steps that read other rows than the block's.
#include "core/kernel/cell_ids.hpp"
#include "core/kernel/machine.hpp"
#include "core/kernel/scalar.hpp"

#include <algorithm>
#include <cstring>

namespace gamelan::kernel {

void Machine::look_elsewhere(const store::Snapshot& view, const TickInputs& inputs) {
    locators_.clear();
    for (const Lookup& lookup : plan_.lookups)
        locators_.emplace_back(view, lookup, inputs.planet);
    planes_.clear();
    for (const PlaneElsewhere& plane : plan_.planes) {
        planes_.push_back({PlaneTable(view, plane.plane), std::nullopt});
        if (plane.nulls != store::none)
            planes_.back().nulls.emplace(view, ColumnId{plane.nulls});
    }
    find_grids(view);
    if (!plan_.has_neighbours)
        return;
    if (inputs.planet->block_slots() != lanes_)
        throw Error(sqlstate::internal, "the cells of the world lie in other blocks than the planet's");
    if (!neighbourhood_ || !neighbourhood_->is_of(*inputs.planet))
        neighbourhood_.emplace(*inputs.planet);
}

void Machine::load_cells(SourceState& state, Register source) {
    auto* const ids = reinterpret_cast<std::int64_t*>(state.scratch);
    const std::uint32_t first = block_ * lanes_;
    if (planet_) {
        write_cell_ids(*planet_, first, std::min(lanes_, planet_->cells_from(first)), ids);
    } else {
        for (std::uint32_t lane = 0; lane < lanes_; ++lane)
            ids[lane] = first + lane;
    }
    registers_[source] = {state.scratch, nullptr};
}

void Machine::play_elsewhere(const Step& step, std::byte* out, Byte* nulls) {
    auto* const bytes = reinterpret_cast<Byte*>(out);
    switch (step.kind) {
    case StepKind::find:
        return play_find(step, out, nulls);
    case StepKind::gather:
        return play_gather(step, out, nulls);
    case StepKind::gather_bit:
        return play_gather_bit(step, bytes);
    case StepKind::found_key:
        std::memcpy(out, registers_[step.in[1]].values, sizeof(std::int64_t) * lanes_);
        registers_[step.out].nulls = keep(registers_[step.in[0]].nulls, nulls);
        return;
    case StepKind::has_own_row:
        return play_own_row(step);
    case StepKind::observed:
        return play_observed(bytes);
    case StepKind::neighbour_rows:
        return play_neighbour_rows(step, bytes);
    case StepKind::neighbour:
        return play_neighbour(step, out, nulls);
    case StepKind::neighbour_bit:
        if (!neighbourhood_->bits(planes_[step.number].values, step.direction, block_, lanes_, bytes))
            std::memset(bytes, 0, lanes_);
        return;
    case StepKind::neighbour_id:
        return play_neighbour_id(step, out);
    case StepKind::pair_slots:
        registers_[step.out].values = reinterpret_cast<const std::byte*>(joins_[step.number].slots.data());
        return;
    case StepKind::pair_handle:
        return play_pair_handle(step, out);
    case StepKind::pair_distance:
        registers_[step.out].values =
            reinterpret_cast<const std::byte*>(joins_[step.number].distances.data());
        return;
    case StepKind::spread:
        return play_spread(step, out, nulls);
    case StepKind::folded:
        return play_folded(step, out, nulls);
    default:
        return;
    }
}

void Machine::play_find(const Step& step, std::byte* out, Byte* nulls) {
    const Operand keys = registers_[step.in[0]];
    locators_[step.number].find(reinterpret_cast<const std::int64_t*>(keys.values), keys.nulls, selection_,
                                lanes_, reinterpret_cast<std::uint32_t*>(out), nulls);
    registers_[step.out].nulls = count_bytes(nulls, lanes_) == 0 ? nullptr : nulls;
}

// False when no row is left.
bool Machine::play_narrow_found(const Step& step) {
    const Byte* const missing = registers_[step.in[0]].nulls;
    if (!missing)
        return true;
    const std::uint32_t lanes = lanes_;
    const Byte* const rows = selection_ ? selection_ : ones_;
    Byte* const room = selection_room_;
    GAMELAN_INDEPENDENT_LANES
    for (std::uint32_t i = 0; i < lanes; ++i)
        room[i] = static_cast<Byte>(rows[i] & (missing[i] ^ 1));
    return narrow_to(room);
}

// Slot 0, which is at hand, for rows that nobody looks at.
const std::uint32_t* Machine::wanted_slots(Register found) {
    const auto* const slots = reinterpret_cast<const std::uint32_t*>(registers_[found].values);
    if (!selection_)
        return slots;
    const std::uint32_t lanes = lanes_;
    const Byte* const rows = selection_;
    auto* const room = reinterpret_cast<std::uint32_t*>(part_);
    GAMELAN_INDEPENDENT_LANES
    for (std::uint32_t i = 0; i < lanes; ++i)
        room[i] = slots[i] & (0U - rows[i]);
    return room;
}

void Machine::play_gather(const Step& step, std::byte* out, Byte* nulls) {
    const Elsewhere& plane = planes_[step.number];
    const Byte* const missing = registers_[step.in[0]].nulls;
    const std::uint32_t* const slots = wanted_slots(step.in[0]);
    plane.values.gather(slots, lanes_, step.width_bytes, out);
    if (!plane.nulls || plane.nulls->is_empty()) {
        registers_[step.out].nulls = keep(missing, nulls);
        return;
    }
    plane.nulls->gather_bits(slots, lanes_, nulls);
    registers_[step.out].nulls = nulls;
    if (!missing)
        return;
    const std::uint32_t lanes = lanes_;
    GAMELAN_INDEPENDENT_LANES
    for (std::uint32_t i = 0; i < lanes; ++i)
        nulls[i] |= missing[i];
}

void Machine::play_gather_bit(const Step& step, Byte* out) {
    const Byte* const missing = registers_[step.in[0]].nulls;
    if (step.number == store::none)
        std::memset(out, 1, lanes_);
    else
        planes_[step.number].values.gather_bits(wanted_slots(step.in[0]), lanes_, out);
    for (std::uint32_t i = 0; missing && i < lanes_; ++i)
        out[i] &= missing[i] ^ 1;
}

void Machine::play_own_row(const Step& step) {
    RowSet& set = row_sets_[step.number];
    if (set.rows == RowSet::Rows::unknown)
        find_rows(set);
    registers_[step.out].values = set.rows == RowSet::Rows::none ? zeros_
                                  : set.rows == RowSet::Rows::all
                                      ? reinterpret_cast<const std::byte*>(ones_)
                                      : reinterpret_cast<const std::byte*>(set.bytes);
}

void Machine::play_observed(Byte* out) {
    Words words{};
    const std::size_t first = std::size_t{block_} * lanes_ / 64;
    for (std::size_t word = 0; word < lanes_ / 64 && first + word < observed_.size(); ++word)
        words[word] = observed_[first + word];
    bits_to_bytes(words.data(), out, lanes_);
}

void Machine::play_neighbour_rows(const Step& step, Byte* out) {
    const Byte* const rows = mask_of(step.in[0]);
    const std::vector<PlaneTable>& presence = locators_[step.number].presence();
    const bool has_gaps = neighbourhood_->exists(step.direction, block_, lanes_, out);
    if (!has_gaps && presence.empty() && (!rows || step.in[0] == selected_rows)) {
        registers_[step.out].values = reinterpret_cast<const std::byte*>(rows ? rows : ones_);
        return;
    }
    const std::uint32_t lanes = lanes_;
    if (!has_gaps)
        std::memset(out, 1, lanes);
    if (rows) {
        GAMELAN_INDEPENDENT_LANES
        for (std::uint32_t i = 0; i < lanes; ++i)
            out[i] &= rows[i];
    }
    for (const PlaneTable& plane : presence) {
        if (!neighbourhood_->bits(plane, step.direction, block_, lanes_, part_nulls_))
            std::memset(part_nulls_, 0, lanes);
        GAMELAN_INDEPENDENT_LANES
        for (std::uint32_t i = 0; i < lanes; ++i)
            out[i] &= part_nulls_[i];
    }
}

void Machine::play_neighbour(const Step& step, std::byte* out, Byte* nulls) {
    const Elsewhere& plane = planes_[step.number];
    neighbourhood_->values(plane.values, step.direction, block_, lanes_, step.width_bytes, out);
    if (plane.nulls && neighbourhood_->bits(*plane.nulls, step.direction, block_, lanes_, nulls))
        registers_[step.out].nulls = nulls;
}

void Machine::play_neighbour_id(const Step& step, std::byte* out) {
    auto* const slots = reinterpret_cast<std::uint32_t*>(part_);
    neighbourhood_->slots(step.direction, block_, lanes_, slots);
    auto* const ids = reinterpret_cast<std::int64_t*>(out);
    for (std::uint32_t i = 0; i < lanes_; ++i)
        ids[i] = planet_->is_cell(slots[i]) ? planet_->cell_id_of(slots[i]) : 0;
}

} // namespace gamelan::kernel
