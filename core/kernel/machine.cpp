#include "core/kernel/machine.hpp"

#include "core/base/hash.hpp"
#include "core/kernel/copy_past_caches.hpp"
#include "core/kernel/scalar.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

namespace gamelan::kernel {

namespace {

// So that buffers that are read together do not start at the same place of a page.
constexpr std::size_t stagger_bytes = 192;

std::size_t room_for(std::size_t bytes) {
    return (bytes + 63) / 64 * 64 + stagger_bytes;
}

template <class T>
void fill(std::byte* out, std::uint32_t lanes, const Value& value) {
    T one;
    value.copy_to(&one);
    std::fill_n(reinterpret_cast<T*>(out), lanes, one);
}

void fill_lanes(std::byte* out, std::uint32_t lanes, const Value& value) {
    switch (width_of(value.type)) {
    case 1:
        return fill<std::uint8_t>(out, lanes, value);
    case 2:
        return fill<std::uint16_t>(out, lanes, value);
    case 4:
        return fill<std::uint32_t>(out, lanes, value);
    case 8:
        return fill<std::uint64_t>(out, lanes, value);
    default:
        return fill<Wide>(out, lanes, value);
    }
}

std::size_t widest_of(const PassPlan& plan) {
    std::size_t widest = sizeof(std::uint64_t);
    for (const Source& source : plan.sources)
        widest = std::max<std::size_t>(widest, source.width_bytes);
    for (const Fixed& fixed : plan.fixed)
        widest = std::max<std::size_t>(widest, width_of(fixed.constant.type));
    for (const StatementPlan& statement : plan.statements)
        for (const auto* steps : {&statement.where, &statement.values, &statement.check_steps})
            for (const Step& step : *steps)
                widest = std::max<std::size_t>(widest, step.width_bytes);
    return widest;
}

template <class T>
void clear_as(std::byte* values, const Byte* nulls, std::uint32_t lanes) {
    T* out = reinterpret_cast<T*>(values);
    for (std::uint32_t i = 0; i < lanes; ++i)
        out[i] = nulls[i] != 0 ? T{} : out[i];
}

void clear_nulls(std::byte* values, const Byte* nulls, std::uint32_t lanes, std::uint32_t width_bytes) {
    switch (width_bytes) {
    case 1:
        return clear_as<std::uint8_t>(values, nulls, lanes);
    case 2:
        return clear_as<std::uint16_t>(values, nulls, lanes);
    case 4:
        return clear_as<std::uint32_t>(values, nulls, lanes);
    case 8:
        return clear_as<std::uint64_t>(values, nulls, lanes);
    default:
        return clear_as<Wide>(values, nulls, lanes);
    }
}

Value value_of(const Fixed& fixed, const TickInputs& inputs) {
    if (fixed.kind == Fixed::Kind::constant)
        return fixed.constant;
    if (fixed.kind == Fixed::Kind::random_word)
        return Value::of(ColumnType::i64, mix64(inputs.seed + 0x9e3779b97f4a7c15ULL *
                                                                  static_cast<std::uint64_t>(inputs.tick)));
    switch (fixed.parameter) {
    case Parameter::dt:
        return Value::of(ColumnType::f64, inputs.dt);
    case Parameter::dt_real:
        return Value::of(ColumnType::f32, static_cast<float>(inputs.dt));
    case Parameter::tick:
        return Value::of(ColumnType::i64, inputs.tick);
    case Parameter::now:
        return Value::of(ColumnType::i64, inputs.now_us);
    }
    return {};
}

} // namespace

Machine::Machine(const PassPlan& plan, std::uint32_t lanes)
    : plan_(plan), lanes_(lanes), widest_bytes_(widest_of(plan)), memory_(nullptr, std::free) {
    const std::size_t values_room = room_for(widest_bytes_ * lanes);
    const std::size_t bytes_room = room_for(lanes);
    const std::size_t bytes =
        (plan.buffer_count + plan.fixed.size() + 2 * plan.sources.size() + 2) * values_room +
        (plan.buffer_count + 2 * plan.sources.size() + plan.row_sets.size() + 3) * bytes_room;
    memory_.reset(static_cast<std::byte*>(std::aligned_alloc(64, (bytes + 63) / 64 * 64)));
    if (!memory_)
        throw std::bad_alloc();
    next_memory_ = memory_.get();
    registers_.resize(plan.register_count, {nullptr, nullptr});
    sources_.resize(plan.sources.size());
    row_sets_.resize(plan.row_sets.size());
    targets_.resize(plan.targets.size());
    const auto take_bytes = [&] { return reinterpret_cast<Byte*>(take(bytes_room)); };
    first_buffer_ = next_memory_;
    for (std::uint32_t i = 0; i < plan.buffer_count; ++i) {
        buffers_.push_back(take(values_room));
        buffer_nulls_.push_back(take_bytes());
    }
    last_buffer_ = next_memory_;
    zeros_ = take(values_room);
    std::memset(zeros_, 0, widest_bytes_ * lanes);
    part_ = take(values_room);
    part_nulls_ = take_bytes();
    selection_room_ = take_bytes();
    ones_ = take_bytes();
    std::memset(ones_, 1, lanes);
    for (std::size_t i = 0; i < plan.fixed.size(); ++i)
        registers_[plan.sources.size() + i].values = take(values_room);
    for (std::size_t i = 0; i < sources_.size(); ++i) {
        sources_[i].scratch = take(values_room);
        if (plan.sources[i].is_written)
            sources_[i].spare = take(values_room);
        for (Byte*& room : sources_[i].null_rooms)
            room = take_bytes();
    }
    for (RowSet& set : row_sets_)
        set.bytes = take_bytes();
    emissions_.resize(plan.emission_count);
    target_of_source_.resize(plan.sources.size(), store::none);
    for (std::uint32_t i = 0; i < plan.targets.size(); ++i)
        for (const Target::Column& column : plan.targets[i].columns)
            if (column.source != no_register)
                target_of_source_[column.source] = i;
}

std::byte* Machine::take(std::size_t bytes) {
    return std::exchange(next_memory_, next_memory_ + bytes);
}

void Machine::fill_fixed(const TickInputs& inputs, std::span<const AggregateResult> aggregates) {
    faults_.assign(plan_.fixed.size(), Fault::none);
    for (std::size_t i = 0; i < plan_.fixed.size(); ++i) {
        const Fixed& fixed = plan_.fixed[i];
        const bool is_aggregate = fixed.kind == Fixed::Kind::aggregate;
        Value value = is_aggregate ? aggregates[fixed.aggregate].value : value_of(fixed, inputs);
        if (is_aggregate)
            faults_[i] = aggregates[fixed.aggregate].fault;
        if (is_aggregate && value.type != fixed.constant.type) {
            const CastResult cast = cast_decimal(value, fixed.constant.type);
            value = cast.value;
            faults_[i] = faults_[i] == Fault::none ? cast.fault : faults_[i];
        }
        Operand& out = registers_[plan_.sources.size() + i];
        // The memory is ours.
        fill_lanes(const_cast<std::byte*>(out.values), lanes_, value);
        out.nulls = value.is_null ? ones_ : nullptr;
    }
}

void Machine::start(store::WorldStore& store, const TickInputs& inputs, std::uint64_t max_events,
                    std::span<const AggregateResult> aggregates, std::span<const Derived> derived) {
    store_ = &store;
    derived_ = derived;
    planet_ = inputs.planet;
    observed_ = inputs.observed;
    level_ = static_cast<std::size_t>(automaton::simd_level());
    blocks_written_ = 0;
    max_events_ = max_events;
    event_count_ = 0;
    told_ = 0;
    for (Emission& emission : emissions_)
        emission = {};
    fill_fixed(inputs, aggregates);
    is_streaming_ = exceeds_caches();
    const store::Snapshot& view = store.working();
    look_elsewhere(view, inputs);
    for (std::size_t i = 0; i < sources_.size(); ++i) {
        const Source& source = plan_.sources[i];
        sources_[i].values.reset();
        if (source.column.value != store::none)
            sources_[i].values.emplace(view, source.column);
        sources_[i].nulls.reset();
        if (source.nulls != store::none)
            sources_[i].nulls.emplace(view, ColumnId{source.nulls});
    }
    for (std::size_t i = 0; i < row_sets_.size(); ++i)
        look_at_rows(view, plan_.row_sets[i], row_sets_[i].presence);
    for (std::size_t i = 0; i < targets_.size(); ++i) {
        targets_[i].nulls.clear();
        for (const Target::Column& column : plan_.targets[i].columns)
            targets_[i].nulls.emplace_back(view, ColumnId{column.nulls});
    }
}

void Machine::look_at_rows(const store::Snapshot& view, const ComponentSet& set,
                           std::vector<Presence>& out) const {
    out.clear();
    for (const ComponentId component : set) {
        const std::uint32_t presence = view.component(component).presence;
        if (presence == store::none)
            continue;
        const auto target =
            std::find_if(plan_.targets.begin(), plan_.targets.end(), [&](const Target& other) {
                return other.component == component && other.has_rows_changed;
            });
        const bool is_changed = target != plan_.targets.end();
        out.push_back(
            {store::ColumnReader(view, ColumnId{presence}),
             is_changed ? static_cast<std::uint32_t>(target - plan_.targets.begin()) : store::none});
    }
}

// Processors fetch ahead within a page only, and blocks lie anywhere.
void Machine::fetch(std::uint32_t index) const {
    constexpr std::size_t line_bytes = 64;
    const std::size_t lines = is_streaming_ ? 16 : 4;
    for (const RowSet& set : row_sets_)
        for (const Presence& presence : set.presence)
            if (const std::byte* bits = presence.reader.block(index))
                __builtin_prefetch(bits);
    for (const SourceState& source : sources_)
        if (const std::byte* values = source.values ? source.values->block(index) : nullptr)
            for (std::size_t line = 0; line < lines; ++line)
                __builtin_prefetch(values + line * line_bytes);
}

void Machine::begin_block(std::uint32_t index) {
    block_ = index;
    fetch(index + 1);
    for (SourceState& source : sources_) {
        source.is_loaded = false;
        source.is_changed = false;
        source.own = source.spare;
        source.are_nulls_written = false;
    }
    for (RowSet& set : row_sets_)
        set.rows = RowSet::Rows::unknown;
    for (TargetState& target : targets_) {
        target.is_touched = false;
        target.are_rows_changed = false;
    }
    problem_ = {Problem::Kind::none, lanes_, Fault::none, 0};
}

// How many slots from here on may have rows: between the layers of a planet are some that are no cells.
std::uint32_t Machine::rows_from(std::uint32_t slot) const {
    if (plan_.is_of_cells && planet_)
        return planet_->cells_from(slot);
    const std::uint32_t count = store_->working().slot_count(plan_.space);
    return count - std::min(slot, count);
}

void Machine::find_rows(RowSet& set) {
    const std::uint32_t words = lanes_ / 64;
    const std::uint32_t slots = rows_from(block_ * lanes_);
    for (std::uint32_t word = 0; word < words; ++word) {
        const std::uint32_t left = slots - std::min(slots, 64 * word);
        set.words[word] = left >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << left) - 1;
    }
    set.rows = RowSet::Rows::none;
    for (const Presence& presence : set.presence) {
        const auto* present = reinterpret_cast<const std::uint64_t*>(presence.reader.block(block_));
        if (presence.target != store::none && targets_[presence.target].are_rows_changed)
            present = targets_[presence.target].present.data();
        if (!present)
            return;
        for (std::uint32_t word = 0; word < words; ++word)
            set.words[word] &= present[word];
    }
    std::uint64_t every = ~std::uint64_t{0};
    for (std::uint32_t word = 0; word < words; ++word)
        every &= set.words[word];
    set.count = every == ~std::uint64_t{0} ? lanes_ : count_bits(set.words.data(), lanes_);
    if (set.count == 0)
        return;
    set.rows = set.count == lanes_ ? RowSet::Rows::all : RowSet::Rows::some;
    if (set.rows == RowSet::Rows::some)
        bits_to_bytes(set.words.data(), set.bytes, lanes_);
}

