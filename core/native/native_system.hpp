// Runs a system of a shared library over a world: hands it block after block, and takes what it wrote.
// Constraints of columns are not looked at: they are the library's to keep.
#pragma once

#include "core/game/module.hpp"
#include "core/store/world_store.hpp"
#include "include/gamelan/system.hpp"

#include <array>
#include <optional>
#include <span>
#include <vector>

namespace gamelan::native {

struct Inputs {
    std::uint64_t tick;
    std::int64_t now_us;
    double dt;
    std::uint64_t seed;
    // A bit for each slot: only these rows are played. Empty = all.
    std::span<const std::uint64_t> observed;
    std::size_t max_events;  // of the tick
    std::size_t told_events; // in the tick before
};

struct Report {
    std::uint64_t rows = 0;   // written
    std::uint64_t blocks = 0; // of columns
    std::vector<game::Event> events;
};

class NativeSystem {
  public:
    // Throws Error when the world has not the columns that the system names, or of other types: 42703, 42804,
    // or when they are not of components of entities: 0A000.
    NativeSystem(const gamelan_system& system, const store::Snapshot& layout);

    // In a tick, outside savepoints; the layout must be the one that was bound. Throws Error when the system
    // fails; then nothing of it remains.
    Report run(store::WorldStore& store, const Inputs& inputs);

  private:
    using Words = std::array<std::uint64_t, store::max_block_slots / 64>;
    struct Column {
        store::ColumnId values;
        std::uint32_t nulls;   // plane, or store::none
        std::size_t component; // in components_
        std::uint32_t width_bytes;
        bool is_written;
        alignas(64) std::array<std::byte, store::max_block_slots * 8> room;
        Words null_bits;
        Words touched;
    };
    struct Run;

    void bind(const gamelan_column& declared, const store::Snapshot& layout);
    bool begin_block(const store::Snapshot& view, std::uint32_t index,
                     std::span<const std::uint64_t> observed);
    void end_block(store::WorldStore& store, std::uint32_t index, Report& report);
    bool merge(store::WorldStore& store, Column& column, std::uint32_t index, Report& report);

    const gamelan_system& system_;
    std::vector<store::ComponentId> components_;
    std::vector<Column> columns_;
    std::uint32_t block_slots_ = 0;
    Words present_{};
    std::array<std::uint64_t, store::max_block_slots> entities_{};
    std::vector<void*> values_;
    std::vector<std::uint64_t*> nulls_;
    std::vector<std::uint64_t*> touched_;
};

} // namespace gamelan::native
