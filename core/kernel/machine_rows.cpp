// Statements that make rows, end them, or tell of them.
#include "core/kernel/event_text.hpp"
#include "core/kernel/machine.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace gamelan::kernel {

namespace {

// The lanes of `words`, from the lowest.
template <class F>
void for_each_lane(const Words& words, std::uint32_t lanes, F visit) {
    for (std::uint32_t word = 0; word < lanes / 64; ++word)
        for (std::uint64_t left = words[word]; left != 0; left &= left - 1)
            visit(64 * word + static_cast<std::uint32_t>(std::countr_zero(left)));
}

} // namespace

// The target's rows, to be changed.
Machine::TargetState& Machine::change_rows(std::uint32_t target) {
    TargetState& state = targets_[target];
    if (state.are_rows_changed)
        return state;
    state.are_rows_changed = true;
    state.inserted = {};
    state.removed = {};
    RowSet rows;
    look_at_rows(store_->working(), {plan_.targets[target].component}, rows.presence);
    for (Presence& presence : rows.presence)
        presence.target = store::none;
    rows.bytes = part_nulls_;
    find_rows(rows);
    state.present = rows.rows == RowSet::Rows::none ? Words{} : rows.words;
    return state;
}

// Sets aside the selected rows that the target has already, or fails. False when no row is left.
bool Machine::resolve_conflicts(const StatementPlan& statement) {
    const TargetState& target = change_rows(statement.target);
    bits_to_bytes(target.present.data(), part_nulls_, lanes_);
    if (!statement.does_nothing_on_conflict) {
        const std::uint32_t lane = first_lane(part_nulls_, selection_, problem_.lane);
        if (lane < problem_.lane)
            problem_ = {Problem::Kind::conflict, lane, Fault::none, 0};
        return true;
    }
    const Byte* const rows = selection_ ? selection_ : ones_;
    for (std::uint32_t lane = 0; lane < lanes_; ++lane)
        selection_room_[lane] = static_cast<Byte>(rows[lane] & (part_nulls_[lane] ^ 1));
    return narrow_to(selection_room_);
}

// What statements know of rows of the target is out of date.
void Machine::forget_rows(std::uint32_t target) {
    for (RowSet& set : row_sets_)
        if (std::any_of(set.presence.begin(), set.presence.end(),
                        [&](const Presence& presence) { return presence.target == target; }))
            set.rows = RowSet::Rows::unknown;
}

std::uint32_t Machine::insert(const StatementPlan& statement) {
    for (const Result& result : statement.results)
        written_.push_back({next_place(result.source), nullptr});
    write(statement);
    for (const Register source : statement.blanks) {
        Written written{next_place(source), nullptr};
        write_values(source, {zeros_, ones_}, written);
        registers_[source] = {written.place, written.nulls};
    }
    const std::uint32_t rows = touch(statement);
    const Words words = words_of(statement);
    TargetState& target = targets_[statement.target];
    for (std::uint32_t word = 0; word < lanes_ / 64; ++word) {
        target.present[word] |= words[word];
        target.inserted[word] |= words[word];
    }
    forget_rows(statement.target);
    return rows;
}

std::uint32_t Machine::remove(const StatementPlan& statement) {
    const Words words = words_of(statement);
    TargetState& target = change_rows(statement.target);
    if (!target.is_touched)
        target.touched = {};
    target.is_touched = true;
    for (std::uint32_t word = 0; word < lanes_ / 64; ++word) {
        target.touched[word] &= ~words[word];
        target.present[word] &= ~words[word];
        target.inserted[word] &= ~words[word];
        target.removed[word] |= words[word];
    }
    forget_rows(statement.target);
    return selected_;
}