void Machine::load_entities(SourceState& state, Register source) {
    if (!state.values)
        return load_cells(state, source);
    const auto* generations = reinterpret_cast<const std::uint32_t*>(state.values->block(block_));
    if (!generations)
        generations = reinterpret_cast<const std::uint32_t*>(zeros_);
    auto* handles = reinterpret_cast<std::uint64_t*>(state.scratch);
    const std::uint32_t first = block_ * lanes_;
    for (std::uint32_t lane = 0; lane < lanes_; ++lane)
        handles[lane] = std::uint64_t{generations[lane]} << 32 | (first + lane);
    registers_[source] = {state.scratch, nullptr};
}

void Machine::load(Register source) {
    SourceState& state = sources_[source];
    if (std::exchange(state.is_loaded, true))
        return;
    if (plan_.sources[source].is_entity)
        return load_entities(state, source);
    const std::byte* values = state.values->block(block_);
    registers_[source] = {values ? values : zeros_, nullptr};
    const std::byte* nulls = state.nulls ? state.nulls->block(block_) : nullptr;
    if (!nulls)
        return;
    const auto* words = reinterpret_cast<const std::uint64_t*>(nulls);
    if (std::all_of(words, words + lanes_ / 64, [](std::uint64_t word) { return word == 0; }))
        return;
    bits_to_bytes(words, state.null_rooms[0], lanes_);
    registers_[source].nulls = state.null_rooms[0];
}

