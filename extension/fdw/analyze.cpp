// Samples for ANALYZE: all rows under one view, each with the same chance to be kept (Vitter 1985, "Random
// sampling with a reservoir", algorithm Z, as Postgres has it).
#include "extension/fdw/execution.hpp"

#include "extension/fdw/owned.hpp"
#include "extension/pg/bridge.hpp"

extern "C" {
#include "utils/sampling.h"
}

namespace gamelan::fdw {

namespace {

struct Sampler {
    Relation relation;
    HeapTuple* rows;
    int wanted;
    int kept = 0;
    double seen = 0;
    double to_skip = -1;
    ReservoirStateData state{};
};

void keep_row(Sampler& sampler, Datum* values, bool* nulls, MemoryContext context) {
    int place = sampler.kept;
    if (sampler.kept < sampler.wanted) {
        ++sampler.kept;
    } else {
        if (sampler.to_skip < 0)
            sampler.to_skip = reservoir_get_next_S(&sampler.state, sampler.seen, sampler.wanted);
        if (sampler.to_skip-- > 0)
            return;
        place = static_cast<int>(sampler.wanted * sampler_random_fract(&sampler.state.randstate));
        heap_freetuple(sampler.rows[place]);
    }
    const MemoryContext old = MemoryContextSwitchTo(context);
    sampler.rows[place] = heap_form_tuple(RelationGetDescr(sampler.relation), values, nulls);
    MemoryContextSwitchTo(old);
}

struct OwnedScan {
    std::shared_ptr<const TableInfo> table;
    std::optional<Scan> scan;
};

void open_scan(OwnedScan& owned, Relation relation) {
    get_table_info(RelationGetRelid(relation), owned.table);
    const auto columns = static_cast<AttrNumber>(owned.table->columns.size());
    auto* needed = static_cast<AttrNumber*>(palloc(sizeof(AttrNumber) * static_cast<Size>(columns + 1)));
    for (AttrNumber i = 0; i < columns; ++i)
        needed[i] = static_cast<AttrNumber>(i + 1);
    pg::sql_boundary([&] {
        owned.scan.emplace(owned.table, std::span<const PushedQual>{},
                           std::span<const AttrNumber>{needed, static_cast<std::size_t>(columns)}, -1);
    });
    require_worker();
    View* view = view_of(GetActiveSnapshot());
    owned.scan->set_view(view);
    pg::sql_boundary([&] { owned.scan->restart(); });
}

void sample(Sampler& sampler, Scan& scan, MemoryContext context) {
    const auto columns = static_cast<std::size_t>(RelationGetDescr(sampler.relation)->natts);
    auto* values = static_cast<Datum*>(palloc0(sizeof(Datum) * (columns + 1)));
    auto* nulls = static_cast<bool*>(palloc(columns + 1));
    const MemoryContext row_context =
        AllocSetContextCreate(CurrentMemoryContext, "gamelan sample", ALLOCSET_DEFAULT_SIZES);
    reservoir_init_selection_state(&sampler.state, sampler.wanted);
    MemoryContextSwitchTo(row_context);
    for (;;) {
        std::memset(nulls, true, columns);
        const Step step = pg::sql_boundary([&] { return scan.next(values, nulls); });
        if (step == Step::end)
            break;
        if (step == Step::row) {
            keep_row(sampler, values, nulls, context);
            sampler.seen += 1;
        } else if (step == Step::need_defaults) {
            set_defaults(scan, sampler.relation, context);
        } else if (step == Step::wait_for_world) {
            scan.skip_waiting();
        }
        MemoryContextReset(row_context);
        CHECK_FOR_INTERRUPTS();
    }
    MemoryContextSwitchTo(context);
    MemoryContextDelete(row_context);
}

int acquire_sample(Relation relation, int, HeapTuple* rows, int wanted, double* total, double* dead) {
    const MemoryContext context = CurrentMemoryContext;
    // The view goes with this context, also when an error leaves it behind.
    const MemoryContext own = AllocSetContextCreate(context, "gamelan sampling", ALLOCSET_DEFAULT_SIZES);
    auto* owned = make_in<OwnedScan>(own);
    Sampler sampler{relation, rows, wanted};
    open_scan(*owned, relation);
    sample(sampler, *owned->scan, context);
    MemoryContextDelete(own);
    *total = sampler.seen;
    *dead = 0;
    return sampler.kept;
}

} // namespace

bool analyze_foreign_table(Relation relation, AcquireSampleRowsFunc* acquire, BlockNumber* pages) {
    (void)relation;
    *acquire = acquire_sample;
    *pages = 1;
    return true;
}

} // namespace gamelan::fdw
