// Plays the statements of a group on one block after the other. Only executor.cpp uses it.
//
// Within a block a written column has two places: the renewed block and a scratch area beside it. Each
// statement reads one and writes the other, so that all its expressions see the old row, and a loop that
// failed still has its inputs; what is in the scratch area at the end is copied once. When a pass goes over
// more than caches hold, both places are scratch areas, and the block is written once, past the caches.
#pragma once

#include "core/automaton/simd_level.hpp"
#include "core/kernel/decimal.hpp"
#include "core/kernel/lane_aggregate.hpp"
#include "core/kernel/masks.hpp"
#include "core/kernel/neighbourhood.hpp"
#include "core/kernel/plan.hpp"
#include "core/spatial/kept_grids.hpp"
#include "core/store/column_reader.hpp"
#include "core/store/world_store.hpp"

#include <memory>
#include <string>

namespace gamelan::kernel {

// The first row of a statement's that failed, by lane, and how: an operation, a NULL, a check, or a row that
// is there already.
struct Problem {
    enum class Kind : std::uint8_t { none, fault, not_null, check, conflict } kind = Kind::none;
    std::uint32_t lane = 0;
    Fault fault = Fault::none;
    std::uint32_t number = 0; // of the assignment or check
};

// What an aggregate came to, or how it failed.
struct AggregateResult {
    Value value;
    Fault fault = Fault::none;
};

// What each cell adds to an aggregate over neighbours, by slot, with some room before the first and behind
// the last.
class Derived {
  public:
    void reset(std::uint32_t slots, std::uint32_t reach, std::uint32_t width_bytes);
    // Bytes: 1 where the cell counts at all.
    Byte* taken() { return taken_.data() + reach_; }
    const Byte* taken() const { return taken_.data() + reach_; }
    // Of a cell that does not count, what changes nothing.
    std::byte* values() { return values_.data() + std::size_t{reach_} * width_bytes_; }
    const std::byte* values() const { return values_.data() + std::size_t{reach_} * width_bytes_; }

  private:
    std::uint32_t reach_ = 0;
    std::uint32_t width_bytes_ = 0;
    std::vector<Byte> taken_;
    std::vector<std::byte> values_;
};

// What an emit said of one row.
struct Event {
    std::uint32_t slot;
    std::optional<store::Entity> entity;
    std::string payload; // of an append: the row, each field a byte (1 = NULL) and its value's bytes
};

// An aggregate over all rows as far as it has come.
struct Accumulator {
    bool has_value = false;
    Fault fault = Fault::none;
    std::int64_t integer = 0; // also counts and truths
    double real = 0;
    Int128 wide = 0;        // sums of i64, and of averages of integers
    std::int64_t count = 0; // of averages
    double squares = 0;     // of averages of reals: what avg() computes besides, and may overflow
    AggregateResult result(const Reduction& reduction) const;
};

class Machine {
  public:
    Machine(const PassPlan& plan, std::uint32_t lanes);

    // Before the first block of a pass: looks at the world as it is now. `aggregates`, `derived`: of the
    // pass's queries.
    void start(store::WorldStore& store, const TickInputs& inputs, std::uint64_t max_events,
               std::span<const AggregateResult> aggregates = {}, std::span<const Derived> derived = {});
    void begin_block(std::uint32_t index);
    // The rows that the statement changed, or the events that it emitted; or nothing when it failed: see
    // problem(). The block must not be committed then.
    std::optional<std::uint32_t> run(const StatementPlan& statement);
    // Writes what the statements changed to the world's renewed blocks.
    void commit_block();
    // Instead of run(), for a statement that is a reduction: adds the block's rows.
    void reduce(const StatementPlan& statement, Accumulator& accumulator);
    void derive(const StatementPlan& statement, Derived& out);
    const Problem& problem() const { return problem_; }
    // Since start(), by StatementPlan::emission. Of more than `max_events` in all they are only counted, but
    // for rows that are appended: those do not count as events.
    struct Emission {
        std::vector<Event> events;
        std::uint64_t count = 0;
    };
    // After the last block of a pass.
    void finish() const;
    const std::vector<Emission>& emissions() const { return emissions_; }
    std::uint64_t event_count() const { return event_count_; }
    std::uint64_t blocks_written() const { return blocks_written_; }

