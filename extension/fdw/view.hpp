// What one statement sees of the worlds: of each, the version that was published when the statement first
// touched it. In READ COMMITTED all scans of a statement share a view, and so do the scans inside the STABLE
// functions it calls; in REPEATABLE READ and SERIALIZABLE all of a transaction do. Several views may live at
// once, for cursors and for VOLATILE functions.
//
// A view is known by the statement's snapshot, which it registers so that no other statement can get the same
// address. It goes when its statement has ended (an ExecutorEnd hook, and a sweep whenever a view is asked
// for), when the subtransaction that made it is rolled back, and with the transaction. A process that takes
// part in a parallel scan uses the leader's versions and asks for the leader's pin.
#pragma once

#include "extension/pg/past.hpp"
#include "extension/pg/reading.hpp"

#include <optional>
#include <unordered_map>
#include <vector>

namespace gamelan::fdw {

class View {
  public:
    // Whose pin keeps the versions of a parallel scan.
    struct Leader {
        store::PinSlot pin;
        std::uint64_t epoch;
    };

    explicit View(const pg::past::Moment& moment = {}) : moment_(moment) {
        if (!moment_)
            pg::take(hold_);
    }
    explicit View(const Leader& leader, const pg::past::Moment& moment) : leader_(leader), moment_(moment) {}
    ~View() { pg::drop(hold_); }
    View(const View&) = delete;
    View& operator=(const View&) = delete;

    const pg::past::Moment& moment() const { return moment_; }

    // C++ zone. The version of a world; nothing when it has not published any, or has left that slot. Throws
    // Error(snapshot_too_old), and what past::at() throws.
    std::optional<store::Snapshot> version(store::WorldSlot slot, std::int64_t world_id);
    // In a leader's helper: what the leader sees.
    void remember(std::int64_t world_id, store::Ref root);

    // Throws Error(snapshot_too_old) when what was read since may be garbage: call after the bytes of a row
    // were copied, and before they are used.
    void check() const {
        if (!is_valid())
            pg::throw_snapshot_too_old();
    }
    bool is_valid() const;

    // For helpers of a parallel scan.
    Leader as_leader() const { return {pg::my_pin(), hold_.epoch}; }

  private:
    store::Snapshot past_version(std::int64_t world_id);
    store::Ref root_of(store::WorldSlot slot, std::int64_t world_id);

    struct Touched {
        std::int64_t world_id;
        store::Ref root;
    };
    pg::Hold hold_;
    std::optional<Leader> leader_;
    pg::past::Moment moment_;                                       // of the past, or the present
    std::vector<std::pair<std::int64_t, pg::past::StatePtr>> past_; // what was read of it
    std::vector<Touched> touched_;
    std::unordered_map<std::int64_t, store::Ref> many_touched_; // once there are more than a few
};

// Once per process, before the first view; again is harmless.
void install_view_callbacks();
// The view of the statement that runs with `snapshot`. Postgres zone; raises when memory is short.
View* view_of(Snapshot snapshot);
// Scans count themselves: a view with scans outlives everything but its transaction.
// A scan that reads a view. It is known by the subtransaction it was opened in: when that is given up, its
// memory may well live on until the transaction ends.
struct OpenScan {
    SubTransactionId subtransaction = InvalidSubTransactionId; // none when it was given up
    OpenScan* next = nullptr;
};

// Whether a statement is reading components just now.
bool is_any_scan_open();

void retain(View* view, OpenScan& scan);
void release(View* view, OpenScan& scan) noexcept;

} // namespace gamelan::fdw
