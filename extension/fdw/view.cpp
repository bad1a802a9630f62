#include "extension/fdw/view.hpp"

#include <memory>

#include "extension/pg/bridge.hpp"

extern "C" {
#include "executor/executor.h"
#include "utils/resowner.h"
}

namespace gamelan::fdw {

namespace {

constexpr std::size_t few_worlds = 8;

struct Kept {
    View view;
    Snapshot key = nullptr; // registered by us; null = the transaction's, or forgotten
    int nest_level = 0;     // of the subtransaction that made it
    std::uint32_t scans = 0;
    bool is_forgotten = false; // no statement can find it any more
    Kept* next = nullptr;
};
static_assert(offsetof(Kept, view) == 0);

constinit Kept* kept_views = nullptr;
constinit OpenScan* open_scans = nullptr; // of all views
ExecutorEnd_hook_type previous_executor_end = nullptr;

Kept* kept_of(View* view) {
    return reinterpret_cast<Kept*>(view);
}

// Takes it off the list, and frees it unless scans still point to it.
void forget(Kept** link) {
    Kept* view = *link;
    *link = view->next;
    if (view->key != nullptr)
        UnregisterSnapshotFromOwner(view->key, TopTransactionResourceOwner);
    view->key = nullptr;
    view->is_forgotten = true;
    if (view->scans == 0)
        delete view;
}

template <class F>
void forget_if(F&& is_over) {
    for (Kept** link = &kept_views; *link != nullptr;)
        if (is_over(**link))
            forget(link);
        else
            link = &(*link)->next;
}

// Nobody but us has the snapshot.
bool is_left_alone(const Kept& view) {
    return view.scans == 0 && view.key != nullptr && view.key->regd_count == 1 && view.key->active_count == 0;
}

void at_transaction_end(XactEvent event, void*) {
    switch (event) {
    case XACT_EVENT_COMMIT:
    case XACT_EVENT_PARALLEL_COMMIT:
    case XACT_EVENT_ABORT:
    case XACT_EVENT_PARALLEL_ABORT:
    case XACT_EVENT_PREPARE:
        forget_if([](const Kept&) { return true; });
        break;
    default:
        break;
    }
}

// Its portals are gone by now, and with them the scans.
void at_subtransaction_end(SubXactEvent event, SubTransactionId mine, SubTransactionId parent, void*) {
    const int level = GetCurrentTransactionNestLevel();
    if (event == SUBXACT_EVENT_ABORT_SUB || event == SUBXACT_EVENT_COMMIT_SUB)
        for (OpenScan* scan = open_scans; scan != nullptr; scan = scan->next)
            if (scan->subtransaction == mine)
                scan->subtransaction = event == SUBXACT_EVENT_COMMIT_SUB ? parent : InvalidSubTransactionId;
    if (event == SUBXACT_EVENT_ABORT_SUB)
        forget_if([level](const Kept& view) {
            return view.scans == 0 && view.key != nullptr && view.nest_level >= level;
        });
    else if (event == SUBXACT_EVENT_COMMIT_SUB)
        for (Kept* view = kept_views; view != nullptr; view = view->next)
            view->nest_level = Min(view->nest_level, level - 1);
}

// The executor has let go of the snapshot; the query's descriptor still has it, and whoever runs a statement
// to its end in one go has made it active.
void executor_end(QueryDesc* query) {
    const Snapshot snapshot = query->snapshot;
    if (previous_executor_end != nullptr)
        previous_executor_end(query);
    else
        standard_ExecutorEnd(query);
    if (pg::TickScope* scope = pg::TickScope::current())
        pg::sql_boundary([scope] { scope->end_statement(!is_any_scan_open()); });
    if (kept_views != nullptr)
        forget_if([snapshot](const Kept& view) {
            return view.scans == 0 && view.key != nullptr && view.key == snapshot &&
                   snapshot->regd_count <= 2 && snapshot->active_count <= 1;
        });
}

} // namespace

bool is_any_scan_open() {
    for (const OpenScan* scan = open_scans; scan != nullptr; scan = scan->next)
        if (scan->subtransaction != InvalidSubTransactionId)
            return true;
    return false;
}

void install_view_callbacks() {
    static bool is_installed = false;
    if (is_installed)
        return;
    RegisterXactCallback(at_transaction_end, nullptr);
    RegisterSubXactCallback(at_subtransaction_end, nullptr);
    previous_executor_end = ExecutorEnd_hook;
    ExecutorEnd_hook = executor_end;
    is_installed = true;
}

store::Ref View::root_of(store::WorldSlot slot, std::int64_t world_id) {
    for (const Touched& touched : touched_)
        if (touched.world_id == world_id)
            return touched.root;
    if (const auto found = many_touched_.find(world_id); found != many_touched_.end())
        return found->second;
    if (leader_)
        return {};
    const store::WorldControl& control = pg::region().control(slot);
    const store::Ref root{control.root.load()};
    if (!root || control.world_id.load() != world_id)
        return {};
    remember(world_id, root);
    return root;
}

void View::remember(std::int64_t world_id, store::Ref root) {
    if (touched_.size() < few_worlds)
        touched_.push_back({world_id, root});
    else
        many_touched_.emplace(world_id, root);
}

std::optional<store::Snapshot> View::version(store::WorldSlot slot, std::int64_t world_id) {
    if (const pg::TickScope* scope = pg::TickScope::current())
        return scope->world_id() == world_id ? std::optional(scope->state()) : std::nullopt;
    if (moment_)
        return past_version(world_id);
    check();
    const store::Ref root = root_of(slot, world_id);
    if (!root)
        return std::nullopt;
    return store::Snapshot::at(pg::region(), root);
}

store::Snapshot View::past_version(std::int64_t world_id) {
    for (const auto& [id, state] : past_)
        if (id == world_id)
            return pg::past::snapshot_of(*state);
    past_.emplace_back(world_id, pg::past::at(world_id, moment_));
    return pg::past::snapshot_of(*past_.back().second);
}

bool View::is_valid() const {
    if (moment_ || pg::TickScope::current() != nullptr)
        return true;
    return leader_ ? pg::region().pin_protects(leader_->pin, leader_->epoch) : pg::is_held(hold_);
}

View* view_of(Snapshot snapshot) {
    install_view_callbacks();
    forget_if(is_left_alone);
    const Snapshot key = IsolationUsesXactSnapshot() ? nullptr : snapshot;
    const pg::past::Moment moment = pg::past::wanted();
    for (Kept* view = kept_views; view != nullptr; view = view->next)
        if (view->key == key && view->view.moment() == moment)
            return &view->view;
    // On the list before its snapshot is registered: should that fail, it goes with the transaction.
    Kept* made = pg::sql_boundary([&moment] { return new Kept{.view = View(moment)}; });
    made->nest_level = GetCurrentTransactionNestLevel();
    made->next = kept_views;
    kept_views = made;
    if (key != nullptr)
        made->key = RegisterSnapshotOnOwner(key, TopTransactionResourceOwner);
    return &made->view;
}

void retain(View* view, OpenScan& scan) {
    ++kept_of(view)->scans;
    scan = {GetCurrentSubTransactionId(), open_scans};
    open_scans = &scan;
}

void release(View* view, OpenScan& scan) noexcept {
    Kept* kept = kept_of(view);
    for (OpenScan** link = &open_scans; *link != nullptr; link = &(*link)->next)
        if (*link == &scan) {
            *link = scan.next;
            break;
        }
    if (--kept->scans == 0 && kept->is_forgotten)
        delete kept;
}

} // namespace gamelan::fdw
