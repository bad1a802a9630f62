// A system before it meets a world: components and columns by name instead of by number. This is what the
// compiler makes, and what the log and the checkpoints keep (core/codec/kernel_program.hpp), so that a replay
// needs no catalogs.
#pragma once

#include "core/kernel/program.hpp"
#include "core/store/snapshot.hpp"

namespace gamelan::kernel {

// What the component and column numbers of an unbound system mean: places in these lists.
struct Symbols {
    struct Component {
        std::string name;
        bool is_of_cells = false;
        bool operator==(const Component&) const = default;
    };
    struct Column {
        ComponentId component; // place in `components`
        std::string name;
        ColumnType type = ColumnType::i32;
        bool operator==(const Column&) const = default;
    };
    std::vector<Component> components;
    std::vector<Column> columns;

    // Place of the component or column, added if need be.
    ComponentId component(const std::string& name, bool is_of_cells);
    ColumnId column(ComponentId component, const std::string& name, ColumnType type);
    bool operator==(const Symbols&) const = default;
};

struct UnboundSystem {
    System system;
    Symbols symbols;
    bool operator==(const UnboundSystem&) const = default;
};

// Everything that can be known without a layout: numbers are in range, types fit, sources come before their
// use. Throws Error(feature_not_supported) beyond a limit, else Error(datatype_mismatch).
void check(const UnboundSystem& unbound);

// The same with the numbers of a layout; `unbound` has been checked. Throws Error(undefined_table,
// undefined_column, datatype_mismatch) when the layout lacks what the system names.
System bind(const UnboundSystem& unbound, const store::Snapshot& layout);

} // namespace gamelan::kernel
