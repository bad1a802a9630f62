// Statements over a world, as plainly as can be: for each row its references, its conditions, its aggregates.
#include "kernel_reference.hpp"

#include "core/grid/planet.hpp"
#include "core/kernel/decimal.hpp"
#include "core/spatial/reach.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <optional>
#include <set>

namespace gamelan::kernel::reference {

namespace {

// One statement, which sees the world as it was before it.
class Sight {
  public:
    Sight(const Statement& statement, const World& before, const TickInputs& inputs)
        : statement_(statement), e_(statement.expressions), before_(before), inputs_(inputs) {}

    const std::vector<Row>& rows_of(const std::vector<ComponentId>& components) const {
        return before_.is_of_cells.at(components[0].value) ? before_.cells : before_.rows;
    }
    static bool has_all(const Row& row, const std::vector<ComponentId>& components) {
        for (const ComponentId component : components)
            if (!row.has.at(component.value))
                return false;
        return true;
    }

    // The row with its references, if the statement selects it.
    std::optional<Scope> select(std::uint32_t slot) {
        const Row& row = rows_of(statement_.components).at(slot);
        if (!has_all(row, statement_.components))
            return std::nullopt;
        Scope scope;
        scope.rows.resize(statement_.sources.size(), nullptr);
        scope.rows[0] = &row;
        const std::size_t word = slot / 64;
        scope.is_observed = word < inputs_.observed.size() && (inputs_.observed[word] >> slot % 64 & 1) != 0;
        // By value where the row is kept: the scope moves.
        scope.aggregate = [this, slot](std::uint32_t place) { return aggregate(place, slot); };
        scope_ = &scope;
        std::vector<NodeId> open = conditions_of(statement_.where);
        std::set<std::uint32_t> known{0};
        if (!pass(open, known, scope))
            return std::nullopt;
        for (std::uint32_t i = 1; i < statement_.sources.size(); ++i) {
            const RowSource& source = statement_.sources[i];
            if (source.kind != SourceKind::reference)
                continue;
            scope.rows[i] = find(source, evaluate(e_, *source.key, scope, inputs_));
            if (!scope.rows[i] && !source.is_optional)
                return std::nullopt;
            known.insert(i);
            if (!pass(open, known, scope))
                return std::nullopt;
        }
        return scope;
    }
    void look_from(const Scope& scope) { scope_ = &scope; }
    // The scopes of what the statement tells: its own, or one for each row of a source.
    std::vector<Scope> told_scopes(const Scope& scope) const {
        if (!statement_.each)
            return {scope};
        std::vector<Scope> out;
        const RowSource& source = statement_.sources[statement_.each->value];
        for (const Placed& placed : rows_by_place(source, scope)) {
            Scope pair = scope;
            pair.rows[statement_.each->value] = placed.row;
            pair.distance = placed.distance;
            bool holds = true;
            for (const NodeId condition : conditions_of(statement_.each_where))
                holds = holds && is_true(evaluate(e_, condition, pair, inputs_));
            if (holds)
                out.push_back(std::move(pair));
        }
        return out;
    }

  private:
    void add_conditions(NodeId id, std::vector<NodeId>& out) const {
        if (e_[id].op != Op::logical_and)
            return out.push_back(id);
        for (const NodeId argument : e_[id].arguments)
            add_conditions(argument, out);
    }
    std::vector<NodeId> conditions_of(std::optional<NodeId> where) const {
        std::vector<NodeId> out;
        if (where)
            add_conditions(*where, out);
        return out;
    }

    void add_reads(NodeId id, std::set<std::uint32_t>& out) const {
        const Node& node = e_[id];
        if (node.op == Op::column || node.op == Op::entity || node.op == Op::has_row ||
            node.op == Op::distance)
            out.insert(node.source.value);
        for (const NodeId argument : node.arguments)
            add_reads(argument, out);
        if (node.op != Op::aggregate)
            return;
        const Aggregate& aggregate = statement_.aggregates[node.aggregate];
        std::set<std::uint32_t> inner;
        for (const std::optional<NodeId>& part : {aggregate.where, aggregate.argument})
            if (part)
                add_reads(*part, inner);
        for (const NodeId argument : statement_.sources[aggregate.source.value].arguments)
            add_reads(argument, inner);
        inner.erase(aggregate.source.value);
        out.insert(inner.begin(), inner.end());
    }

