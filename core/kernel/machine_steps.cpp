// What each kind of step does with the lanes of a block. Logic on bytes is written as plain loops, which any
// vectorising compiler turns into a few instructions for 16 lanes.
#include "core/kernel/machine.hpp"
#include "core/kernel/scalar.hpp"

#include <cstring>

namespace gamelan::kernel {

namespace {

const Byte* bytes_of(const std::byte* values) {
    return reinterpret_cast<const Byte*>(values);
}

Byte none_null(const Byte* nulls, std::uint32_t lane) {
    return nulls ? nulls[lane] : Byte{0};
}

} // namespace

const Byte* Machine::mask_of(Register mask) const {
    return mask == selected_rows ? selection_ : bytes_of(registers_[mask].values);
}

// A buffer's NULLs are gone when the buffer has a new owner; a column's and a constant's remain.
const Byte* Machine::keep(const Byte* nulls, Byte* room) const {
    const auto* place = reinterpret_cast<const std::byte*>(nulls);
    if (!nulls || nulls == room || place < first_buffer_ || place >= last_buffer_)
        return nulls;
    std::memcpy(room, nulls, lanes_);
    return room;
}

const Byte* Machine::either(const Byte* a, const Byte* b, Byte* room) const {
    const std::uint32_t lanes = lanes_;
    if (!a || !b || a == b)
        return keep(a ? a : b, room);
    GAMELAN_INDEPENDENT_LANES
    for (std::uint32_t i = 0; i < lanes; ++i)
        room[i] = a[i] | b[i];
    return room;
}

void Machine::loop(const Operation& operation, std::byte* out, std::initializer_list<const std::byte*> inputs,
                   const Byte* mask, const Byte* nulls) {
    Lanes lanes{out, {}, lanes_ / group_lanes, mask};
    std::size_t count = 0;
    for (const std::byte* input : inputs)
        lanes.inputs[count++] = input;
    if (!operation.loops[level_](lanes) || !operation.inspect)
        return;
    const RowFault found = operation.inspect(lanes, problem_.lane, nulls);
    if (found.fault != Fault::none)
        problem_ = {Problem::Kind::fault, found.lane, found.fault, 0};
}

void Machine::play(const Step& step) {
    if (step.kind == StepKind::pass_fault)
        return play_pass_fault(step);
    if (step.kind == StepKind::require)
        return fail_unless(registers_[step.in[0]], step.buffer);
    // Those have no result, and no buffer.
    if (step.kind == StepKind::place)
        return play_place(step);
    if (step.kind == StepKind::fold)
        return play_fold(step);
    if (step.kind == StepKind::tell)
        return play_tell(step);
    std::byte* out = buffers_[step.buffer];
    Byte* const nulls = buffer_nulls_[step.buffer];
    if (step.result != no_register && !selection_)
        out = written_[step.result].place;
    registers_[step.out] = {out, nullptr};
    switch (step.kind) {
    case StepKind::lanes:
        return play_lanes(step, out, nulls);
    case StepKind::multiply_add:
        return play_multiply_add(step, out, nulls);
    case StepKind::compare_select:
        return play_compare_select(step, out, nulls);
    case StepKind::conjunction:
    case StepKind::disjunction:
    case StepKind::negation:
        return play_logic(step, reinterpret_cast<Byte*>(out), nulls);
    case StepKind::null_test:
    case StepKind::not_null_test:
        return play_test(step, reinterpret_cast<Byte*>(out));
    case StepKind::distinct:
    case StepKind::not_distinct:
        return play_distinct(step, reinterpret_cast<Byte*>(out));
    case StepKind::select:
        return play_select(step, out, nulls);
    case StepKind::coalesce:
        return play_coalesce(step, out, nulls);
    case StepKind::nullif:
        return play_nullif(step, out, nulls);
    case StepKind::extreme:
        return play_extreme(step, out, nulls);
    case StepKind::rows_if_true:
    case StepKind::rows_unless_true:
    case StepKind::rows_unless_false:
    case StepKind::rows_if_null:
        return play_mask(step, reinterpret_cast<Byte*>(out));
    case StepKind::stencil:
        return play_stencil(step, out, nulls);
    case StepKind::accumulate:
        return play_accumulate(step, out, nulls);
    case StepKind::narrow:
    case StepKind::narrow_found:
    case StepKind::pass_fault:
    case StepKind::require:
        return;
    default:
        return play_elsewhere(step, out, nulls);
    }
}

void Machine::play_lanes(const Step& step, std::byte* out, Byte* nulls) {
    const Operand a = registers_[step.in[0]];
    const Operand b = step.in[1] == no_register ? Operand{nullptr, nullptr} : registers_[step.in[1]];
    const Byte* const null = either(a.nulls, b.nulls, nulls);
    registers_[step.out].nulls = null;
    loop(*step.operation, out, {a.values, b.values}, mask_of(step.mask), null);
}

void Machine::play_multiply_add(const Step& step, std::byte* out, Byte* nulls) {
    const Operand a = registers_[step.in[0]];
    const Operand b = registers_[step.in[1]];
    const Operand c = registers_[step.in[2]];
    const Byte* const mask = mask_of(step.mask);
    if (!a.nulls) {
        const Byte* const null = either(b.nulls, c.nulls, nulls);
        registers_[step.out].nulls = null;
        return loop(*step.operation, out, {a.values, b.values, c.values}, mask, null);
    }
    const Byte* product_null = either(b.nulls, c.nulls, part_nulls_);
    loop(*step.parts[0], part_, {b.values, c.values}, mask, product_null);
    const Byte* const null = either(a.nulls, product_null, nulls);
    registers_[step.out].nulls = null;
    loop(*step.parts[1], out, {a.values, part_}, mask, null);
}

void Machine::play_compare_select(const Step& step, std::byte* out, Byte* nulls) {
    const std::uint32_t lanes = lanes_;
    const Operand a = registers_[step.in[0]];
    const Operand b = registers_[step.in[1]];
    const Operand yes = registers_[step.in[2]];
    const Operand no = registers_[step.in[3]];
    if (!a.nulls && !b.nulls && !yes.nulls && !no.nulls)
        return loop(*step.operation, out, {a.values, b.values, yes.values, no.values}, nullptr, nullptr);
    loop(*step.parts[0], part_, {a.values, b.values}, nullptr, nullptr);
    Byte* const condition = reinterpret_cast<Byte*>(part_);
    GAMELAN_INDEPENDENT_LANES
    for (std::uint32_t i = 0; i < lanes; ++i)
        condition[i] &= static_cast<Byte>((none_null(a.nulls, i) | none_null(b.nulls, i)) ^ 1);
    loop(*step.parts[1], out, {part_, yes.values, no.values}, nullptr, nullptr);
    if (!yes.nulls && !no.nulls)
        return;
    GAMELAN_INDEPENDENT_LANES
    for (std::uint32_t i = 0; i < lanes; ++i)
        nulls[i] = condition[i] != 0 ? none_null(yes.nulls, i) : none_null(no.nulls, i);
    registers_[step.out].nulls = nulls;
}

void Machine::play_logic(const Step& step, Byte* out, Byte* nulls) {
    const std::uint32_t lanes = lanes_;
    const Operand a = registers_[step.in[0]];
    const Byte* const left = bytes_of(a.values);
    if (step.kind == StepKind::negation) {
        GAMELAN_INDEPENDENT_LANES
        for (std::uint32_t i = 0; i < lanes; ++i)
            out[i] = left[i] ^ 1;
        registers_[step.out].nulls = keep(a.nulls, nulls);
        return;
    }
    const Operand b = registers_[step.in[1]];
    const Byte* const right = bytes_of(b.values);
    // AND as OR of the opposites.
    const Byte flip = step.kind == StepKind::conjunction ? 1 : 0;
    if (!a.nulls && !b.nulls) {
        GAMELAN_INDEPENDENT_LANES
        for (std::uint32_t i = 0; i < lanes; ++i)
            out[i] = static_cast<Byte>(((left[i] ^ flip) | (right[i] ^ flip)) ^ flip);
        return;
    }
    const Byte* const no_nulls = bytes_of(zeros_);
    const Byte* const left_null = a.nulls ? a.nulls : no_nulls;
    const Byte* const right_null = b.nulls ? b.nulls : no_nulls;
    GAMELAN_INDEPENDENT_LANES
    for (std::uint32_t i = 0; i < lanes; ++i) {
        const auto decided = static_cast<Byte>(((left[i] ^ flip) & (left_null[i] ^ 1)) |
                                               ((right[i] ^ flip) & (right_null[i] ^ 1)));
        out[i] = decided ^ flip;
        nulls[i] = static_cast<Byte>((left_null[i] | right_null[i]) & (decided ^ 1));
    }
    registers_[step.out].nulls = nulls;
}

void Machine::play_test(const Step& step, Byte* out) {
    const std::uint32_t lanes = lanes_;
    const Byte* const null = registers_[step.in[0]].nulls;
    const Byte flip = step.kind == StepKind::null_test ? 0 : 1;
    GAMELAN_INDEPENDENT_LANES
    for (std::uint32_t i = 0; i < lanes; ++i)
        out[i] = none_null(null, i) ^ flip;
}

void Machine::play_distinct(const Step& step, Byte* out) {
    const std::uint32_t lanes = lanes_;
    const Operand a = registers_[step.in[0]];
    const Operand b = registers_[step.in[1]];
    loop(*step.operation, reinterpret_cast<std::byte*>(out), {a.values, b.values}, nullptr, nullptr);
    if (!a.nulls && !b.nulls)
        return;
    const Byte both_null = step.kind == StepKind::distinct ? 0 : 1;
    GAMELAN_INDEPENDENT_LANES
    for (std::uint32_t i = 0; i < lanes; ++i) {
        const Byte left = none_null(a.nulls, i);
        const Byte right = none_null(b.nulls, i);
        out[i] = (left | right) == 0 ? out[i] : (left & right) != 0 ? both_null : both_null ^ 1;
    }
}

void Machine::play_select(const Step& step, std::byte* out, Byte* nulls) {
    const std::uint32_t lanes = lanes_;
    const Operand condition = registers_[step.in[0]];
    const Operand yes = registers_[step.in[1]];
    const Operand no = registers_[step.in[2]];
    const std::byte* chosen = condition.values;
    if (condition.nulls) {
        Byte* const is_true = reinterpret_cast<Byte*>(part_);
        GAMELAN_INDEPENDENT_LANES
        for (std::uint32_t i = 0; i < lanes; ++i)
            is_true[i] = static_cast<Byte>(bytes_of(condition.values)[i] & (condition.nulls[i] ^ 1));
        chosen = part_;
    }
    loop(*step.operation, out, {chosen, yes.values, no.values}, nullptr, nullptr);
    if (!yes.nulls && !no.nulls)
        return;
    GAMELAN_INDEPENDENT_LANES
    for (std::uint32_t i = 0; i < lanes; ++i)
        nulls[i] = bytes_of(chosen)[i] != 0 ? none_null(yes.nulls, i) : none_null(no.nulls, i);
    registers_[step.out].nulls = nulls;
}

void Machine::play_coalesce(const Step& step, std::byte* out, Byte* nulls) {
    const std::uint32_t lanes = lanes_;
    const Operand a = registers_[step.in[0]];
    const Operand b = registers_[step.in[1]];
    if (!a.nulls) {
        std::memcpy(out, a.values, std::size_t{step.width_bytes} * lanes_);
        return;
    }
    loop(*step.operation, out, {reinterpret_cast<const std::byte*>(a.nulls), b.values, a.values}, nullptr,
         nullptr);
    if (!b.nulls)
        return;
    GAMELAN_INDEPENDENT_LANES
    for (std::uint32_t i = 0; i < lanes; ++i)
        nulls[i] = a.nulls[i] & b.nulls[i];
    registers_[step.out].nulls = nulls;
}

// NULL where both are equal, and where the first is NULL.
void Machine::play_nullif(const Step& step, std::byte* out, Byte* nulls) {
    const std::uint32_t lanes = lanes_;
    const Operand a = registers_[step.in[0]];
    const Operand b = registers_[step.in[1]];
    loop(*step.operation, part_, {a.values, b.values}, nullptr, nullptr);
    std::memcpy(out, a.values, std::size_t{step.width_bytes} * lanes_);
    GAMELAN_INDEPENDENT_LANES
    for (std::uint32_t i = 0; i < lanes; ++i)
        nulls[i] =
            static_cast<Byte>((bytes_of(part_)[i] & (none_null(b.nulls, i) ^ 1)) | none_null(a.nulls, i));
    registers_[step.out].nulls = nulls;
}

// A NULL does not take part.
void Machine::play_extreme(const Step& step, std::byte* out, Byte* nulls) {
    const std::uint32_t lanes = lanes_;
    const Operand a = registers_[step.in[0]];
    const Operand b = registers_[step.in[1]];
    if (!a.nulls && !b.nulls)
        return loop(*step.operation, out, {a.values, b.values}, nullptr, nullptr);
    loop(*step.operation, part_, {a.values, b.values}, nullptr, nullptr);
    const std::byte* result = part_;
    if (a.nulls) {
        loop(*step.parts[0], out, {reinterpret_cast<const std::byte*>(a.nulls), b.values, result}, nullptr,
             nullptr);
        result = out;
    }
    if (b.nulls) {
        std::byte* const from = part_;
        if (result == out)
            std::memcpy(from, out, std::size_t{step.width_bytes} * lanes_);
        loop(*step.parts[0], out, {reinterpret_cast<const std::byte*>(b.nulls), a.values, from}, nullptr,
             nullptr);
    }
    if (!a.nulls || !b.nulls)
        return;
    GAMELAN_INDEPENDENT_LANES
    for (std::uint32_t i = 0; i < lanes; ++i)
        nulls[i] = a.nulls[i] & b.nulls[i];
    registers_[step.out].nulls = nulls;
}

void Machine::play_mask(const Step& step, Byte* out) {
    const std::uint32_t lanes = lanes_;
    const Byte* rows = mask_of(step.in[0]);
    if (!rows)
        rows = ones_;
    const Operand condition = registers_[step.in[1]];
    const Byte* const value = bytes_of(condition.values);
    const Byte* const null = condition.nulls ? condition.nulls : bytes_of(zeros_);
    const auto fill = [&](auto which) {
        GAMELAN_INDEPENDENT_LANES
        for (std::uint32_t i = 0; i < lanes; ++i)
            out[i] = static_cast<Byte>(rows[i] & which(value[i], null[i]));
    };
    if (step.kind == StepKind::rows_if_null)
        fill([](int, int n) { return n; });
    else if (step.kind == StepKind::rows_unless_false)
        fill([](int v, int n) { return v | n; });
    else if (step.kind == StepKind::rows_if_true)
        fill([](int v, int n) { return v & (n ^ 1); });
    else
        fill([](int v, int n) { return (v & (n ^ 1)) ^ 1; });
}

// False when no row is left.
bool Machine::play_narrow(const Step& step) {
    const std::uint32_t lanes = lanes_;
    const Operand condition = registers_[step.in[0]];
    const Byte* const value = bytes_of(condition.values);
    const Byte* const rows = selection_ ? selection_ : ones_;
    Byte* const room = selection_room_;
    const Byte* const null = condition.nulls ? condition.nulls : bytes_of(zeros_);
    GAMELAN_INDEPENDENT_LANES
    for (std::uint32_t i = 0; i < lanes; ++i)
        room[i] = static_cast<Byte>(rows[i] & value[i] & (null[i] ^ 1));
    return narrow_to(room);
}

// False when no row is left.
bool Machine::narrow_to(const Byte* rows) {
    selected_ = count_bytes(rows, lanes_);
    selection_ = selected_ == lanes_ ? nullptr : rows;
    return selected_ != 0;
}

} // namespace gamelan::kernel
