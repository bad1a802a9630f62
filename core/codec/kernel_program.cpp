#include "core/codec/kernel_program.hpp"

#include "core/base/bytes.hpp"
#include "core/base/hash.hpp"

namespace gamelan::codec {

namespace {

using namespace kernel;

constexpr std::string_view subject = "a kernel program";
constexpr std::string_view magic = "GLK";
constexpr std::uint8_t version = 1;

void require_name(const std::string& name) {
    if (name.size() > max_program_name_bytes)
        throw Error(sqlstate::feature_not_supported, "a name is too long for a kernel");
}

class Writer {
  public:
    std::string write(const UnboundSystem& unbound) {
        out_.put_bytes(magic);
        out_.put(version);
        put_name(unbound.system.name);
        put_list(unbound.symbols.components, [&](const Symbols::Component& component) {
            put_name(component.name);
            put_flag(component.is_of_cells);
        });
        put_list(unbound.symbols.columns, [&](const Symbols::Column& column) {
            out_.put_varint(column.component.value);
            put_name(column.name);
            out_.put(column.type);
        });
        put_list(unbound.system.statements, [&](const Statement& statement) { put_statement(statement); });
        out_.put(hash64(out_.view()));
        return out_.take();
    }

  private:
    template <class T, class F>
    void put_list(const std::vector<T>& list, F put) {
        out_.put_varint(list.size());
        for (const T& element : list)
            put(element);
    }
    void put_flag(bool flag) { out_.put(static_cast<std::uint8_t>(flag)); }
    void put_name(const std::string& name) {
        require_name(name);
        out_.put_text(name);
    }
    void put_node_id(NodeId id) { out_.put_varint(id.value); }
    // 0: none.
    void put_optional(std::optional<NodeId> id) { out_.put_varint(id ? std::uint64_t{id->value} + 1 : 0); }
    void put_components(const std::vector<ComponentId>& components) {
        put_list(components, [&](ComponentId component) { out_.put_varint(component.value); });
    }

    void put_statement(const Statement& statement) {
        out_.put(statement.kind);
        if (!is_told(statement.kind))
            out_.put_varint(statement.target.value);
        put_name(statement.target_name);
        put_components(statement.components);
        out_.put_varint(statement.expressions.size());
        for (std::uint32_t i = 0; i < statement.expressions.size(); ++i)
            put_node(statement.expressions[{i}]);
        put_list(statement.sources, [&](const RowSource& source) {
            out_.put(source.kind);
            put_components(source.components);
            put_optional(source.key);
            put_flag(source.is_optional);
            if (!is_by_place(source.kind))
                return;
            put_list(source.coordinates, [&](ColumnId column) { out_.put_varint(column.value); });
            put_list(source.arguments, [&](NodeId id) { put_node_id(id); });
        });
        put_list(statement.aggregates, [&](const Aggregate& aggregate) {
            out_.put(aggregate.function);
            out_.put_varint(aggregate.source.value);
            put_optional(aggregate.where);
            put_optional(aggregate.argument);
        });
        put_optional(statement.where);
        put_list(statement.assignments, [&](const Assignment& assignment) {
            out_.put_varint(assignment.column.value);
            put_node_id(assignment.value);
            put_flag(assignment.is_not_null);
            put_name(assignment.column_name);
        });
        put_list(statement.checks, [&](const Check& check) {
            put_node_id(check.condition);
            put_name(check.name);
            put_name(check.domain);
        });
        put_flag(statement.does_nothing_on_conflict);
        put_optional(statement.event_entity);
        put_list(statement.fields, [&](const Field& field) {
            put_name(field.name);
            put_node_id(field.value);
            if (statement.kind == StatementKind::append)
                put_flag(field.is_not_null);
        });
        out_.put_varint(statement.each ? std::uint64_t{statement.each->value} + 1 : 0);
        if (statement.each) {
            put_optional(statement.each_where);
            out_.put_varint(statement.each_limit);
        }
        if (is_call(statement))
            out_.put_text(statement.sql);
    }