std::uint32_t Machine::emit(const StatementPlan& statement) {
    const Words words = words_of(statement);
    Emission& emission = emissions_[statement.emission];
    const Operand entity =
        statement.event_entity == no_register ? Operand{nullptr, ones_} : registers_[statement.event_entity];
    for_each_lane(words, lanes_, [&](std::uint32_t lane) {
        if (event_count_++ >= max_events_)
            return;
        Event& event = emission.events.emplace_back();
        event.slot = slot_of(lane);
        if (!entity.nulls || entity.nulls[lane] == 0) {
            std::uint64_t& handle = event.entity.emplace().handle;
            std::memcpy(&handle, entity.values + std::size_t{lane} * sizeof handle, sizeof handle);
        }
        for (const EventField& field : statement.fields) {
            event.payload += field.before;
            const Operand& value = registers_[field.value];
            if (value.nulls && value.nulls[lane] != 0)
                event.payload += "null";
            else
                append_json(event.payload, field.type,
                            value.values + std::size_t{lane} * width_of(field.type));
        }
        event.payload += statement.fields.empty() ? "{}" : "}";
    });
    emission.count += selected_;
    return selected_;
}

std::uint32_t Machine::append(const StatementPlan& statement) {
    Emission& emission = emissions_[statement.emission];
    for_each_lane(words_of(statement), lanes_, [&](std::uint32_t lane) {
        Event& row = emission.events.emplace_back();
        row.slot = slot_of(lane);
        for (const EventField& field : statement.fields) {
            const Operand& value = registers_[field.value];
            const std::size_t width = width_of(field.type);
            const bool is_null = value.nulls && value.nulls[lane] != 0;
            row.payload += static_cast<char>(is_null);
            if (is_null)
                row.payload.append(width, '\0');
            else
                row.payload.append(reinterpret_cast<const char*>(value.values) + lane * width, width);
        }
    });
    emission.count += selected_;
    return selected_;
}

// A slot without a row holds zeros only.
void Machine::clear_lost(std::byte* values, Register source) const {
    const std::uint32_t target = target_of_source_[source];
    if (target == store::none || !targets_[target].are_rows_changed)
        return;
    const TargetState& state = targets_[target];
    const std::size_t width = plan_.sources[source].width_bytes;
    Words lost{};
    for (std::uint32_t word = 0; word < lanes_ / 64; ++word)
        lost[word] = state.removed[word] & ~state.present[word];
    for_each_lane(lost, lanes_, [&](std::uint32_t lane) { std::memset(values + lane * width, 0, width); });
}

// The rows themselves, and the columns that the statements did not write.
void Machine::commit_rows(std::uint32_t target) {
    const Target& plan = plan_.targets[target];
    const TargetState& state = targets_[target];
    if (!state.is_touched)
        return;
    Words lost{};
    std::uint64_t any_removed = 0;
    for (std::uint32_t word = 0; word < lanes_ / 64; ++word) {
        lost[word] = state.removed[word] & ~state.present[word];
        any_removed |= state.removed[word];
    }
    const ColumnId presence{store_->working().component(plan.component).presence};
    write_bits(presence.value, store::ColumnReader(store_->working(), presence), state.present);
    for (std::size_t i = 0; i < plan.columns.size(); ++i) {
        const Target::Column& column = plan.columns[i];
        const SourceState* source = column.source == no_register ? nullptr : &sources_[column.source];
        if (any_removed != 0 && !(source && source->is_changed))
            store_->clear_slots(column.column, block_, state.removed.data());
        if (source && source->are_nulls_written)
            continue;
        const bool are_written = source && source->is_changed;
        const auto* old = reinterpret_cast<const std::uint64_t*>(state.nulls[i].block(block_));
        Words nulls{};
        for (std::uint32_t word = 0; word < lanes_ / 64; ++word)
            nulls[word] =
                ((old ? old[word] : 0) & ~state.removed[word]) | (are_written ? 0 : state.inserted[word]);
        write_bits(column.nulls, state.nulls[i], nulls);
    }
    store_->mark_rows(plan.component, block_, state.touched.data(), lost.data());
}

} // namespace gamelan::kernel