// Where the next values of a column go: not where the present ones are.
std::byte* Machine::next_place(Register source) {
    SourceState& state = sources_[source];
    if (!std::exchange(state.is_changed, true)) {
        if (!is_streaming_)
            state.own = store_->renew_block(plan_.sources[source].column, block_);
        return state.own;
    }
    return registers_[source].values == state.own ? state.scratch : state.own;
}

// False when no row is selected.
bool Machine::select(const StatementPlan& statement) {
    RowSet& set = row_sets_[statement.rows];
    if (set.rows == RowSet::Rows::unknown)
        find_rows(set);
    if (set.rows == RowSet::Rows::none)
        return false;
    selection_ = set.rows == RowSet::Rows::all ? nullptr : set.bytes;
    selected_ = set.count;
    for (const Register source : statement.where_sources)
        load(source);
    const std::span<const Step> steps = statement.where;
    for (std::size_t i = 0; i < steps.size(); i += 1 + steps[i].length) {
        const Step& step = steps[i];
        if (step.kind == StepKind::narrow ? !play_narrow(step)
                                          : step.kind == StepKind::narrow_found && !play_narrow_found(step))
            return false;
        if (step.kind != StepKind::narrow && step.kind != StepKind::narrow_found)
            play_all(steps.subspan(i, 1 + step.length));
    }
    return true;
}

