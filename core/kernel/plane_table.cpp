#include "core/kernel/plane_table.hpp"

#include "core/kernel/scalar.hpp"
#include "core/store/column_reader.hpp"

#include <algorithm>

namespace gamelan::kernel {

namespace {

alignas(64) constexpr std::byte no_block[16 * store::max_block_slots]{};

template <class T>
void gather_as(const PlaneTable& plane, const std::uint32_t* slots, std::uint32_t lanes, std::byte* out) {
    T* const values = reinterpret_cast<T*>(out);
    const PlaneTable::View view = plane.view();
    for (std::uint32_t i = 0; i < lanes; ++i)
        values[i] = view.get<T>(slots[i]);
}

// Calls f(block, first slot in it, how many, place in the output) for the pieces of a run of slots, and
// f(none, …) for what lies before the first slot.
template <class F>
void for_pieces(std::int64_t first, std::uint32_t lanes, std::uint32_t block_slots, F f) {
    std::uint32_t done = 0;
    if (first < 0) {
        done = static_cast<std::uint32_t>(std::min<std::int64_t>(-first, lanes));
        f(store::none, 0U, done, 0U);
    }
    while (done < lanes) {
        const auto slot = static_cast<std::uint64_t>(first + done);
        const auto within = static_cast<std::uint32_t>(slot % block_slots);
        const std::uint32_t count = std::min(block_slots - within, lanes - done);
        f(static_cast<std::uint32_t>(slot / block_slots), within, count, done);
        done += count;
    }
}

} // namespace

const std::byte* PlaneTable::zeros() {
    return no_block;
}

PlaneTable::PlaneTable(const store::Snapshot& view, ColumnId plane)
    : shift_(static_cast<std::uint32_t>(std::countr_zero(view.block_slots(plane)))),
      mask_(view.block_slots(plane) - 1) {
    // Slot 0 can be read even where there are no slots.
    blocks_.resize(std::max(view.block_count(plane), 1U), zeros());
    const store::ColumnReader reader(view, plane);
    for (std::uint32_t i = 0; i < blocks_.size(); ++i)
        if (const std::byte* block = reader.block(i)) {
            blocks_[i] = block;
            is_empty_ = false;
        }
}

void PlaneTable::gather(const std::uint32_t* slots, std::uint32_t lanes, std::uint32_t width_bytes,
                        std::byte* out) const {
    switch (width_bytes) {
    case 1:
        return gather_as<std::uint8_t>(*this, slots, lanes, out);
    case 2:
        return gather_as<std::uint16_t>(*this, slots, lanes, out);
    case 4:
        return gather_as<std::uint32_t>(*this, slots, lanes, out);
    case 8:
        return gather_as<std::uint64_t>(*this, slots, lanes, out);
    default:
        return gather_as<Wide>(*this, slots, lanes, out);
    }
}

void PlaneTable::gather_bits(const std::uint32_t* slots, std::uint32_t lanes, Byte* out) const {
    for (std::uint32_t i = 0; i < lanes; ++i)
        out[i] = bit(slots[i]);
}

void PlaneTable::copy(std::int64_t first, std::uint32_t lanes, std::uint32_t width_bytes,
                      std::byte* out) const {
    for_pieces(first, lanes, block_slots(),
               [&](std::uint32_t index, std::uint32_t within, std::uint32_t count, std::uint32_t place) {
                   std::memcpy(out + std::size_t{place} * width_bytes,
                               block(index) + std::size_t{within} * width_bytes,
                               std::size_t{count} * width_bytes);
               });
}

bool PlaneTable::copy_bits(std::int64_t first, std::uint32_t lanes, Byte* out) const {
    if (is_empty_)
        return false;
    bool is_any = false;
    for_pieces(first, lanes, block_slots(),
               [&](std::uint32_t index, std::uint32_t, std::uint32_t, std::uint32_t) {
                   is_any = is_any || !is_empty(index);
               });
    if (!is_any)
        return false;
    Byte room[store::max_block_slots];
    for_pieces(first, lanes, block_slots(),
               [&](std::uint32_t index, std::uint32_t within, std::uint32_t count, std::uint32_t place) {
                   bits_to_bytes(reinterpret_cast<const std::uint64_t*>(block(index)), room, block_slots());
                   std::memcpy(out + place, room + within, count);
               });
    return true;
}

} // namespace gamelan::kernel