    // Whether the conditions hold of which all is known; they are asked once.
    bool pass(std::vector<NodeId>& open, const std::set<std::uint32_t>& known, const Scope& scope) const {
        std::vector<NodeId> rest;
        bool holds = true;
        for (const NodeId condition : open) {
            std::set<std::uint32_t> reads;
            add_reads(condition, reads);
            if (!std::includes(known.begin(), known.end(), reads.begin(), reads.end()))
                rest.push_back(condition);
            else if (holds)
                holds = is_true(evaluate(e_, condition, scope, inputs_));
        }
        open = rest;
        return holds;
    }

    const Row* find(const RowSource& source, const Value& key) const {
        if (key.is_null)
            return nullptr;
        const bool is_cell = before_.is_of_cells.at(source.components[0].value);
        const std::vector<Row>& rows = is_cell ? before_.cells : before_.rows;
        for (std::uint32_t slot = is_cell ? 0 : 1; slot < rows.size(); ++slot)
            if (rows[slot].entity == key.bits && (is_cell || before_.is_alive[slot]))
                return has_all(rows[slot], source.components) ? &rows[slot] : nullptr;
        return nullptr;
    }

    struct Placed {
        const Row* row;
        std::array<double, 3> at;
        double distance;
    };

    static double number(const Value& value) {
        if (value.type == ColumnType::f64)
            return std::bit_cast<double>(value.bits);
        if (value.type == ColumnType::f32)
            return std::bit_cast<float>(static_cast<std::uint32_t>(value.bits));
        return static_cast<std::int32_t>(value.bits);
    }

    // Every row whose place is known, by handle.
    std::vector<Placed> placed_rows(const RowSource& source) const {
        std::vector<Placed> out;
        for (std::size_t slot = 0; slot < before_.rows.size(); ++slot) {
            const Row& row = before_.rows[slot];
            bool is_placed = row.has.at(source.components[0].value);
            Placed placed{&row, {}, 0};
            for (std::size_t d = 0; is_placed && d < source.coordinates.size(); ++d) {
                const Value& value = row.values.at(source.coordinates[d].value);
                placed.at[d] = value.is_null ? NAN : number(value);
                is_placed = std::isfinite(placed.at[d]);
            }
            if (is_placed)
                out.push_back(placed);
        }
        std::sort(out.begin(), out.end(),
                  [](const Placed& a, const Placed& b) { return a.row->entity < b.row->entity; });
        return out;
    }

    // As docs/spatial.md says it.
    std::vector<Placed> rows_by_place(const RowSource& source, const Scope& scope) const {
        std::vector<Placed> out;
        if (source.kind == SourceKind::within) {
            for (const Row& row : before_.rows)
                if (has_all(row, source.components))
                    out.push_back({&row, {}, 0});
            return out;
        }
        std::vector<double> asked;
        for (const NodeId argument : source.arguments) {
            const Value value = evaluate(e_, argument, scope, inputs_);
            if (value.is_null)
                return out;
            asked.push_back(number(value));
        }
        const std::size_t count = source.coordinates.size();
        if (source.kind == SourceKind::near && !(asked[count] >= 0 && std::isfinite(asked[count])))
            throw Failed{"22023", "a radius must be a finite number that is not negative"};
        if (source.kind == SourceKind::nearest && asked[count] < 0)
            throw Failed{"22023", "a count must not be negative"};
        for (const double value : asked)
            if (source.kind == SourceKind::in_box && std::isnan(value))
                throw Failed{"22023", "a corner of a box must not be NaN"};
        for (std::size_t d = 0; source.kind != SourceKind::in_box && d < count; ++d)
            if (!std::isfinite(asked[d]))
                return out;
        for (Placed& row : placed_rows(source)) {
            std::array<double, 3> away{};
            bool is_inside = true;
            for (std::size_t d = 0; d < count; ++d) {
                away[d] = row.at[d] - asked[d];
                if (source.kind == SourceKind::in_box)
                    is_inside = is_inside && row.at[d] >= std::min(asked[d], asked[count + d]) &&
                                row.at[d] <= std::max(asked[d], asked[count + d]);
            }
            row.distance = spatial::distance(away[0], away[1], away[2]);
            if (source.kind == SourceKind::near)
                is_inside = spatial::Reach(asked[count]).has(away[0], away[1], away[2]);
            if (is_inside)
                out.push_back(row);
        }
        if (source.kind == SourceKind::nearest) {
            std::stable_sort(out.begin(), out.end(),
                             [](const Placed& a, const Placed& b) { return a.distance < b.distance; });
            out.resize(std::min(out.size(), static_cast<std::size_t>(asked[count])));
        }
        std::erase_if(out, [&](const Placed& row) { return !has_all(*row.row, source.components); });
        return out;
    }

