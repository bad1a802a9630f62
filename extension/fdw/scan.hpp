// A scan of one component: goes through blocks, or through named rows, of one world after the other, and
// hands out one row at a time.
//
// The class is C++ zone, except where noted; it may call palloc from frames that own nothing. What it needs
// of Postgres beyond that (waiting, evaluating defaults, testing a row) it asks for by its answer.
#pragma once

#include "core/grid/planet.hpp"
#include "core/query/aggregate.hpp"
#include "core/query/predicate.hpp"
#include "core/store/ordered_index.hpp"

#include <atomic>
#include <optional>
#include <span>

#include "extension/fdw/pushdown.hpp"
#include "extension/fdw/table_info.hpp"
#include "extension/fdw/view.hpp"

namespace gamelan::fdw {

enum class Step : std::uint8_t {
    row,
    row_to_test, // a row that may not pass the pushed conditions: the world lacks a column they ask for
    pause,       // nothing found for a while: a good moment to look for interrupts
    end,
    wait_for_world, // waiting_for() has not published anything yet
    need_defaults,  // of the columns that needs_default() names
};

enum class Route : std::uint8_t {
    full, // all blocks, or those that a range of handles lies in
    rows, // the rows that a condition names
    index,
};

// What a parallel scan shares: which worlds, in which versions, and the next block to take. In dynamic shared
// memory, after it `world_count` of SharedWorld.
struct SharedWorld {
    std::int64_t id;
    store::WorldSlot slot;
    store::Ref root;
    std::uint64_t first_block; // among all blocks of the scan
};
struct SharedScan {
    std::atomic<std::uint64_t> next_block;
    std::atomic<std::uint64_t> blocks_scanned; // by helpers that are done
    std::atomic<std::uint64_t> blocks_skipped;
    std::uint64_t block_count;
    View::Leader leader;
    std::uint32_t world_count;
    SharedWorld worlds[FLEXIBLE_ARRAY_MEMBER];
};

class Scan {
  public:
    struct Qual {
        PushedQual spec;
        ColumnRole role;
        query::Predicate predicate;
    };
    struct Aggregate {
        AttrNumber column; // 0: counts rows
        query::Accumulator accumulator;
    };
    struct Counters {
        std::uint64_t blocks_scanned = 0;
        std::uint64_t blocks_skipped = 0;
        std::uint64_t tick = 0; // of the world that was opened last
        std::uint32_t worlds = 0;
    };

    // `needed`: numbers of the columns whose values rows must have. `by_index`: number of the qual whose
    // column's index leads to the rows, or -1.
    Scan(std::shared_ptr<const TableInfo> table, std::span<const PushedQual> quals,
         std::span<const AttrNumber> needed, int by_index);
    ~Scan();
    Scan(const Scan&) = delete;
    Scan& operator=(const Scan&) = delete;

    const TableInfo& table() const { return *table_; }
    std::span<Qual> quals() { return quals_; }
    Route route() const { return route_; }
    const Qual& index_qual() const { return quals_[static_cast<std::size_t>(index_qual_)]; }
    bool has_view() const { return view_ != nullptr; }
    const View* view() const { return view_; }

    // The view it reads from now on; counts as one of its scans.
    void set_view(View* view);
    // A helper's own, with the leader's versions; and the leader's.
    void share(SharedScan* shared);
    // Blocks of all worlds in the view, for a leader to share: fills in what `shared` says of them.
    static std::size_t shared_bytes(std::size_t worlds);
    void fill_shared(SharedScan& shared, std::span<const WorldPlace> worlds);
    // At the end of a parallel scan, before the shared part goes: helpers leave their counts there, the
    // leader takes them over.
    void stop_sharing();

    // After the operands were set: from the start.
    void restart();
    // Notes the versions of the worlds that are named, if they have any.
    void touch_worlds();

    // `values` and `nulls` have room for all columns; those that are not needed are left alone.
    Step next(Datum* values, bool* nulls);

    // Instead of next(): takes all rows into `aggregates`, whose columns are among the needed ones. Answers
    // anything but a row; called again after everything but the end.
    Step take_all(std::span<Aggregate> aggregates);

    bool accepts_world(std::int64_t id) const;
    const WorldPlace& waiting_for() const { return waiting_for_; }
    void skip_waiting() { ++world_index_; }

    // Postgres zone.
    bool needs_default(AttrNumber number) const;
    // `encoded`: as the store would hold it, if it is of fixed width.
    void set_default(AttrNumber number, Datum value, bool is_null, const pg::EncodedValue& encoded);

    Counters counters;

