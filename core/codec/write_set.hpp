// Rows that SQL wrote, on their way from a session to the tick that applies them, and in the log.
// docs/formats.md, "Write set".
//
// A write set is a sequence of groups; a group is rows that one kind of statement wrote to the same columns
// of the same component. It names components and columns, and says of what type each value is, so that it can
// be read without the layout, and be refused if the layout is another by now.
#pragma once

#include "core/base/bytes.hpp"
#include "core/store/definition.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gamelan::codec {

// Numbers are part of the format: never renumber.
enum class RowOperation : std::uint8_t {
    insert = 1,  // the row must not be there
    update = 2,  // it must
    remove = 3,  // it must
    put = 4,     // either way
    spawn = 5,   // `component` is the name of the template, or empty; no columns
    despawn = 6, // `component` is empty; no columns
    revive = 7,  // like spawn, in place of whoever has the slot; each row's version is its entity's `created`
    expect = 8,  // no columns; the row's handle is a tick: the state must be that tick's, as it was sealed
    set = 9,     // `component` is empty; columns that belong to no component, a native game's, by slot
};

struct RowColumn {
    std::string name;
    ColumnType type;
    std::int32_t key = 0; // store::ColumnDefinition::key; 0 = not known
    bool operator==(const RowColumn&) const = default;
};

struct RowGroup {
    RowOperation operation = RowOperation::insert;
    std::string component;
    // Whose numbers the keys are, and the component's: store::Definition. 0 = not known, and names decide.
    std::uint64_t incarnation = 0;
    std::uint64_t key = 0;
    bool has_version = false;          // each row names the version it must still have
    std::vector<RowColumn> guards;     // columns that must still hold what the row says they held
    std::uint32_t leading_columns = 0; // a put's: how many of its columns it writes where the row is already
    std::vector<RowColumn> columns;    // columns to write; an insert's others become NULL
    bool operator==(const RowGroup&) const = default;
};

struct RowValue {
    bool is_null = false;
    std::string_view bytes; // width_of(type), or the contents of a value
};

// Appends groups and rows to bytes that the caller keeps.
class WriteSetWriter {
  public:
    // A group's rows follow one another in `rows`.
    static void put_handle(ByteWriter& rows, std::uint64_t handle) { rows.put_varint(handle); }
    static void put_version(ByteWriter& rows, std::uint64_t version) { rows.put_varint(version); }
    static void put_value(ByteWriter& rows, ColumnType type, const RowValue& value);
    // The group with all its rows.
    static void put_group(ByteWriter& out, const RowGroup& group, std::uint64_t row_count,
                          std::string_view rows);
};

class WriteSetReader {
  public:
    explicit WriteSetReader(std::string_view bytes) : in_(bytes, "a write set"), row_in_({}, "a write set") {}

    // The next group; false at the end. All rows of the one before must have been read or skipped.
    bool next_group();
    void skip_rows();
    // The packed rows of the group, all that are left.
    std::string_view packed_rows() const { return rows_; }
    const RowGroup& group() const { return group_; }
    std::uint64_t rows_left() const { return rows_left_; }

    // The next row of the group: its parts are valid until the next call.
    void next_row();
    std::uint64_t handle() const { return handle_; }
    std::uint64_t version() const { return version_; }
    const std::vector<RowValue>& guards() const { return guards_; }
    const std::vector<RowValue>& values() const { return values_; }

  private:
    std::vector<RowColumn> get_columns();
    void get_values(const std::vector<RowColumn>& columns, std::vector<RowValue>& out);

    ByteReader in_;
    RowGroup group_;
    ByteReader row_in_;
    std::string_view rows_;
    std::uint64_t rows_left_ = 0;
    std::uint64_t handle_ = 0;
    std::uint64_t version_ = 0;
    std::vector<RowValue> guards_;
    std::vector<RowValue> values_;
};

// A write set as the components are now, for one that was made when they were others: renamed ones have their
// new names, rows and values of what was dropped are left out, inserted rows get what rows that existed got
// in columns that were added. Nothing when there is nothing to change. Groups whose keys are not of
// `definition`'s incarnation stay as they are.
std::optional<std::string> adapt_write_set(std::string_view bytes, const store::Definition& definition);

} // namespace gamelan::codec
