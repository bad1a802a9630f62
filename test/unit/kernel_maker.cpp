// Programs at random.
#include "kernel_world.hpp"

namespace gamelan::kernel {

namespace {

// A source and which of a KernelWorld's components its rows have.
struct Readable {
    SourceId source;
    std::vector<std::size_t> components;
};

bool is_of_cells(const Readable& readable) {
    return readable.components[0] == 2;
}

class ProgramMaker {
  public:
    ProgramMaker(std::mt19937_64& random, const KernelWorld& world, Statement& statement,
                 std::vector<Readable> readables, std::uint32_t wildness)
        : random_(random), world_(world), statement_(statement), out_(statement.expressions),
          readables_(std::move(readables)), wildness_(wildness) {}

    // What comes from now on may have aggregates, and ask what is observed.
    ProgramMaker& with_aggregates() {
        has_aggregates_ = true;
        return *this;
    }

    // More rows to read: found by keys that are columns or anything else.
    void add_references(std::uint32_t count) {
        static const std::vector<std::size_t> choices[] = {{0}, {1}, {0, 1}, {2}};
        for (std::uint32_t i = 0; i < count; ++i) {
            const std::vector<std::size_t>& components = choices[below(std::size(choices))];
            RowSource source{SourceKind::reference, {}, key(), below(2) == 0};
            for (const std::size_t component : components)
                source.components.push_back(world_.component(component));
            readables_.push_back({{static_cast<std::uint32_t>(statement_.sources.size())}, components});
            statement_.sources.push_back(source);
        }
    }

    NodeId key() {
        const Readable& from = any_readable();
        switch (below(8)) {
        case 0:
            return make(ColumnType::i64, 2);
        case 1:
            return out_.entity(from.source);
        case 2:
            return out_.constant(world_.random_key(random_));
        default:
            return out_.column(world_.key(any_of(from)), ColumnType::i64, from.source);
        }
    }

    NodeId make(ColumnType type, int depth) {
        if (depth <= 0 || below(6) == 0)
            return leaf(type);
        switch (below(8)) {
        case 0:
            return conditional(type, depth);
        case 1:
            return out_.make(Op::coalesce, {make(type, depth - 1), make(type, depth - 1)});
        case 2:
            return out_.make(Op::nullif, {make(type, depth - 1), make(type, depth - 1)});
        case 3:
            if (type != ColumnType::code)
                return out_.make(below(2) ? Op::greatest : Op::least, some(type, depth));
            break;
        default:
            break;
        }
        if (type == ColumnType::boolean)
            return truth(depth);
        if (type == ColumnType::span)
            return spans(depth);
        if (type == ColumnType::i8 && below(2) == 0)
            return out_.cast(make(ColumnType::i32, depth - 1), type);
        return is_number(type) ? number(type, depth) : leaf(type);
    }

  private:
    std::uint32_t below(std::uint32_t limit) { return static_cast<std::uint32_t>(random_() % limit); }

    std::vector<NodeId> some(ColumnType type, int depth) {
        std::vector<NodeId> out;
        for (std::uint32_t i = 0; i < 2 + below(2); ++i)
            out.push_back(make(type, depth - 1));
        out.push_back(make(type, depth - 1));
        return out;
    }
    const Readable& any_readable() {
        return readables_[below(static_cast<std::uint32_t>(readables_.size()))];
    }
    std::size_t any_of(const Readable& readable) {
        return readable.components[below(static_cast<std::uint32_t>(readable.components.size()))];
    }

    NodeId leaf(ColumnType type) {
        const std::uint32_t choice = below(8);
        const Readable& from = any_readable();
        if (choice == 2 && has_aggregates_ && (is_number(type) || type == ColumnType::boolean))
            return aggregate(type);
        if (choice == 1 && type == ColumnType::boolean && below(3) == 0 && has_aggregates_)
            return out_.observed();
        if (choice == 1 && type == ColumnType::boolean)
            return out_.has_row(world_.component(is_of_cells(from) ? 2 : below(2)), from.source);
        if (choice == 0)
            return out_.constant(below(4) == 0 ? Value::null(type) : random_value(type, random_, wildness_));
        if (choice == 1 && type == ColumnType::i64)
            return below(2) ? out_.entity(from.source) : out_.parameter(Parameter::tick);
        if (choice == 1 && type == ColumnType::f64)
            return out_.parameter(Parameter::dt);
        if (choice == 1 && type == ColumnType::f32)
            return out_.parameter(Parameter::dt_real);
        return out_.column(world_.column(any_of(from), type), type, from.source);
    }