// Steps on pairs belong to the search before them.
void Machine::play_all(std::span<const Step> steps) {
    for (std::size_t i = 0; i < steps.size(); i += 1 + steps[i].length)
        if (steps[i].kind == StepKind::search)
            play_search(steps.subspan(i, 1 + steps[i].length));
        else
            play(steps[i]);
}

void Machine::compute(const StatementPlan& statement) {
    for (const Register source : statement.value_sources)
        load(source);
    written_.clear();
    if (statement.kind == StatementKind::update)
        for (const Result& result : statement.results)
            written_.push_back({next_place(result.source), nullptr});
    play_all(statement.values);
}

void Machine::require_not_null(Register value, std::uint32_t number) {
    const Byte* nulls = registers_[value].nulls;
    if (!nulls)
        return;
    const std::uint32_t lane = first_lane(nulls, selection_, problem_.lane);
    if (lane < problem_.lane)
        problem_ = {Problem::Kind::not_null, lane, Fault::none, number};
}

// Postgres looks at a row's NULLs and checks when all its values are known.
void Machine::constrain(const StatementPlan& statement) {
    for (std::uint32_t i = 0; i < statement.results.size(); ++i)
        if (statement.results[i].is_not_null)
            require_not_null(statement.results[i].value, i);
    for (std::uint32_t i = 0; i < statement.fields.size(); ++i)
        if (statement.fields[i].is_not_null)
            require_not_null(statement.fields[i].value, i);
    play_all(statement.check_steps);
    for (std::size_t i = 0; i < statement.checks.size(); ++i)
        fail_unless(registers_[statement.checks[i]], statement.check_numbers[i]);
}

