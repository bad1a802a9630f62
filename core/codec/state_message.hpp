// The binary state message, version 1 (docs/formats.md): what `game.changes` returns and the gateway reads.
// No I/O; any thread may call; objects are not shared between threads.
#pragma once

#include "core/store/column_type.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gamelan::codec {

enum class StateMessageKind : std::uint8_t {
    snapshot = 0,
    delta = 1,
};

enum class ColumnEncoding : std::uint8_t {
    dense = 0,
    run_lengths = 1,
    sparse = 2,
};

inline constexpr std::uint32_t max_state_columns = 256;
inline constexpr std::uint32_t max_state_slots = 1u << 26;
inline constexpr std::uint32_t max_column_name_bytes = 255;

// One column of a decoded message. `values` holds whole values of the type's fixed width, little-endian:
// dense: one per slot 0..count−1; run_lengths: one per entry of `runs`; sparse: one per entry of `slots`.
struct ColumnChange {
    std::string name;
    ColumnType type = ColumnType::u8;
    ColumnEncoding encoding = ColumnEncoding::dense;
    std::uint32_t count = 0;          // slots covered (dense, run_lengths) or changed (sparse)
    std::vector<std::uint32_t> runs;  // run_lengths only: lengths > 0 that add up to `count`
    std::vector<std::uint32_t> slots; // sparse only: ascending
    std::vector<std::byte> values;

    bool operator==(const ColumnChange&) const = default;
};

struct StateMessage {
    StateMessageKind kind = StateMessageKind::snapshot;
    std::uint64_t tick = 0;
    std::uint64_t base_tick = 0; // equals tick in a snapshot
    std::vector<ColumnChange> columns;

    bool operator==(const StateMessage&) const = default;
};

// Builds one message column by column. A column is added at most once. Breaking a limit or a precondition
// throws std::invalid_argument and leaves the message without that column; running out of memory throws
// std::bad_alloc.
class StateMessageBuilder {
  public:
    // `base_tick` must equal `tick` in a snapshot and be at most `tick` in a delta.
    StateMessageBuilder(StateMessageKind kind, std::uint64_t tick, std::uint64_t base_tick);

    // All `count` slots of a column; `values` is count × width_of(type) bytes. Written dense or as run
    // lengths, whichever is smaller.
    void add_dense(std::string_view name, ColumnType type, std::uint32_t count,
                   std::span<const std::byte> values);

    // Only some slots, of a delta: `slots` strictly ascending, `values` is slots.size() × width_of(type)
    // bytes.
    void add_sparse(std::string_view name, ColumnType type, std::span<const std::uint32_t> slots,
                    std::span<const std::byte> values);

    // In a delta: compares two states of one column, both count × width_of(type) bytes, and writes whichever
    // of dense, run lengths and sparse is smallest; writes nothing when they are equal. Returns the number of
    // changed slots.
    std::uint32_t add_difference(std::string_view name, ColumnType type, std::uint32_t count,
                                 std::span<const std::byte> before, std::span<const std::byte> after);

    std::uint32_t column_count() const { return column_count_; }

    // Seals and hands over the message; the builder is empty afterwards and must not be used again.
    std::vector<std::byte> finish();

  private:
    void check_column(std::string_view name, ColumnType type, std::uint32_t count) const;
    void begin_column(std::string_view name, ColumnType type, ColumnEncoding encoding, std::uint32_t count);

    StateMessageKind kind_;
    std::uint32_t column_count_ = 0;
    std::vector<std::string> names_;
    std::vector<std::byte> bytes_;
};

// Why a message was refused, in the order the checks are made.
enum class StateMessageError : std::uint8_t {
    none,
    too_short,
    bad_magic,
    unknown_version,
    bad_hash,
    unknown_kind,
    reserved_not_zero,
    bad_base_tick,
    too_many_columns,
    truncated,
    bad_column_name,
    duplicate_column,
    unknown_type,
    unknown_encoding,
    sparse_in_snapshot,
    varint_overflow,
    too_many_slots,
    bad_run,
    slot_out_of_range,
    trailing_bytes,
};

std::string_view name_of(StateMessageError error);

// Reads a whole message. On `none`, `message` is it; otherwise `message` is left in an unspecified, valid
// state. Never reads outside `bytes`; memory used is bounded by a small multiple of bytes.size().
StateMessageError decode_state_message(std::span<const std::byte> bytes, StateMessage& message);

// Bytes of the well-formed UTF-8 sequence at `at` < text.size() (RFC 3629, section 4); 0 if there is none.
std::size_t utf8_sequence_bytes(std::string_view text, std::size_t at);

// True when `text` is well-formed UTF-8 (no surrogates, no overlong forms).
bool is_utf8(std::string_view text);

} // namespace gamelan::codec