    // Around a cell, what is read of it and its references counts too.
    NodeId aggregate(ColumnType type) {
        const bool is_around = is_of_cells(readables_[0]) && below(4) != 0;
        static const std::vector<std::size_t> choices[] = {{0}, {0, 1}, {2}};
        const Readable many{{static_cast<std::uint32_t>(statement_.sources.size())},
                            choices[is_around ? 2 : below(std::size(choices))]};
        if (statement_.sources.size() >= max_sources || many.source.value > 8)
            return out_.constant(random_value(type, random_, wildness_));
        RowSource source{is_around ? SourceKind::neighbours : SourceKind::all, {}, std::nullopt, false};
        for (const std::size_t component : many.components)
            source.components.push_back(world_.component(component));
        statement_.sources.push_back(source);
        std::vector<Readable> readables{many};
        if (is_around)
            readables.insert(readables.end(), readables_.begin(), readables_.end());
        ProgramMaker inner(random_, world_, statement_, readables, wildness_);
        Aggregate made{function_for(type), many.source, std::nullopt, std::nullopt};
        if (below(2) == 0)
            made.where = inner.make(ColumnType::boolean, 2);
        if (made.function != AggregateFunction::exists &&
            (made.function != AggregateFunction::count || below(2) == 0))
            made.argument = inner.make(argument_for(made.function, type), 2);
        statement_.aggregates.push_back(made);
        return out_.aggregate(static_cast<std::uint32_t>(statement_.aggregates.size() - 1), type);
    }
    AggregateFunction function_for(ColumnType type) {
        using enum AggregateFunction;
        if (type == ColumnType::boolean)
            return below(3) == 0 ? exists : below(2) ? every : any;
        if (type == ColumnType::i64 && below(2) == 0)
            return count;
        if ((type == ColumnType::i64 || is_float(type)) && below(2) == 0)
            return sum;
        return below(2) ? least : greatest;
    }
    ColumnType argument_for(AggregateFunction function, ColumnType type) {
        if (function == AggregateFunction::count)
            return kernel_types[below(std::size(kernel_types))];
        if (function == AggregateFunction::sum && type == ColumnType::i64)
            return below(2) ? ColumnType::i16 : ColumnType::i32;
        return type;
    }
    NodeId conditional(ColumnType type, int depth) {
        std::vector<NodeId> arguments;
        for (std::uint32_t i = 0; i <= below(2); ++i) {
            arguments.push_back(make(ColumnType::boolean, depth - 1));
            arguments.push_back(make(type, depth - 1));
        }
        arguments.push_back(make(type, depth - 1));
        return out_.make(Op::choose, arguments);
    }
    NodeId truth(int depth) {
        const ColumnType type = kernel_types[below(std::size(kernel_types))];
        switch (below(7)) {
        case 0:
            return out_.make(below(2) ? Op::logical_and : Op::logical_or, some(ColumnType::boolean, depth));
        case 1:
            return out_.make(Op::logical_not, {make(ColumnType::boolean, depth - 1)});
        case 2:
            return out_.make(below(2) ? Op::is_null : Op::is_not_null, {make(type, depth - 1)});
        case 3:
            return out_.make(below(2) ? Op::is_distinct : Op::is_not_distinct,
                             {make(type, depth - 1), make(type, depth - 1)});
        case 4:
            return out_.cast(make(ColumnType::i32, depth - 1), ColumnType::boolean);
        default: {
            const std::uint32_t tests = type == ColumnType::code ? 2 : 6;
            return out_.make(static_cast<Op>(static_cast<std::uint32_t>(Op::equal) + below(tests)),
                             {make(type, depth - 1), make(type, depth - 1)});
        }
        }
    }
    NodeId number(ColumnType type, int depth) {
        switch (below(6)) {
        case 0:
            return cast(type, depth);
        case 1:
            return out_.make(below(2) ? Op::negate : Op::absolute, {make(type, depth - 1)});
        case 2:
            return is_integer(type) ? bits(type, depth) : special(type, depth);
        case 3:
            return special(type, depth);
        default: {
            const std::uint32_t kinds = is_integer(type) ? 5 : 4;
            return out_.make(static_cast<Op>(static_cast<std::uint32_t>(Op::add) + below(kinds)),
                             {make(type, depth - 1), make(type, depth - 1)});
        }
        }
    }
    NodeId spans(int depth) {
        const NodeId a = make(ColumnType::span, depth - 1);
        if (below(3) == 0)
            return out_.make(Op::negate, {a});
        return out_.make(below(2) ? Op::add : Op::subtract, {a, make(ColumnType::span, depth - 1)});
    }
    NodeId cast(ColumnType type, int depth) {
        const ColumnType from = kernel_types[1 + below(5)];
        if (type == ColumnType::i32 && below(3) == 0)
            return out_.cast(make(below(2) ? ColumnType::boolean : ColumnType::i8, depth - 1), type);
        return out_.cast(make(from, depth - 1), type);
    }
    NodeId bits(ColumnType type, int depth) {
        const std::uint32_t choice = below(6);
        const NodeId a = make(type, depth - 1);
        if (choice < 3)
            return out_.make(static_cast<Op>(static_cast<std::uint32_t>(Op::bit_and) + choice),
                             {a, make(type, depth - 1)});
        if (choice == 3)
            return out_.make(Op::bit_not, {a});
        return out_.make(choice == 4 ? Op::shift_left : Op::shift_right,
                         {a, make(ColumnType::i32, depth - 1)});
    }
    // What only one type has; for others, a product added to something.
    NodeId special(ColumnType type, int depth) {
        const NodeId a = make(type, depth - 1);
        if (type == ColumnType::f64) {
            const auto op = static_cast<Op>(static_cast<std::uint32_t>(Op::sign) + below(12));
            if (op >= Op::power)
                return out_.make(op, {a, make(type, depth - 1)});
            return below(8) == 0 ? out_.make(Op::random, {make(ColumnType::i64, depth - 1)})
                                 : out_.make(op, {a});
        }
        if (type == ColumnType::i32 && below(2) == 0)
            return out_.make(static_cast<Op>(static_cast<std::uint32_t>(Op::date_add) + below(3)),
                             {a, make(type, depth - 1)});
        return out_.make(below(2) ? Op::add : Op::subtract,
                         {a, out_.make(Op::multiply, {make(type, depth - 1), make(type, depth - 1)})});
    }