    void put_node(const Node& node) {
        out_.put(node.op);
        switch (node.op) {
        case Op::column:
            out_.put(node.type);
            out_.put_varint(node.source.value);
            out_.put_varint(node.column.value);
            return;
        case Op::constant:
            out_.put(node.type);
            put_flag(node.constant.is_null);
            if (!node.constant.is_null) {
                char bytes[2 * sizeof node.constant.bits];
                node.constant.copy_to(bytes);
                out_.put_bytes({bytes, width_of(node.constant.type)});
            }
            return;
        case Op::parameter:
            out_.put(node.parameter);
            return;
        case Op::entity:
        case Op::distance:
            out_.put_varint(node.source.value);
            return;
        case Op::has_row:
            out_.put_varint(node.source.value);
            out_.put_varint(node.component.value);
            return;
        case Op::observed:
            return;
        case Op::aggregate:
            out_.put(node.type);
            out_.put_varint(node.aggregate);
            return;
        case Op::cast:
            out_.put(node.type);
            put_node_id(node.arguments[0]);
            return;
        default:
            put_list(node.arguments, [&](NodeId id) { put_node_id(id); });
        }
    }

    ByteWriter out_;
};

// Reads what has the right form; what it means is checked afterwards.
class Reader {
  public:
    explicit Reader(std::string_view bytes) : in_(bytes, subject) {}

    UnboundSystem read() {
        in_.get_bytes(magic.size() + sizeof version);
        UnboundSystem out;
        out.system.name = get_name();
        get_list(out.symbols.components, store::max_components, [&] {
            std::string name = get_name();
            return Symbols::Component{std::move(name), get_flag()};
        });
        get_list(out.symbols.columns, store::max_columns, [&] {
            const ComponentId component{get_number()};
            std::string name = get_name();
            return Symbols::Column{component, std::move(name), in_.get<ColumnType>()};
        });
        get_list(out.system.statements, max_statements, [&] { return get_statement(); });
        if (in_.remaining() != sizeof(std::uint64_t))
            in_.fail("bytes are left over");
        return out;
    }
    [[noreturn]] void fail(std::string_view reason) const { in_.fail(reason); }

  private:
    template <class T, class F>
    void get_list(std::vector<T>& out, std::size_t limit, F get) {
        const std::uint64_t count = in_.get_varint();
        // Each element takes a byte or more.
        if (count > limit || count > in_.remaining())
            in_.fail("a list is longer than its limit");
        out.reserve(count);
        for (std::uint64_t i = 0; i < count; ++i)
            out.push_back(get());
    }
    std::uint32_t get_number() {
        const std::uint64_t number = in_.get_varint();
        if (number >= store::none)
            in_.fail("a number is larger than any it could mean");
        return static_cast<std::uint32_t>(number);
    }
    bool get_flag() {
        const auto flag = in_.get<std::uint8_t>();
        if (flag > 1)
            in_.fail("a flag is neither set nor clear");
        return flag == 1;
    }
    std::string get_name() { return std::string(in_.get_text(max_program_name_bytes)); }
    NodeId get_node_id() { return {get_number()}; }
    std::optional<NodeId> get_optional() {
        const std::uint32_t number = get_number();
        return number == 0 ? std::nullopt : std::optional(NodeId{number - 1});
    }
    std::vector<ComponentId> get_components() {
        std::vector<ComponentId> out;
        get_list(out, max_statement_components, [&] { return ComponentId{get_number()}; });
        return out;
    }