void Machine::fail_unless(Operand condition, std::uint32_t check) {
    const auto* values = reinterpret_cast<const Byte*>(condition.values);
    for (std::uint32_t lane = 0; lane < lanes_; ++lane)
        part_nulls_[lane] = values[lane] == 0 && (!condition.nulls || condition.nulls[lane] == 0) ? 1 : 0;
    const std::uint32_t lane = first_lane(part_nulls_, selection_, problem_.lane);
    if (lane < problem_.lane)
        problem_ = {Problem::Kind::check, lane, Fault::none, check};
}

void Machine::write_nulls(Register source, Operand value, Written& written) {
    SourceState& state = sources_[source];
    const Byte* fresh = value.nulls;
    const Byte* present = registers_[source].nulls;
    written.nulls = nullptr;
    if (!fresh && !present)
        return;
    if (!fresh)
        fresh = reinterpret_cast<const Byte*>(zeros_);
    if (!present)
        present = reinterpret_cast<const Byte*>(zeros_);
    Byte* out = present == state.null_rooms[0] ? state.null_rooms[1] : state.null_rooms[0];
    for (std::uint32_t lane = 0; lane < lanes_; ++lane)
        out[lane] = !selection_ || selection_[lane] != 0 ? fresh[lane] : present[lane];
    state.are_nulls_written = true;
    if (count_bytes(out, lanes_) == 0)
        return;
    written.nulls = out;
    clear_nulls(written.place, out, lanes_, plan_.sources[source].width_bytes);
}

void Machine::write_values(Register source, Operand value, Written& written) {
    const std::uint32_t width = plan_.sources[source].width_bytes;
    if (selection_)
        loop(*find_select(width), written.place,
             {reinterpret_cast<const std::byte*>(selection_), value.values, registers_[source].values},
             nullptr, nullptr);
    else if (value.values != written.place)
        std::memcpy(written.place, value.values, std::size_t{width} * lanes_);
    write_nulls(source, value, written);
}

// All values are known before the first column changes.
void Machine::write(const StatementPlan& statement) {
    for (std::size_t i = 0; i < statement.results.size(); ++i)
        write_values(statement.results[i].source, registers_[statement.results[i].value], written_[i]);
    for (std::size_t i = 0; i < statement.results.size(); ++i)
        registers_[statement.results[i].source] = {written_[i].place, written_[i].nulls};
}

Words Machine::words_of(const StatementPlan& statement) const {
    Words words = row_sets_[statement.rows].words;
    if (selection_)
        bytes_to_bits(selection_, words.data(), lanes_);
    return words;
}