    std::mt19937_64& random_;
    const KernelWorld& world_;
    Statement& statement_;
    Expressions& out_;
    std::vector<Readable> readables_;
    std::uint32_t wildness_;
    bool has_aggregates_ = false;
};

void assign_at_random(Statement& out, std::size_t target, std::mt19937_64& random, const KernelWorld& world,
                      ProgramMaker& maker) {
    const std::size_t first = random() % std::size(kernel_types);
    for (std::size_t i = 0; i < 1 + random() % 3; ++i) {
        const ColumnType type = kernel_types[(first + i) % std::size(kernel_types)];
        out.assignments.push_back({world.column(target, type), maker.make(type, 4), random() % 16 == 0,
                                   "column " + std::to_string(i)});
    }
    if (random() % 4 == 0)
        out.assignments.push_back({world.key(target), maker.key(), false, "key"});
}

// Of some statements what they read elsewhere, and aggregates.
void look_elsewhere(std::mt19937_64& random, ProgramMaker& maker) {
    if (random() % 2 == 0)
        maker.add_references(1 + random() % 2);
    if (random() % 2 == 0)
        maker.with_aggregates();
}

Statement random_update(std::mt19937_64& random, const KernelWorld& world, std::uint32_t wildness) {
    Statement out;
    const std::size_t target = random() % 3;
    out.target = world.component(target);
    out.target_name = "target";
    std::vector<std::size_t> components{target};
    if (target == 1 || (target == 0 && random() % 2 == 0))
        components = {0, 1};
    for (const std::size_t component : components)
        out.components.push_back(world.component(component));
    ProgramMaker maker(random, world, out, {{own_row, components}}, wildness);
    look_elsewhere(random, maker);
    if (random() % 2 == 0)
        out.where = maker.make(ColumnType::boolean, 3);
    assign_at_random(out, target, random, world, maker);
    ProgramMaker of_row(random, world, out, {{own_row, components}}, wildness);
    if (random() % 8 == 0)
        out.checks.push_back({of_row.make(ColumnType::boolean, 2), "checked"});
    return out;
}

Statement random_insert(std::mt19937_64& random, const KernelWorld& world, std::uint32_t wildness) {
    Statement out;
    out.kind = StatementKind::insert;
    out.target = world.component(1);
    out.target_name = "second";
    out.components = {world.component(0)};
    out.does_nothing_on_conflict = random() % 4 != 0;
    ProgramMaker maker(random, world, out, {{own_row, {0}}}, wildness);
    look_elsewhere(random, maker);
    if (random() % 2 == 0)
        out.where = maker.make(ColumnType::boolean, 3);
    assign_at_random(out, 1, random, world, maker);
    ProgramMaker of_new_rows(random, world, out, {{own_row, {0, 1}}}, wildness);
    if (random() % 4 == 0)
        out.checks.push_back({of_new_rows.make(ColumnType::boolean, 2), "checked"});
    return out;
}

Statement random_remove(std::mt19937_64& random, const KernelWorld& world, std::uint32_t wildness) {
    Statement out;
    out.kind = StatementKind::remove;
    const std::size_t target = random() % 4 == 0 ? 0 : 1;
    out.target = world.component(target);
    out.target_name = "target";
    std::vector<std::size_t> components{0};
    if (target == 1 || random() % 2 == 0)
        components.push_back(1);
    for (const std::size_t component : components)
        out.components.push_back(world.component(component));
    ProgramMaker maker(random, world, out, {{own_row, components}}, wildness);
    look_elsewhere(random, maker);
    if (random() % 4 != 0)
        out.where = maker.make(ColumnType::boolean, 3);
    return out;
}

Statement random_emit(std::mt19937_64& random, const KernelWorld& world, std::uint32_t wildness) {
    Statement out;
    out.kind = StatementKind::emit;
    out.target = {store::none};
    out.target_name = "happened";
    const std::size_t component = random() % 3 == 0 ? 2 : 0;
    out.components = {world.component(component)};
    ProgramMaker maker(random, world, out, {{own_row, {component}}}, wildness);
    look_elsewhere(random, maker);
    if (random() % 4 != 0)
        out.where = maker.make(ColumnType::boolean, 3);
    if (random() % 4 != 0)
        out.event_entity = random() % 2 ? out.expressions.entity() : maker.make(ColumnType::i64, 2);
    for (std::size_t i = 0; i < random() % 4; ++i)
        out.fields.push_back(
            {std::string(1 + random() % 3, static_cast<char>('a' + random() % 3)),
             maker.make(kernel_types[random() % (std::size(kernel_types) - types_without_text)], 2)});
    return out;
}

Statement random_statement(std::mt19937_64& random, const KernelWorld& world, std::uint32_t wildness) {
    switch (random() % 8) {
    case 0:
        return random_insert(random, world, wildness);
    case 1:
        return random_remove(random, world, wildness);
    case 2:
        return random_emit(random, world, wildness);
    default:
        return random_update(random, world, wildness);
    }
}

} // namespace

std::vector<System> random_systems(std::uint64_t seed, const KernelWorld& world, std::uint32_t wildness) {
    std::mt19937_64 random(seed);
    std::vector<System> out(1 + random() % 3);
    for (std::size_t i = 0; i < out.size(); ++i) {
        out[i].name = "system " + std::to_string(i);
        for (std::size_t j = 0; j < 1 + random() % 3; ++j)
            out[i].statements.push_back(random_statement(random, world, wildness));
    }
    return out;
}

} // namespace gamelan::kernel
