#include "extension/pg/tick_scope.hpp"

#include "core/sim/apply_writes.hpp"

namespace gamelan::pg {

namespace {

constinit TickScope* open_scope = nullptr;
constinit std::uint64_t states = 0; // seen so far

} // namespace

TickScope::TickScope(store::WorldSlot slot, const sim::TickContext& context, Writes writes)
    : slot_(slot), context_(context), writes_(writes) {
    open_scope = this;
    ++states;
}

TickScope::~TickScope() {
    open_scope = nullptr;
}

TickScope* TickScope::current() noexcept {
    return open_scope;
}

std::uint64_t TickScope::state_number() noexcept {
    return states;
}

void TickScope::apply() {
    is_deferred_ = false;
    if (rows_.is_empty())
        return;
    ++states;
    for (game::Command& command : rows_.take(world_id(), 0, {})) {
        sim::apply_writes(context_.store, command.body, context_.freed);
        applied_.push_back({GetCurrentSubTransactionId(), std::move(command.body)});
    }
    rows_.clear();
}

void TickScope::emit(game::Event event) {
    if (context_.told_events + emitted_.size() >= context_.max_events)
        throw Error(sqlstate::queue_full, "a tick cannot tell of so many events",
                    "There are " + std::to_string(context_.max_events) + " already.",
                    "Raise gamelan.max_events_per_tick.");
    emitted_.push_back({GetCurrentSubTransactionId(), std::move(event)});
}

void TickScope::end_statement(bool is_outermost) {
    if (failure_)
        throw *failure_;
    if (writes_ == Writes::are_kept)
        return;
    if (is_outermost)
        apply();
    else
        is_deferred_ = is_deferred_ || !rows_.is_empty();
}

void TickScope::begin_reading() const {
    if (is_deferred_)
        throw Error(sqlstate::feature_not_supported,
                    "a function called for each row cannot read components after it has written some",
                    "Its rows are applied when the statement that calls it has ended.",
                    "Write with one INSERT, UPDATE or DELETE … FROM instead, or read first.");
}

// What an exception handler of PL/pgSQL undoes has been applied already: the savepoint is gone back to, and
// all that stays applied again.
void TickScope::end_subtransaction(SubTransaction mine, SubTransaction parent, bool is_committed) {
    if (is_committed) {
        rows_.merge(mine, parent);
        for (Applied& applied : applied_)
            if (applied.subtransaction == mine)
                applied.subtransaction = parent;
        for (Emitted& emitted : emitted_)
            if (emitted.subtransaction == mine)
                emitted.subtransaction = parent;
        return;
    }
    rows_.discard(mine);
    std::erase_if(emitted_, [mine](const Emitted& emitted) { return emitted.subtransaction == mine; });
    if (rows_.is_empty())
        is_deferred_ = false;
    const auto is_gone = [mine](const Applied& applied) { return applied.subtransaction == mine; };
    if (std::erase_if(applied_, is_gone) == 0 || failure_)
        return;
    ++states;
    try {
        context_.store.rollback_savepoint();
        context_.store.begin_savepoint();
        context_.freed.clear();
        for (const Applied& applied : applied_)
            sim::apply_writes(context_.store, applied.writes, context_.freed);
    } catch (const Error& error) {
        failure_ = error;
    }
}

std::string TickScope::take_writes() {
    if (failure_)
        throw *failure_;
    std::string out;
    if (writes_ == Writes::are_kept) {
        for (const game::Command& command : rows_.take(world_id(), 0, {}))
            out += command.body;
        rows_.clear();
    }
    apply();
    for (Emitted& emitted : emitted_)
        context_.events.push_back(std::move(emitted.event));
    emitted_.clear();
    for (const Applied& applied : applied_)
        out += applied.writes;
    return out;
}

} // namespace gamelan::pg