    Value over_places(const Aggregate& aggregate, const RowSource& source, const Scope& scope) const {
        std::vector<const Row*> rows;
        std::vector<double> distances;
        for (const Placed& placed : rows_by_place(source, scope)) {
            rows.push_back(placed.row);
            distances.push_back(placed.distance);
        }
        return over(aggregate, rows, scope, distances);
    }

    std::vector<const Row*> rows_around(const RowSource& source, std::uint32_t slot) const {
        std::vector<const Row*> out;
        const std::uint32_t stride = inputs_.planet->layer_stride();
        const grid::Neighbours around = inputs_.planet->sphere().neighbours(slot % stride);
        for (const std::uint32_t cell : around)
            if (const Row& row = before_.cells.at(slot / stride * stride + cell);
                has_all(row, source.components))
                out.push_back(&row);
        return out;
    }

    Value aggregate(std::uint32_t place, std::uint32_t slot) {
        const Aggregate& aggregate = statement_.aggregates[place];
        const RowSource& source = statement_.sources[aggregate.source.value];
        if (source.kind == SourceKind::neighbours)
            return over(aggregate, rows_around(source, slot), *scope_);
        if (is_by_place(source.kind))
            return over_places(aggregate, source, *scope_);
        const auto known = results_.find(place);
        if (known != results_.end())
            return known->second;
        const auto failed = failures_.find(place);
        if (failed != failures_.end())
            throw failed->second;
        std::vector<const Row*> rows;
        for (const Row& row : rows_of(source.components))
            if (has_all(row, source.components))
                rows.push_back(&row);
        Scope scope;
        scope.rows.resize(statement_.sources.size(), nullptr);
        try {
            return results_[place] = over(aggregate, rows, scope);
        } catch (const Failed& failure) {
            results_.erase(place);
            failures_[place] = failure;
            throw;
        }
    }

    Value over(const Aggregate& aggregate, const std::vector<const Row*>& rows, Scope scope,
               const std::vector<double>& distances = {}) const {
        const std::vector<NodeId> conditions = conditions_of(aggregate.where);
        std::int64_t count = 0;
        std::optional<Value> value;
        std::vector<Value> averaged;
        for (std::size_t place = 0; place < rows.size(); ++place) {
            scope.rows[aggregate.source.value] = rows[place];
            scope.distance = distances.empty() ? 0 : distances[place];
            bool holds = true;
            for (std::size_t i = 0; holds && i < conditions.size(); ++i)
                holds = is_true(evaluate(e_, conditions[i], scope, inputs_));
            if (!holds)
                continue;
            if (!aggregate.argument) {
                ++count;
                continue;
            }
            const Value fresh = evaluate(e_, *aggregate.argument, scope, inputs_);
            if (aggregate.function == AggregateFunction::only && value)
                throw Failed{"21000", "more than one row returned by a subquery used as an expression"};
            if (aggregate.function >= AggregateFunction::first) {
                value = value ? *value : fresh;
                continue;
            }
            if (fresh.is_null)
                continue;
            ++count;
            if (aggregate.function == AggregateFunction::average)
                averaged.push_back(fresh);
            else
                value = combine(aggregate.function, value, fresh);
        }
        if (!averaged.empty())
            return average(averaged);
        if (aggregate.function == AggregateFunction::count)
            return Value::of(ColumnType::i64, count);
        if (aggregate.function == AggregateFunction::exists)
            return Value::of(ColumnType::boolean, static_cast<std::uint8_t>(count != 0));
        return value ? *value : Value::null(*result_type(aggregate.function, e_[*aggregate.argument].type));
    }