  private:
    struct Operand {
        const std::byte* values;
        const Byte* nulls; // nullptr: none is NULL
    };
    struct SourceState {
        std::optional<store::ColumnReader> values;
        std::optional<store::ColumnReader> nulls;
        bool is_loaded = false;
        bool is_changed = false;
        std::byte* own = nullptr;   // where values go: the renewed block, or a second scratch area
        std::byte* spare = nullptr; // that area, of columns that are written
        std::byte* scratch = nullptr;
        Byte* null_rooms[2] = {};
        bool are_nulls_written = false;
    };
    struct Presence {
        store::ColumnReader reader;
        std::uint32_t target; // whose rows statements change, or none
    };
    struct RowSet {
        std::vector<Presence> presence;
        enum class Rows : std::uint8_t { unknown, none, some, all } rows = Rows::unknown;
        Words words{};
        std::uint32_t count = 0;
        Byte* bytes = nullptr;
    };
    struct TargetState {
        Words touched{};
        bool is_touched = false;
        // Of targets whose rows change: what there is now, and what came and went in the block.
        bool are_rows_changed = false;
        Words present{};
        Words inserted{};
        Words removed{};
        std::vector<store::ColumnReader> nulls; // of its columns
    };
    struct Elsewhere {
        PlaneTable values;
        std::optional<PlaneTable> nulls;
    };
    // Pairs of rows of the block and rows that were found for them, as many as there are lanes, and what has
    // been folded of them so far.
    struct Join {
        std::vector<std::uint32_t> lanes;
        std::vector<std::uint32_t> slots;
        std::vector<double> distances;
        std::vector<Byte> are_pairs;
        std::uint32_t count = 0;
        std::vector<std::byte> values;
        std::vector<std::int64_t> counts;
        std::vector<Byte> states; // by row: whether it has a value, or the first is NULL
    };
    struct Found {
        std::uint32_t slot;
        double distance;
    };
    // A result of the statement that is played.
    struct Written {
        std::byte* place;
        const Byte* nulls;
    };

    std::byte* take(std::size_t bytes);
    void look_at_rows(const store::Snapshot& view, const ComponentSet& set, std::vector<Presence>& out) const;
    void fill_fixed(const TickInputs& inputs, std::span<const AggregateResult> aggregates);
    void look_elsewhere(const store::Snapshot& view, const TickInputs& inputs);
    void load_cells(SourceState& state, Register source);
    void fetch(std::uint32_t index) const;
    void find_rows(RowSet& set);
    bool exceeds_caches() const;
    void load(Register source);
    void load_entities(SourceState& state, Register source);
    std::byte* next_place(Register source);
    bool select(const StatementPlan& statement);
    std::uint32_t rows_from(std::uint32_t slot) const;
    void compute(const StatementPlan& statement);
    void play_all(std::span<const Step> steps);
    void constrain(const StatementPlan& statement);
    void write(const StatementPlan& statement);
    void write_values(Register source, Operand value, Written& written);
    void write_nulls(Register source, Operand value, Written& written);
    void commit_source(Register source);
    void commit_values(const SourceState& state, Register source);
    void write_bits(std::uint32_t plane, const store::ColumnReader& old, const Words& words);
    Words words_of(const StatementPlan& statement) const;
    std::uint32_t slot_of(std::uint32_t lane) const {
        return block_ * lanes_ + (pair_rows_ ? pair_rows_[lane] : lane);
    }
    std::uint32_t touch(const StatementPlan& statement);

    // Rows that come and go, and events (machine_rows.cpp).
    TargetState& change_rows(std::uint32_t target);
    bool resolve_conflicts(const StatementPlan& statement);
    std::uint32_t insert(const StatementPlan& statement);
    std::uint32_t remove(const StatementPlan& statement);
    std::uint32_t emit(const StatementPlan& statement);
    std::uint32_t append(const StatementPlan& statement);
    void require_not_null(Register value, std::uint32_t number);
    std::uint32_t conclude(const StatementPlan& statement);
    void forget_rows(std::uint32_t target);
    void clear_lost(std::byte* values, Register source) const;
    void commit_rows(std::uint32_t target);

