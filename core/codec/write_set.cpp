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
    put_columns(out, group.guards);
    put_columns(out, group.columns);
    if (group.operation == RowOperation::put)
        out.put_varint(group.leading_columns);
    out.put_varint(row_count);
    out.put_bytes(rows);
}

std::vector<RowColumn> WriteSetReader::get_columns() {
    const std::uint64_t count = in_.get_varint();
    if (count > max_group_columns)
        in_.fail("it names too many columns");
    std::vector<RowColumn> out(count);
    for (RowColumn& column : out) {
        column.name = in_.get_text(store::max_name_bytes);
        column.type = in_.get<ColumnType>();
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
    if (group_.operation < RowOperation::insert || group_.operation > RowOperation::despawn)
        in_.fail("it has an unknown operation");
    group_.has_version = (in_.get<std::uint8_t>() & flag_version) != 0;
    group_.component = in_.get_text(store::max_name_bytes);
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
    if (rows_left_ > in_.remaining())
        in_.fail("it claims more rows than it has bytes");
    return true;
}

void WriteSetReader::get_values(const std::vector<RowColumn>& columns, std::vector<RowValue>& out) {
    for (std::size_t i = 0; i < columns.size(); ++i) {
        out[i].is_null = in_.get<std::uint8_t>() == 0;
        if (out[i].is_null)
            out[i].bytes = {};
        else if (columns[i].type == ColumnType::value)
            out[i].bytes = in_.get_text(store::max_value_bytes);
        else
            out[i].bytes = in_.get_bytes(width_of(columns[i].type));
    }
}

void WriteSetReader::next_row() {
    if (rows_left_ == 0)
        in_.fail("a row was read beyond its group");
    --rows_left_;
    handle_ = in_.get_varint();
    version_ = group_.has_version ? in_.get_varint() : 0;
    get_values(group_.guards, guards_);
    get_values(group_.columns, values_);
}

} // namespace gamelan::codec