    static Value combine(AggregateFunction function, const std::optional<Value>& so_far, const Value& fresh) {
        switch (function) {
        case AggregateFunction::sum: {
            const Value wide = widen(fresh);
            return so_far ? add(*so_far, wide) : wide;
        }
        case AggregateFunction::every:
            return so_far && !is_true(*so_far) ? *so_far : fresh;
        case AggregateFunction::any:
            return so_far && is_true(*so_far) ? *so_far : fresh;
        case AggregateFunction::least:
            return so_far && compare(*so_far, fresh) < 0 ? *so_far : fresh;
        case AggregateFunction::greatest:
            return so_far && compare(*so_far, fresh) > 0 ? *so_far : fresh;
        default:
            return fresh;
        }
    }
    // Of integers exact; of reals as float8_accum() of Postgres goes about it, sum of squares and all.
    static Value average(const std::vector<Value>& values) {
        if (is_integer(values[0].type)) {
            Int128 sum = 0;
            for (const Value& value : values)
                sum += signed_integer(value);
            return value_of(average_of(sum, static_cast<std::int64_t>(values.size())));
        }
        double n = 0;
        double sum = 0;
        double squares = 0;
        for (const Value& value : values) {
            const double x = real_of(value);
            const double before = sum;
            n += 1;
            sum += x;
            if (n > 1) {
                squares += (x * n - sum) * (x * n - sum) / (n * (n - 1));
                if (std::isinf(sum) || std::isinf(squares)) {
                    if (!std::isinf(before) && !std::isinf(x))
                        throw Failed{"22003", "value out of range: overflow"};
                    squares = std::numeric_limits<double>::quiet_NaN();
                }
            } else if (std::isnan(x) || std::isinf(x)) {
                squares = std::numeric_limits<double>::quiet_NaN();
            }
        }
        const double result = sum / n;
        return Value::of(ColumnType::f64,
                         std::isnan(result) ? std::numeric_limits<double>::quiet_NaN() : result);
    }
    static std::int64_t signed_integer(const Value& value) {
        return value.type == ColumnType::i16   ? static_cast<std::int16_t>(value.bits)
               : value.type == ColumnType::i32 ? static_cast<std::int32_t>(value.bits)
                                               : static_cast<std::int64_t>(value.bits);
    }
    static double real_of(const Value& value) {
        float single = 0;
        double wide = 0;
        std::memcpy(&single, &value.bits, sizeof single);
        std::memcpy(&wide, &value.bits, sizeof wide);
        return value.type == ColumnType::f32 ? single : wide;
    }
    static Value widen(const Value& value) {
        if (value.type == ColumnType::i64)
            return value_of(decimal_of(Int128{signed_integer(value)}, 0));
        if (value.type == ColumnType::i16)
            return Value::of(ColumnType::i64,
                             static_cast<std::int64_t>(static_cast<std::int16_t>(value.bits)));
        if (value.type == ColumnType::i32)
            return Value::of(ColumnType::i64,
                             static_cast<std::int64_t>(static_cast<std::int32_t>(value.bits)));
        return value;
    }

