// The gateway's copy of one world's published state: kept by applying state messages, read to make snapshots
// for clients that join or fell behind. No I/O.
#pragma once

#include "core/codec/state_message.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace gamelan::gateway {

class WorldState {
  public:
    // `max_bytes` limits the sum of all columns' values.
    explicit WorldState(std::size_t max_bytes) : max_bytes_(max_bytes) {}

    // True once a snapshot was applied.
    bool known() const { return known_; }
    std::uint64_t tick() const { return tick_; }

    // Applies a snapshot (replaces everything) or a delta from exactly tick(). Returns nullptr, or why it
    // cannot be applied; the state is then unknown and only a snapshot brings it back.
    const char* apply(const codec::StateMessage& message);

    // The columns that the latest delta made longer: a sparse change may go beyond a column's end, and the
    // slots between are zero then.
    const std::vector<std::string>& lengthened() const { return lengthened_; }

    void forget();

    // The whole state as a message, each column dense or in run lengths, whichever has fewer numbers. Needs
    // known().
    codec::StateMessage snapshot() const;
    // One whole column in the same form. The column must exist.
    codec::ColumnChange whole_column(const std::string& name) const;

  private:
    struct Column {
        ColumnType type;
        std::vector<std::byte> values;
    };

    const char* apply_column(const codec::ColumnChange& change);
    const char* replace_column(const codec::ColumnChange& change);
    const char* patch_column(const codec::ColumnChange& change);

    std::size_t max_bytes_;
    std::size_t bytes_ = 0;
    bool known_ = false;
    std::uint64_t tick_ = 0;
    std::map<std::string, Column, std::less<>> columns_;
    std::vector<std::string> lengthened_;
};

} // namespace gamelan::gateway
