// Worlds and programs at random, from a seed: two components of entities and one of cells, with columns of
// every type that kernels know, rows and NULLs here and there, values among which the extremes are, and keys
// of rows that are there or not.
#pragma once

#include "kernel_reference.hpp"
#include "store_memory.hpp"

#include "core/grid/planet.hpp"
#include "core/kernel/executor.hpp"

#include <random>

namespace gamelan::kernel {

// Numbers stand behind boolean; the last three have no text in events.
inline constexpr ColumnType kernel_types[] = {
    ColumnType::boolean, ColumnType::i16,     ColumnType::i32,  ColumnType::i64, ColumnType::f32,
    ColumnType::f64,     ColumnType::bytes16, ColumnType::code, ColumnType::i8,  ColumnType::span};
inline constexpr std::size_t types_without_text = 3;
constexpr bool has_arithmetic(ColumnType type) {
    return is_number(type) || type == ColumnType::span;
}

class KernelWorld {
  public:
    // `wildness`: one value in so many is extreme; 0 for none. `frequency`: of the planet.
    KernelWorld(std::uint64_t seed, std::uint32_t slots, std::uint32_t block_slots, std::uint32_t wildness,
                std::uint32_t frequency = 2);

    store::WorldStore& store() { return *store_; }
    const store::Snapshot& layout() const { return store_->working(); }
    const grid::Planet& planet() const { return planet_; }
    const std::vector<reference::Row>& rows() const { return rows_; }
    // The same for the interpreter.
    reference::World model() const;
    // The rows as the store now has them; a touched component is one whose version is the working tick.
    std::vector<reference::Row> read() const { return read(false); }
    std::vector<reference::Row> read_cells() const { return read(true); }
    // Two of entities, then one of cells.
    ComponentId component(std::size_t i) const { return components_[i]; }
    ColumnId column(std::size_t component, ColumnType type) const;
    // A bigint that may name an entity or a cell.
    ColumnId key(std::size_t component) const;
    Value random_key(std::mt19937_64& random) const;

  private:
    std::vector<reference::Row> read(bool cells) const;
    void fill_entity(std::uint32_t slot, std::mt19937_64& random, std::uint32_t wildness);
    void fill_row(reference::Row& row, ComponentId component, std::uint32_t slot, std::mt19937_64& random,
                  std::uint32_t wildness);
    std::vector<ColumnId> columns_of(ComponentId component) const;

    store::TestRegion region_;
    std::optional<store::WorldStore> store_;
    std::vector<ComponentId> components_;
    grid::Planet planet_;
    std::vector<reference::Row> rows_;
    std::vector<reference::Row> cells_;
    std::vector<bool> is_alive_;
};

Value random_value(ColumnType type, std::mt19937_64& random, std::uint32_t wildness);

// Systems over the components of a KernelWorld.
std::vector<System> random_systems(std::uint64_t seed, const KernelWorld& world, std::uint32_t wildness);

// What differs between two sets of rows, or nothing.
std::string difference(const std::vector<reference::Row>& expected, const std::vector<reference::Row>& found);

} // namespace gamelan::kernel