    Statement get_statement() {
        Statement out;
        out.kind = in_.get<StatementKind>();
        out.target = {is_told(out.kind) ? store::none : get_number()};
        out.target_name = get_name();
        out.components = get_components();
        const std::uint32_t nodes = get_number();
        if (nodes > max_nodes)
            in_.fail("a statement has too many expressions");
        for (std::uint32_t i = 0; i < nodes; ++i)
            if (out.expressions.add(get_node()) != NodeId{i})
                in_.fail("an expression is there twice");
        out.sources.clear();
        get_list(out.sources, max_sources, [&] {
            RowSource source;
            source.kind = in_.get<SourceKind>();
            source.components = get_components();
            source.key = get_optional();
            source.is_optional = get_flag();
            if (is_by_place(source.kind)) {
                get_list(source.coordinates, max_coordinates, [&] { return ColumnId{get_number()}; });
                get_list(source.arguments, 2 * max_coordinates, [&] { return get_node_id(); });
            }
            return source;
        });
        get_list(out.aggregates, max_aggregates, [&] {
            Aggregate aggregate;
            aggregate.function = in_.get<AggregateFunction>();
            aggregate.source = {get_number()};
            aggregate.where = get_optional();
            aggregate.argument = get_optional();
            return aggregate;
        });
        out.where = get_optional();
        get_list(out.assignments, max_assignments, [&] {
            Assignment assignment{};
            assignment.column = {get_number()};
            assignment.value = get_node_id();
            assignment.is_not_null = get_flag();
            assignment.column_name = get_name();
            return assignment;
        });
        get_list(out.checks, max_checks, [&] {
            const NodeId condition = get_node_id();
            std::string name = get_name();
            return Check{condition, std::move(name), get_name()};
        });
        out.does_nothing_on_conflict = get_flag();
        out.event_entity = get_optional();
        get_list(out.fields, max_fields, [&] {
            std::string name = get_name();
            const NodeId value = get_node_id();
            return Field{std::move(name), value, out.kind == StatementKind::append && get_flag()};
        });
        if (const std::uint32_t each = get_number(); each != 0) {
            out.each = SourceId{each - 1};
            out.each_where = get_optional();
            out.each_limit = get_number();
        }
        if (is_call(out))
            out.sql = in_.get_text(max_call_bytes);
        return out;
    }

    Node get_node() {
        Node node;
        node.op = in_.get<Op>();
        switch (node.op) {
        case Op::column:
            node.type = in_.get<ColumnType>();
            node.source = {get_number()};
            node.column = {get_number()};
            break;
        case Op::constant:
            node.constant.type = in_.get<ColumnType>();
            node.constant.is_null = get_flag();
            if (const std::uint32_t width = width_of(node.constant.type); !node.constant.is_null) {
                if (width == 0 || width > 2 * sizeof node.constant.bits)
                    in_.fail("a constant is of an unknown type");
                node.constant = Value::of_bytes(node.constant.type, in_.get_bytes(width).data(), width);
            }
            break;
        case Op::parameter:
            node.parameter = in_.get<Parameter>();
            break;
        case Op::entity:
        case Op::distance:
            node.source = {get_number()};
            break;
        case Op::has_row:
            node.source = {get_number()};
            node.component = {get_number()};
            break;
        case Op::observed:
            break;
        case Op::aggregate:
            node.type = in_.get<ColumnType>();
            node.aggregate = get_number();
            break;
        case Op::cast:
            node.type = in_.get<ColumnType>();
            node.arguments = {get_node_id()};
            break;
        default:
            get_list(node.arguments, max_nodes, [&] { return get_node_id(); });
        }
        return node;
    }

    ByteReader in_;
};

void check_frame(std::string_view bytes) {
    ByteReader in(bytes, subject);
    if (bytes.size() > max_program_bytes)
        in.fail("it is longer than its limit");
    if (in.get_bytes(magic.size()) != magic)
        in.fail("it does not begin with its magic");
    if (const auto found = in.get<std::uint8_t>(); found != version)
        in.fail("its version is " + std::to_string(found) + ", this library knows 1");
    if (in.remaining() < sizeof(std::uint64_t))
        in.fail("it ends too early");
    const std::string_view body = bytes.substr(0, bytes.size() - sizeof(std::uint64_t));
    ByteReader tail(bytes.substr(body.size()), subject);
    if (tail.get<std::uint64_t>() != hash64(body))
        in.fail("its checksum differs");
}

} // namespace

std::string encode_program(const UnboundSystem& system) {
    check(system);
    std::string out = Writer().write(system);
    if (out.size() > max_program_bytes)
        throw Error(sqlstate::feature_not_supported, "the system is too long for a kernel");
    return out;
}

UnboundSystem decode_program(std::string_view bytes) {
    check_frame(bytes);
    Reader reader(bytes);
    try {
        UnboundSystem out = reader.read();
        check(out);
        return out;
    } catch (const Error& error) {
        if (error.code() == sqlstate::corrupt_data)
            throw;
        reader.fail(error.message());
    }
}

} // namespace gamelan::codec
