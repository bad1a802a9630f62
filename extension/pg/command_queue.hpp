// What a transaction has queued for worlds: calls of actions and written rows, by subtransaction. C++ zone,
// no Postgres calls: transaction.cpp drives it from the callbacks of (sub)transactions.
//
// It also answers what the transaction's own rows will look like, so that a statement that inserts a row
// twice, or writes to an entity spawned a moment ago, is judged as it would be on a heap table.
#pragma once

#include "core/codec/write_set.hpp"
#include "core/game/value.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

namespace gamelan::pg {

// As Postgres numbers them; 0 is none.
using SubTransaction = std::uint32_t;
inline constexpr SubTransaction whole_transaction = 1;

class CommandQueue {
  public:
    // A row of a component, or with component 0 an entity itself.
    struct RowKey {
        std::int64_t world_id;
        std::uint64_t component;
        std::uint64_t handle;
        bool operator==(const RowKey&) const = default;
    };

    void add_command(std::int64_t world_id, SubTransaction subtransaction, std::string_view encoded);
    // `row`: as WriteSetWriter wrote it. Rows of one group that follow each other are packed together, so
    // callers share the group.
    void add_row(std::int64_t world_id, SubTransaction subtransaction,
                 const std::shared_ptr<const codec::RowGroup>& group, std::string_view row);
    // Whether the row will be there when the transaction's writes are applied; nothing = as it is now.
    std::optional<bool> own_row(const RowKey& key);
    void note_row(const RowKey& key, SubTransaction subtransaction, bool is_there);

    void merge(SubTransaction from, SubTransaction into);
    void discard(SubTransaction subtransaction);
    void clear();

    bool is_empty() const { return entries_.empty(); }
    std::size_t commands() const { return commands_; }
    std::size_t row_bytes() const { return row_bytes_; }
    std::int64_t first_world() const { return entries_.front().world_id; }
    bool has_rows(std::int64_t world_id) const;
    // Takes all of one world out, in order; its rows become one command, where the first of them was.
    std::vector<game::Command> take(std::int64_t world_id, std::int64_t writes_handle,
                                    const std::string& actor);

  private:
    struct Entry {
        std::int64_t world_id;
        SubTransaction subtransaction;
        std::string encoded; // of a command; else rows of `group`
        std::shared_ptr<const codec::RowGroup> group;
        std::uint64_t row_count;
    };
    // What is known of 64 rows whose handles follow one another; its key has handle / 64.
    struct Page {
        std::uint64_t known = 0;
        std::uint64_t there = 0;
    };
    struct KeyHash {
        std::size_t operator()(const RowKey& key) const;
    };
    struct Note {
        RowKey key;
        SubTransaction subtransaction;
        std::optional<bool> before;
    };

    std::vector<Entry> entries_;
    std::size_t commands_ = 0;
    std::size_t row_bytes_ = 0;
    Page* page_of(const RowKey& key, bool is_wanted);
    void set_row(const RowKey& key, std::optional<bool> is_there);

    std::unordered_map<RowKey, Page, KeyHash> pages_;
    RowKey last_key_{};
    Page* last_page_ = nullptr;
    std::vector<Note> notes_; // of subtransactions that may still be rolled back alone
};

} // namespace gamelan::pg
