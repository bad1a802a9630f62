// The inner loops: one operation over the lanes of a block, one variant for each instruction set, and the
// search for the row that failed when a loop says that one may have.
#pragma once

#include "core/kernel/program.hpp"

#include <cstddef>

namespace gamelan::kernel {

// Loops run over whole groups; every array has room for them. Lanes that hold no row, a NULL, or nothing
// sensible are computed too, and mean nothing.
inline constexpr std::uint32_t group_lanes = 64;

struct Lanes {
    void* out;             // overlaps none of the inputs
    const void* inputs[4]; // of a fixed input: its first lane is the value
    std::uint32_t groups;
    // Lanes that count, bytes of 0 and 1, or nullptr for all: only loops that call a library function look.
    const std::uint8_t* mask;
};

// True when a lane may have failed or may be NaN.
using Loop = bool (*)(const Lanes&);

struct RowFault {
    std::uint32_t lane;
    Fault fault;
};

// Looks at the first `count` lanes: makes every NaN among the results the canonical one, and finds the first
// lane that failed of those that count (mask) and have no NULL input (nulls: bytes, or nullptr).
using Inspect = RowFault (*)(const Lanes&, std::uint32_t count, const std::uint8_t* nulls);

struct Operation {
    Loop loops[3]; // by automaton::SimdLevel
    Inspect inspect;
};

// Whether the last of the compared or combined operands is one value for all lanes.
enum class Operand : std::uint8_t { lanes, fixed };

// nullptr when there is no such loop. Unary and binary operations of Op, casts, and greatest and least of two
// values that are not NULL. `type`: of the first argument; `to`: of a cast's result.
const Operation* find_operation(Op op, ColumnType type, ColumnType to, Operand second);
// inputs[0] + inputs[1] × inputs[2], or − ; floats.
const Operation* find_multiply_add(ColumnType type, bool is_subtracted, Operand multiplier);
// inputs[0] op inputs[1] ? inputs[2] : inputs[3], where all four have the width of `type`, neither compared
// value being NULL.
const Operation* find_compare_select(Op op, ColumnType type, Operand second);
// inputs[0] (bytes) ? inputs[1] : inputs[2], values of so many bytes.
const Operation* find_select(std::uint32_t width_bytes);

// The parts of find_operation(), by source file.
const Operation* find_arithmetic(Op op, ColumnType type, Operand second);
const Operation* find_integer(Op op, ColumnType type, Operand second);
const Operation* find_comparison(Op op, ColumnType type, Operand second);
const Operation* find_function(Op op, Operand second);
const Operation* find_cast(ColumnType from, ColumnType to);
const Operation* find_span(Op op, Operand second);
const Operation* find_decimal(Op op, Operand second);
const Operation* find_cast_to_decimal(ColumnType from);
const Operation* find_cast_of_decimal(ColumnType to);

} // namespace gamelan::kernel
