// Rows on their way from a statement into the transaction's queue: checked against the published state and
// the transaction's own writes, packed, queued. The same for DML, COPY and the functions that write rows.
#pragma once

#include "core/codec/write_set.hpp"

#include <memory>
#include <span>
#include <vector>

#include "extension/fdw/table_info.hpp"
#include "extension/fdw/view.hpp"

namespace gamelan::fdw {

// One value of a row, encoded.
struct WriterValue {
    bool is_null;
    pg::EncodedValue encoded;
};

// What is known of the row that is to be written.
struct WriterRow {
    std::int64_t world;
    std::int64_t handle;                 // entity, or the id of a cell
    std::span<const WriterValue> values; // of the columns to write
    const View* view = nullptr;          // that the statement read the row in; for its guards
};

// C++ zone: it throws, and is used under sql_boundary.
class RowWriter {
  public:
    // `guards`: numbers of columns that the statement read, and that must still hold what they held then;
    // `has_version`: the row must not have changed at all since the view.
    // `leading`: of a put, how many of the columns it writes where the row is already.
    RowWriter(std::shared_ptr<const TableInfo> table, codec::RowOperation operation,
              std::span<const AttrNumber> columns, std::span<const AttrNumber> guards, bool has_version,
              std::size_t leading = 0);

    const TableInfo& table() const { return *table_; }
    std::span<const AttrNumber> columns() const { return columns_; }

    // Throws Error: undefined_world, undefined_entity, undefined_cell, unique_violation,
    // serialization_failure (a row the statement read is gone already), queue_full.
    void queue(const WriterRow& row);
    // For an insert that is to do nothing where a row is.
    bool has_row(std::int64_t world, std::int64_t handle);
    // The packed row alone, for a request; `version`: that it must have.
    std::string pack(const WriterRow& row, std::uint64_t version);
    // In the newest published tick; -1 = there is no such row.
    std::int64_t row_version(std::int64_t world, std::int64_t handle) const;

  private:
    struct Place {
        store::WorldSlot slot;
        std::uint64_t handle; // as the store numbers it
    };
    // What the world of the row before had where; most statements write to one world.
    struct Known {
        std::int64_t world = 0;
        store::WorldSlot slot{0};
        std::uint64_t layout_version = 0;
        std::optional<store::EntityPlanes> planes;
        std::optional<store::ComponentId> component;
    };
    enum class Life : std::uint8_t {
        dead,
        pending, // the handle was given out; the tick will tell whether its spawn came before the row
        alive,
    };
    Place place_of(std::int64_t world, std::int64_t handle) const;
    std::optional<store::Snapshot> published(const Place& place, std::int64_t world) const;
    Life life_of(const store::Snapshot& snapshot, const Place& place, std::int64_t world) const;
    bool is_there(const store::Snapshot& snapshot, const Place& place, std::int64_t world) const;
    void check(const Place& place, const WriterRow& row) const;
    // The group of rows, and the columns whose values they carry as guards.
    struct Guarding {
        std::shared_ptr<const codec::RowGroup> group;
        std::vector<AttrNumber> guards;
    };
    const Guarding& guarding_in(const TablePlace* place);
    void put_guard(ByteWriter& out, const store::Snapshot& snapshot, const TablePlace& place,
                   AttrNumber number, std::uint32_t slot) const;
    std::shared_ptr<const codec::RowGroup> put_guards(ByteWriter& out, const Place& place,
                                                      const WriterRow& row);
    void put_values(ByteWriter& out, const WriterRow& row) const;
    std::string row_name(std::int64_t handle) const;
    std::vector<codec::RowColumn> describe(std::span<const AttrNumber> numbers) const;

    std::shared_ptr<const TableInfo> table_;
    std::vector<AttrNumber> columns_;
    Guarding guarding_;
    Guarding lagging_; // for worlds whose layout of number lagging_layout_ lacks a guard's column
    std::uint64_t lagging_layout_ = 0;
    mutable Known known_;
};

} // namespace gamelan::fdw
