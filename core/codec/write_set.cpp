#include "core/codec/write_set.hpp"

#include "core/store/layout.hpp"
#include "core/store/value.hpp"

namespace gamelan::codec {

namespace {

constexpr std::uint8_t flag_version = 1;
constexpr std::size_t max_group_columns = 2048;

void put_columns(ByteWriter& out, const std::vector<RowColumn>& columns) {
    out.put_varint(columns.size());
    for (const RowColumn& column : columns) {
        out.put_text(column.name);
        out.put(static_cast<std::uint8_t>(column.type));
        out.put_signed_varint(column.key);
    }
}

bool is_storable(ColumnType type) {
    return type == ColumnType::value ||
           (type != ColumnType::bit && type != ColumnType::version && width_of(type) > 0);
}

} // namespace

// A value: 0 = NULL, 1 = not; then its bytes. A value of the heap has its length first.
void WriteSetWriter::put_value(ByteWriter& rows, ColumnType type, const RowValue& value) {
    rows.put(static_cast<std::uint8_t>(!value.is_null));
    if (value.is_null)
        return;
    if (type == ColumnType::value)
        rows.put_varint(value.bytes.size());
    rows.put_bytes(value.bytes);
}

void WriteSetWriter::put_group(ByteWriter& out, const RowGroup& group, std::uint64_t row_count,
                               std::string_view rows) {
    out.put(static_cast<std::uint8_t>(group.operation));
    out.put(static_cast<std::uint8_t>(group.has_version ? flag_version : 0));
    out.put_text(group.component);
    out.put(group.incarnation);
    out.put(group.key);
    put_columns(out, group.guards);
    put_columns(out, group.columns);
    if (group.operation == RowOperation::put)
        out.put_varint(group.leading_columns);
    out.put_varint(row_count);
    out.put_text(rows);
}

std::vector<RowColumn> WriteSetReader::get_columns() {
    const std::uint64_t count = in_.get_varint();
    if (count > max_group_columns)
        in_.fail("it names too many columns");
    std::vector<RowColumn> out(count);
    for (RowColumn& column : out) {
        column.name = in_.get_text(store::max_name_bytes);
        column.type = in_.get<ColumnType>();
        column.key = static_cast<std::int32_t>(in_.get_signed_varint());
        if (!is_storable(column.type))
            in_.fail("a column has an unknown type");
    }
    return out;
}

bool WriteSetReader::next_group() {
    if (rows_left_ > 0)
        in_.fail("rows of a group were left over");
    if (in_.remaining() == 0)
        return false;
    group_.operation = in_.get<RowOperation>();
    if (group_.operation < RowOperation::insert || group_.operation > RowOperation::set)
        in_.fail("it has an unknown operation");
    group_.has_version = (in_.get<std::uint8_t>() & flag_version) != 0;
    group_.component = in_.get_text(store::max_name_bytes);
    group_.incarnation = in_.get<std::uint64_t>();
    group_.key = in_.get<std::uint64_t>();
    group_.guards = get_columns();
    group_.columns = get_columns();
    group_.leading_columns = 0;
    if (group_.operation == RowOperation::put) {
        const std::uint64_t leading = in_.get_varint();
        if (leading > group_.columns.size())
            in_.fail("a put writes more columns than it has");
        group_.leading_columns = static_cast<std::uint32_t>(leading);
    }
    guards_.resize(group_.guards.size());
    values_.resize(group_.columns.size());
    rows_left_ = in_.get_varint();
    rows_ = in_.get_text(in_.remaining());
    row_in_ = ByteReader(rows_, "a write set");
    if (rows_left_ > rows_.size())
        in_.fail("it claims more rows than it has bytes");
    return true;
}

void WriteSetReader::get_values(const std::vector<RowColumn>& columns, std::vector<RowValue>& out) {
    for (std::size_t i = 0; i < columns.size(); ++i) {
        out[i].is_null = row_in_.get<std::uint8_t>() == 0;
        if (out[i].is_null)
            out[i].bytes = {};
        else if (columns[i].type == ColumnType::value)
            out[i].bytes = row_in_.get_text(store::max_value_bytes);
        else
            out[i].bytes = row_in_.get_bytes(width_of(columns[i].type));
    }
}

void WriteSetReader::next_row() {
    if (rows_left_ == 0)
        in_.fail("a row was read beyond its group");
    --rows_left_;
    handle_ = row_in_.get_varint();
    version_ = group_.has_version ? row_in_.get_varint() : 0;
    get_values(group_.guards, guards_);
    get_values(group_.columns, values_);
    if (rows_left_ == 0 && row_in_.remaining() != 0)
        row_in_.fail("bytes are left over in a group");
}

void WriteSetReader::skip_rows() {
    rows_left_ = 0;
}

namespace {

// What becomes of a group: for each of its new columns, the old one it comes from, or what it is filled with.
struct Adapted {
    struct Source {
        std::size_t old = 0;
        std::optional<std::string> fill;
        bool is_new = false;
    };
    RowGroup group;
    std::vector<std::size_t> guards; // of the old ones
    std::vector<Source> columns;
    bool is_same = true;
};

const store::ColumnDefinition* find(const store::ComponentDefinition& component, const RowColumn& column) {
    for (const store::ColumnDefinition& candidate : component.columns)
        if (candidate.key == column.key)
            return &candidate;
    return nullptr;
}

bool is_named(const std::vector<RowColumn>& columns, const store::ColumnDefinition& wanted) {
    for (const RowColumn& column : columns)
        if (column.key == wanted.key)
            return true;
    return false;
}

Adapted adapt(const RowGroup& group, const store::ComponentDefinition& component) {
    Adapted out;
    out.group = group;
    out.group.component = component.name;
    out.group.guards.clear();
    out.group.columns.clear();
    for (std::size_t i = 0; i < group.guards.size(); ++i)
        if (const store::ColumnDefinition* found = find(component, group.guards[i])) {
            out.group.guards.push_back({found->name, group.guards[i].type, found->key});
            out.guards.push_back(i);
        }
    for (std::size_t i = 0; i < group.columns.size(); ++i)
        if (const store::ColumnDefinition* found = find(component, group.columns[i])) {
            out.group.columns.push_back({found->name, group.columns[i].type, found->key});
            out.columns.push_back({i, std::nullopt, false});
        } else if (i < group.leading_columns) {
            --out.group.leading_columns;
        }
    if (group.operation == RowOperation::insert || group.operation == RowOperation::put)
        for (const store::ColumnDefinition& column : component.columns)
            if (!is_named(group.columns, column)) {
                out.group.columns.push_back({column.name, column.type, column.key});
                out.columns.push_back({0, column.fill, true});
            }
    out.is_same = out.group == group;
    return out;
}

void put_adapted(ByteWriter& out, WriteSetReader& reader, const Adapted& adapted) {
    const std::uint64_t count = reader.rows_left();
    ByteWriter rows;
    while (reader.rows_left() > 0) {
        reader.next_row();
        WriteSetWriter::put_handle(rows, reader.handle());
        if (adapted.group.has_version)
            WriteSetWriter::put_version(rows, reader.version());
        for (std::size_t i = 0; i < adapted.guards.size(); ++i)
            WriteSetWriter::put_value(rows, adapted.group.guards[i].type, reader.guards()[adapted.guards[i]]);
        for (std::size_t i = 0; i < adapted.columns.size(); ++i) {
            const Adapted::Source& source = adapted.columns[i];
            const RowValue fill{!source.fill,
                                source.fill ? std::string_view(*source.fill) : std::string_view()};
            WriteSetWriter::put_value(rows, adapted.group.columns[i].type,
                                      source.is_new ? fill : reader.values()[source.old]);
        }
    }
    WriteSetWriter::put_group(out, adapted.group, count, rows.view());
}

const store::ComponentDefinition* find(const store::Definition& definition, std::uint64_t key) {
    for (const store::ComponentDefinition& component : definition.components)
        if (component.key == key)
            return &component;
    return nullptr;
}

bool has_keys_of(const RowGroup& group, const store::Definition& definition) {
    return group.key != 0 && group.incarnation == definition.incarnation;
}

// Looks at the heads of groups only: rows may be many.
bool is_current(std::string_view bytes, const store::Definition& definition) {
    WriteSetReader reader(bytes);
    while (reader.next_group()) {
        reader.skip_rows();
        if (!has_keys_of(reader.group(), definition))
            continue;
        const store::ComponentDefinition* component = find(definition, reader.group().key);
        if (component == nullptr || !adapt(reader.group(), *component).is_same)
            return false;
    }
    return true;
}

} // namespace

std::optional<std::string> adapt_write_set(std::string_view bytes, const store::Definition& definition) {
    if (is_current(bytes, definition))
        return std::nullopt;
    ByteWriter out;
    WriteSetReader reader(bytes);
    while (reader.next_group()) {
        const RowGroup group = reader.group();
        const store::ComponentDefinition* component = find(definition, group.key);
        if (!has_keys_of(group, definition)) {
            WriteSetWriter::put_group(out, group, reader.rows_left(), reader.packed_rows());
            reader.skip_rows();
        } else if (component == nullptr) {
            reader.skip_rows(); // dropped, with all its rows
        } else {
            put_adapted(out, reader, adapt(group, *component));
        }
    }
    return out.take();
}

} // namespace gamelan::codec