  private:
    struct Column {
        AttrNumber number;
        ColumnRole role;
        const ColumnInfo* info;
        std::uint32_t width = 0;
        // In the current world.
        std::uint32_t values_plane = store::none;
        std::uint32_t nulls_plane = store::none;
        bool is_missing = false;
        bool is_batched = false; // read for many rows at once
        // In the current block.
        const std::byte* values = nullptr;
        std::uint32_t stride = 0;
        const std::uint64_t* nulls = nullptr;
        // For rows of a world that does not have the column.
        bool has_default = false;
        bool default_is_null = true;
        Datum default_value = 0;
        alignas(8) std::byte default_bytes[16] = {};
        alignas(8) std::byte room[16] = {}; // the value of a 16-byte type in the current row
    };

    void add_column(AttrNumber number);
    void choose_worlds();
    void choose_rows();
    const std::vector<WorldPlace>& all_worlds();
    bool open_world(const WorldPlace& world);
    void bind_columns();
    bool is_default_missing() const;
    std::uint32_t blocks_of(const store::Snapshot& snapshot, const TablePlace& place) const;

    std::optional<Step> advance();
    std::optional<Step> advance_shared();
    std::optional<Step> enter_world(const WorldPlace& world);
    void choose_blocks();
    void load_row(std::int64_t handle);
    void load_slot(std::uint32_t slot);
    void choose_entries();
    bool next_entry(std::uint32_t& slot);
    void load_block(std::uint32_t block);
    bool zones_may_match(std::uint32_t block) const;
    void fill_presence(std::uint32_t block, std::uint32_t first_word, std::uint32_t words);
    void narrow(std::uint32_t block, std::uint32_t first_word, std::uint32_t words);
    void fetch_columns(std::uint32_t block);
    const std::byte* plane(std::uint32_t plane, std::uint32_t block, std::size_t bytes) const;
    std::int64_t handle_of(std::uint32_t slot) const;
    bool accepts_handle(std::int64_t handle) const;
    void fill_batch();
    void read_many(const Column& column, Datum* values, bool* nulls) const;
    template <class T, class ToDatum>
    void read_values(const Column& column, Datum* values, ToDatum to_datum) const;
    void hand_out(Datum* values, bool* nulls);
    void take_block(std::span<Aggregate> aggregates);
    void drop_unaccepted_handles(std::uint32_t first_word, std::uint32_t end_word);
    const Column& column_of(AttrNumber number) const;
    bool defaults_pass() const;
    Datum value_at(Column& column, std::uint32_t slot) const;

    std::shared_ptr<const TableInfo> table_;
    std::vector<Qual> quals_;
    std::vector<Column> columns_; // the needed ones, then those that only row_to_test needs
    std::size_t needed_count_;
    Route route_ = Route::full;
    int index_qual_ = -1;
    bool has_handle_quals_ = false;
    bool needs_generation_ = false;

    View* view_ = nullptr;
    OpenScan open_;
    std::optional<View> helper_view_;
    SharedScan* shared_ = nullptr;

    // Where the scan is.
    bool is_over_ = true;
    std::vector<WorldPlace> worlds_;
    std::vector<WorldPlace> all_worlds_;
    bool has_all_worlds_ = false;
    std::size_t world_index_ = 0;
    bool is_in_world_ = false;
    std::vector<std::int64_t> rows_; // handles that the conditions name
    std::size_t row_index_ = 0;
    bool uses_index_ = false; // of the current world; it may lack the index
    std::vector<query::Predicate::KeyRange> ranges_;
    std::size_t range_index_ = 0;
    std::optional<store::OrderedIndex::Cursor> cursor_;
    std::uint32_t block_ = 0;
    std::uint32_t end_block_ = 0;
    WorldPlace waiting_for_{};

    // The current world; kept over restarts.
    std::int64_t opened_id_ = 0;
    std::optional<store::Snapshot> snapshot_;
    std::shared_ptr<const TablePlace> place_;
    const grid::Planet* planet_ = nullptr; // of a table of cells
    std::uint32_t slot_count_ = 0;
    bool is_working_ = false; // a state that is being built: its zones and indexes are of the tick before
    bool is_testing_ = false; // rows are handed out as row_to_test
    std::size_t column_count_ = 0;

    std::uint32_t blocks_since_pause_ = 0;

    // The current block.
    std::uint64_t mask_[store::max_block_slots / 64] = {};
    std::uint32_t word_ = 0;
    std::uint32_t end_word_ = 0;
    std::uint32_t first_slot_ = 0;
    const std::byte* generations_ = nullptr;

    // Rows of one word of the mask, in the order of slots: copied, and good even if the block goes.
    static constexpr std::uint32_t max_batch = 64;
    std::uint32_t batch_size_ = 0;
    std::uint32_t batch_next_ = 0;
    bool is_all_batched_ = false;
    std::uint32_t batch_slots_[max_batch] = {};
    std::vector<Datum> batch_values_; // max_batch for each column
    std::unique_ptr<bool[]> batch_nulls_;
};

} // namespace gamelan::fdw