    const Statement& statement_;
    const Expressions& e_;
    const World& before_;
    const TickInputs& inputs_;
    const Scope* scope_ = nullptr;
    std::map<std::uint32_t, Value> results_; // of aggregates over all rows
    std::map<std::uint32_t, Failed> failures_;
};

void constrain(const Statement& statement, const Row& fresh, const TickInputs& inputs) {
    for (const Assignment& assignment : statement.assignments)
        if (assignment.is_not_null && fresh.values.at(assignment.column.value).is_null)
            throw Failed{"23502", "null value in column \"" + assignment.column_name + "\" of relation \"" +
                                      statement.target_name + "\" violates not-null constraint"};
    for (const Check& check : statement.checks) {
        const Value holds = evaluate(statement.expressions, check.condition, fresh, inputs);
        if (!holds.is_null && !is_true(holds))
            throw Failed{"23514", "new row for relation \"" + statement.target_name +
                                      "\" violates check constraint \"" + check.name + "\""};
    }
}

void clear(Row& row, ComponentId component, const World& world) {
    for (const ColumnId column : world.columns.at(component.value)) {
        Value& value = row.values.at(column.value);
        value = Value::null(value.type);
    }
}

void put(const Statement& statement, Row& row, const Scope& scope, const World& world,
         const TickInputs& inputs) {
    const bool is_insert = statement.kind == StatementKind::insert;
    Row fresh = row;
    if (is_insert)
        clear(fresh, statement.target, world);
    for (const Assignment& assignment : statement.assignments)
        fresh.values[assignment.column.value] =
            evaluate(statement.expressions, assignment.value, scope, inputs);
    constrain(statement, fresh, inputs);
    if (is_insert && row.has.at(statement.target.value)) {
        if (statement.does_nothing_on_conflict)
            return;
        throw Failed{"23505", "the row of entity " + std::to_string(row.entity) + " in component \"" +
                                  statement.target_name + "\" already exists"};
    }
    fresh.has[statement.target.value] = true;
    fresh.is_touched[statement.target.value] = true;
    row = fresh;
}

void emit(const Statement& statement, Event event, const Scope& scope, World& world,
          const TickInputs& inputs) {
    event.entity = statement.event_entity
                       ? evaluate(statement.expressions, *statement.event_entity, scope, inputs)
                       : Value::null(ColumnType::i64);
    event.type = statement.target_name;
    for (const Field& field : statement.fields)
        event.fields.emplace_back(field.name, evaluate(statement.expressions, field.value, scope, inputs));
    world.events.push_back(event);
}

void play(const Statement& statement, const Event& place, Sight& sight, World& world,
          const TickInputs& inputs) {
    const std::optional<Scope> scope = sight.select(place.slot);
    if (!scope)
        return;
    sight.look_from(*scope);
    const bool is_cell = world.is_of_cells.at(statement.components[0].value);
    Row& row = is_cell ? world.cells[place.slot] : world.rows[place.slot];
    switch (statement.kind) {
    case StatementKind::emit:
        for (const Scope& told : sight.told_scopes(*scope)) {
            sight.look_from(told);
            emit(statement, place, told, world, inputs);
        }
        return;
    case StatementKind::remove:
        row.has[statement.target.value] = false;
        row.is_touched[statement.target.value] = false;
        return clear(row, statement.target, world);
    default:
        return put(statement, row, *scope, world, inputs);
    }
}

} // namespace

std::vector<SystemFailure> run(const std::vector<System>& systems, World& world, const TickInputs& inputs) {
    std::vector<SystemFailure> out;
    for (std::uint32_t s = 0; s < systems.size(); ++s) {
        World next = world;
        Event place{s, 0, 0, {}, {}, {}};
        try {
            for (; place.statement < systems[s].statements.size(); ++place.statement) {
                const Statement& statement = systems[s].statements[place.statement];
                const World before = next;
                Sight sight(statement, before, inputs);
                const auto slots = static_cast<std::uint32_t>(sight.rows_of(statement.components).size());
                for (place.slot = 0; place.slot < slots; ++place.slot)
                    play(statement, place, sight, next, inputs);
                place.slot = no_slot;
                if (next.events.size() > next.max_events)
                    throw Failed{"54000", "more than " + std::to_string(next.max_events) +
                                              " events were emitted in a tick"};
            }
            world = std::move(next);
        } catch (const Failed& failed) {
            out.push_back({s, place.statement, place.slot, failed});
        }
    }
    return out;
}

} // namespace gamelan::kernel::reference
