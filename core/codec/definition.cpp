#include "core/codec/definition.hpp"

#include "core/base/bytes.hpp"
#include "core/base/hash.hpp"

namespace gamelan::codec {

namespace {

constexpr std::string_view subject = "a definition";
constexpr std::string_view magic = "GLD";
constexpr std::uint8_t version = 1;

// Bits of the byte before a column's type.
constexpr std::uint8_t has_fill = 1;

bool is_column_type(ColumnType type) {
    switch (type) {
    case ColumnType::boolean:
    case ColumnType::u8:
    case ColumnType::i8:
    case ColumnType::i16:
    case ColumnType::i32:
    case ColumnType::i64:
    case ColumnType::f32:
    case ColumnType::f64:
    case ColumnType::text32:
    case ColumnType::text64:
    case ColumnType::code:
    case ColumnType::bytes16:
    case ColumnType::span:
    case ColumnType::value:
        return true;
    case ColumnType::bit:     // planes of the store's own
    case ColumnType::version: // likewise
    case ColumnType::decimal:
        return false;
    }
    return false;
}

bool is_index_kind(store::IndexKind kind) {
    return kind == store::IndexKind::none || kind == store::IndexKind::hash ||
           kind == store::IndexKind::ordered;
}

bool fill_fits(ColumnType type, std::size_t bytes) {
    return type == ColumnType::value ? bytes <= max_fill_bytes : bytes == width_of(type);
}

void require(bool condition, const char* what) {
    if (!condition)
        throw Error(sqlstate::invalid_config, std::string("a definition has ") + what);
}

store::ColumnDefinition get_column(ByteReader& in) {
    store::ColumnDefinition column;
    column.name = in.get_text(max_component_name_bytes);
    const auto flags = in.get<std::uint8_t>();
    if ((flags & ~has_fill) != 0)
        in.fail("a column has unknown flags");
    column.type = static_cast<ColumnType>(in.get<std::uint8_t>());
    if (!is_column_type(column.type))
        in.fail("a column has an unknown type");
    column.index = static_cast<store::IndexKind>(in.get<std::uint8_t>());
    if (!is_index_kind(column.index))
        in.fail("a column has an unknown kind of index");
    column.key = in.get<std::int32_t>();
    if ((flags & has_fill) != 0) {
        column.fill = in.get_text(max_fill_bytes);
        if (!fill_fits(column.type, column.fill->size()))
            in.fail("a default does not fit its column");
    }
    return column;
}

store::ComponentDefinition get_component(ByteReader& in, std::size_t& planes) {
    store::ComponentDefinition component;
    component.name = in.get_text(max_component_name_bytes);
    component.space = in.get_text(max_component_name_bytes);
    if (component.space != store::entity_space && component.space != store::cell_space)
        in.fail("a component is of an unknown space");
    component.key = in.get<std::uint64_t>();
    const std::uint64_t columns = in.get_varint();
    if (columns > max_component_columns)
        in.fail("a component has too many columns");
    planes += planes_of(columns);
    if (planes > max_component_planes)
        in.fail("it has too many columns");
    component.columns.reserve(columns);
    for (std::uint64_t i = 0; i < columns; ++i)
        component.columns.push_back(get_column(in));
    return component;
}

} // namespace

void check_limits(const store::Definition& definition) {
    require(definition.components.size() <= max_components, "too many components");
    std::size_t planes = 0;
    for (const store::ComponentDefinition& component : definition.components) {
        require(component.name.size() <= max_component_name_bytes, "a component with too long a name");
        require(component.space == store::entity_space || component.space == store::cell_space,
                "a component of an unknown space");
        require(component.columns.size() <= max_component_columns, "a component with too many columns");
        planes += planes_of(component.columns.size());
        for (const store::ColumnDefinition& column : component.columns) {
            require(column.name.size() <= max_component_name_bytes, "a column with too long a name");
            require(is_column_type(column.type), "a column of a type that no column has");
            require(!column.fill || fill_fits(column.type, column.fill->size()),
                    "a column whose default does not fit it");
        }
    }
    require(planes <= max_component_planes, "too many columns");
}

std::string encode_definition(const store::Definition& definition) {
    check_limits(definition);
    ByteWriter out;
    out.put_bytes(magic);
    out.put(version);
    out.put(definition.incarnation);
    out.put_varint(definition.components.size());
    for (const store::ComponentDefinition& component : definition.components) {
        out.put_text(component.name);
        out.put_text(component.space);
        out.put(component.key);
        out.put_varint(component.columns.size());
        for (const store::ColumnDefinition& column : component.columns) {
            out.put_text(column.name);
            out.put(column.fill ? has_fill : std::uint8_t{0});
            out.put(static_cast<std::uint8_t>(column.type));
            out.put(static_cast<std::uint8_t>(column.index));
            out.put(column.key);
            if (column.fill)
                out.put_text(*column.fill);
        }
    }
    out.put(hash64(out.view()));
    return out.take();
}

store::Definition decode_definition(std::string_view bytes) {
    ByteReader in(bytes, subject);
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

    store::Definition out;
    out.incarnation = in.get<std::uint64_t>();
    const std::uint64_t components = in.get_varint();
    if (components > max_components)
        in.fail("it has too many components");
    out.components.reserve(components);
    std::size_t planes = 0;
    for (std::uint64_t i = 0; i < components; ++i)
        out.components.push_back(get_component(in, planes));
    if (in.remaining() != sizeof(std::uint64_t))
        in.fail("bytes are left over");
    return out;
}

std::uint64_t definition_hash(const store::Definition& definition) {
    return hash64(encode_definition(definition));
}

} // namespace gamelan::codec