    // Steps (machine_steps.cpp).
    void play(const Step& step);
    void play_lanes(const Step& step, std::byte* out, Byte* nulls);
    void play_multiply_add(const Step& step, std::byte* out, Byte* nulls);
    void play_compare_select(const Step& step, std::byte* out, Byte* nulls);
    void play_logic(const Step& step, Byte* out, Byte* nulls);
    void play_test(const Step& step, Byte* out);
    void play_distinct(const Step& step, Byte* out);
    void play_select(const Step& step, std::byte* out, Byte* nulls);
    void play_coalesce(const Step& step, std::byte* out, Byte* nulls);
    void play_nullif(const Step& step, std::byte* out, Byte* nulls);
    void play_extreme(const Step& step, std::byte* out, Byte* nulls);
    void play_mask(const Step& step, Byte* out);
    // The rows where it is false, and neither true nor NULL, fail that check.
    void fail_unless(Operand condition, std::uint32_t check);
    bool play_narrow(const Step& step);
    bool narrow_to(const Byte* rows);
    // Rows elsewhere (machine_sources.cpp).
    void play_elsewhere(const Step& step, std::byte* out, Byte* nulls);
    void play_find(const Step& step, std::byte* out, Byte* nulls);
    bool play_narrow_found(const Step& step);
    const std::uint32_t* wanted_slots(Register found);
    void play_gather(const Step& step, std::byte* out, Byte* nulls);
    void play_gather_bit(const Step& step, Byte* out);
    void play_own_row(const Step& step);
    void play_observed(Byte* out);
    void play_neighbour_rows(const Step& step, Byte* out);
    void play_neighbour(const Step& step, std::byte* out, Byte* nulls);
    void play_neighbour_id(const Step& step, std::byte* out);
    // Aggregates (machine_aggregate.cpp).
    void play_stencil(const Step& step, std::byte* out, Byte* nulls);
    void play_accumulate(const Step& step, std::byte* out, Byte* nulls);
    void add_reals(const Step& step, const AggregateLanes& lane);
    void play_pass_fault(const Step& step);
    // Rows by their place (machine_places.cpp).
    void find_grids(const store::Snapshot& view);
    void play_place(const Step& step);
    void play_search(std::span<const Step> steps);
    bool look_around(const JoinPlan& plan, std::uint32_t lane);
    bool look(const JoinPlan& plan, std::uint32_t lane, const spatial::Position& centre);
    bool look_nearest(const JoinPlan& plan, std::uint32_t lane, const spatial::Position& centre);
    bool look_near(const JoinPlan& plan, std::uint32_t lane, const spatial::Position& centre);
    bool look_in_box(const JoinPlan& plan, std::uint32_t lane, const spatial::Position& centre);
    bool look_within(const JoinPlan& plan, std::uint32_t lane, const spatial::Position& centre);
    bool fail_lane(std::uint32_t lane, Fault fault);
    void take_all_rows(const JoinPlan& plan);
    void put_in_order(const JoinPlan& plan);
    std::uint32_t generation_of(const JoinPlan& plan, std::uint32_t slot) const;
    void play_pairs(Join& join, std::span<const Step> steps);
    void play_pair_handle(const Step& step, std::byte* out);
    void play_spread(const Step& step, std::byte* out, Byte* nulls);
    void play_fold(const Step& step);
    void play_tell(const Step& step);
    void play_folded(const Step& step, std::byte* out, Byte* nulls);
    void loop(const Operation& operation, std::byte* out, std::initializer_list<const std::byte*> inputs,
              const Byte* mask, const Byte* nulls);
    const Byte* either(const Byte* a, const Byte* b, Byte* room) const;
    const Byte* keep(const Byte* nulls, Byte* room) const;
    const Byte* mask_of(Register mask) const;

    const PassPlan& plan_;
    std::uint32_t lanes_;
    std::size_t widest_bytes_; // of a value in the pass, and at least of a handle
    std::unique_ptr<std::byte, void (*)(void*)> memory_;
    std::byte* next_memory_ = nullptr;
    store::WorldStore* store_ = nullptr;
    const grid::Planet* planet_ = nullptr;
    std::span<const std::uint64_t> observed_;
    std::vector<Locator> locators_;
    std::vector<Elsewhere> planes_;
    std::vector<std::shared_ptr<const spatial::KeptGrid>> grids_;
    std::vector<Join> joins_;
    // What is looked for: by argument of the search and row; of one row.
    std::vector<std::vector<double>> places_;
    std::vector<std::vector<Byte>> place_nulls_;
    std::vector<std::uint32_t> found_slots_;
    std::vector<spatial::MovingGrid::Nearest> nearest_;
    std::vector<Found> found_;
    const std::uint32_t* pair_rows_ = nullptr; // lanes of the own rows, while lanes are pairs
    const StatementPlan* telling_ = nullptr;   // the statement whose pairs are told of
    std::uint64_t told_ = 0;
    std::vector<Byte> told_pairs_;
    std::optional<Neighbourhood> neighbourhood_;
    std::span<const Derived> derived_;
    std::vector<Fault> faults_; // by aggregate of the pass
    std::size_t level_ = 0;
    std::uint32_t block_ = 0;
    std::uint64_t blocks_written_ = 0;

    std::vector<Operand> registers_;
    std::vector<SourceState> sources_;
    std::vector<RowSet> row_sets_;
    std::vector<TargetState> targets_;
    std::vector<std::uint32_t> target_of_source_; // whose rows change, or none
    std::vector<Emission> emissions_;
    std::uint64_t max_events_ = 0;
    std::uint64_t event_count_ = 0;
    std::vector<std::byte*> buffers_;
    std::vector<Byte*> buffer_nulls_;
    std::vector<Written> written_; // of the statement
    std::byte* zeros_ = nullptr;
    Byte* ones_ = nullptr;
    std::byte* part_ = nullptr; // what the first part of a step computes
    Byte* part_nulls_ = nullptr;
    Byte* selection_room_ = nullptr;
    const Byte* selection_ = nullptr; // nullptr: all lanes
    std::uint32_t selected_ = 0;      // how many
    bool is_streaming_ = false;
    std::byte* first_buffer_ = nullptr;
    std::byte* last_buffer_ = nullptr;
    Problem problem_;
};

} // namespace gamelan::kernel