std::uint32_t Machine::touch(const StatementPlan& statement) {
    const Words words = words_of(statement);
    TargetState& target = targets_[statement.target];
    if (!std::exchange(target.is_touched, true))
        target.touched = {};
    for (std::uint32_t word = 0; word < lanes_ / 64; ++word)
        target.touched[word] |= words[word];
    return selected_;
}

std::optional<std::uint32_t> Machine::run(const StatementPlan& statement) {
    bool has_rows = select(statement);
    telling_ = &statement;
    if (has_rows && statement.is_of_each) {
        const std::uint64_t before = told_;
        compute(statement);
        if (problem_.kind != Problem::Kind::none)
            return std::nullopt;
        return static_cast<std::uint32_t>(told_ - before);
    }
    if (has_rows) {
        compute(statement);
        constrain(statement);
        has_rows = statement.kind != StatementKind::insert || resolve_conflicts(statement);
    }
    if (problem_.kind != Problem::Kind::none)
        return std::nullopt;
    return has_rows ? conclude(statement) : 0;
}

std::uint32_t Machine::conclude(const StatementPlan& statement) {
    switch (statement.kind) {
    case StatementKind::insert:
        return insert(statement);
    case StatementKind::remove:
        return remove(statement);
    case StatementKind::emit:
        return emit(statement);
    case StatementKind::append:
    case StatementKind::call:
        return append(statement);
    default:
        write(statement);
        return touch(statement);
    }
}

void Machine::commit_values(const SourceState& state, Register source) {
    const std::size_t bytes = std::size_t{plan_.sources[source].width_bytes} * lanes_;
    // Either place is ours.
    auto* const values = const_cast<std::byte*>(registers_[source].values);
    clear_lost(values, source);
    if (is_streaming_)
        copy_past_caches(store_->renew_block(plan_.sources[source].column, block_), values, bytes);
    else if (values != state.own)
        std::memcpy(state.own, values, bytes);
    ++blocks_written_;
}

void Machine::finish() const {
    if (is_streaming_)
        end_copies_past_caches();
}

// Guessed: a share of the last cache that one core can count on.
bool Machine::exceeds_caches() const {
    constexpr std::size_t cache_bytes = std::size_t{24} << 20;
    std::size_t row_bytes = 0;
    for (const Source& source : plan_.sources)
        row_bytes += (source.is_written ? 2 : 1) * source.width_bytes;
    return row_bytes * store_->working().slot_count(plan_.space) > cache_bytes;
}

void Machine::commit_source(Register source) {
    SourceState& state = sources_[source];
    const Source& spec = plan_.sources[source];
    if (state.is_changed)
        commit_values(state, source);
    if (!state.are_nulls_written)
        return;
    Words words{};
    if (registers_[source].nulls)
        bytes_to_bits(registers_[source].nulls, words.data(), lanes_);
    if (const std::uint32_t target = target_of_source_[source];
        target != store::none && targets_[target].are_rows_changed)
        for (std::uint32_t word = 0; word < lanes_ / 64; ++word)
            words[word] &= targets_[target].present[word];
    write_bits(spec.nulls, *state.nulls, words);
}

void Machine::write_bits(std::uint32_t plane, const store::ColumnReader& old, const Words& words) {
    const std::byte* before = old.block(block_);
    const std::size_t bytes = lanes_ / 8;
    if (std::memcmp(words.data(), before ? before : zeros_, bytes) == 0)
        return;
    std::memcpy(store_->renew_block(ColumnId{plane}, block_), words.data(), bytes);
    ++blocks_written_;
}

void Machine::commit_block() {
    for (std::size_t i = 0; i < sources_.size(); ++i)
        if (plan_.sources[i].is_written)
            commit_source(static_cast<Register>(i));
    for (std::uint32_t i = 0; i < targets_.size(); ++i) {
        if (targets_[i].are_rows_changed)
            commit_rows(i);
        else if (targets_[i].is_touched)
            store_->mark_rows(plan_.targets[i].component, block_, targets_[i].touched.data());
    }
}

} // namespace gamelan::kernel
