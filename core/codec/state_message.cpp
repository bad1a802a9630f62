#include "core/codec/state_message.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <functional>
#include <iterator>
#include <stdexcept>
#include <utility>

#define XXH_INLINE_ALL
#include <xxhash.h>

static_assert(std::endian::native == std::endian::little, "values are copied as they lie in memory");

namespace gamelan::codec {
namespace {

constexpr std::byte magic[3] = {std::byte{'G'}, std::byte{'L'}, std::byte{'S'}};
constexpr std::byte version{1};
constexpr std::size_t header_bytes = 26;
constexpr std::size_t column_count_offset = 24;
constexpr std::size_t hash_bytes = 8;
constexpr std::size_t max_varint_bytes = 5; // every varint of the format is a u32

std::size_t varint_bytes(std::uint32_t value) {
    return (static_cast<std::size_t>(std::bit_width(value | 1u)) + 6) / 7;
}

void append_varint(std::vector<std::byte>& out, std::uint32_t value) {
    while (value >= 0x80) {
        out.push_back(static_cast<std::byte>(value | 0x80));
        value >>= 7;
    }
    out.push_back(static_cast<std::byte>(value));
}

template <typename Integer>
void append_integer(std::vector<std::byte>& out, Integer value) {
    std::byte raw[sizeof value];
    std::memcpy(raw, &value, sizeof value);
    out.insert(out.end(), raw, raw + sizeof value);
}

template <typename Integer>
Integer load_integer(const std::byte* at) {
    Integer value;
    std::memcpy(&value, at, sizeof value);
    return value;
}

// The slot after the run that starts at `slot`.
template <std::size_t Width>
std::uint32_t end_of_run_of_width(const std::byte* values, std::uint32_t slot, std::uint32_t count) {
    const std::byte* first = values + std::size_t{slot} * Width;
    do {
        ++slot;
    } while (slot < count && std::memcmp(values + std::size_t{slot} * Width, first, Width) == 0);
    return slot;
}

// Calls `visit(slot, run)` for every run; stops early when it returns false. Returns whether it went to the
// end.
template <std::size_t Width, typename Visit>
bool visit_runs_of_width(const std::byte* values, std::uint32_t count, Visit&& visit) {
    for (std::uint32_t slot = 0; slot < count;) {
        const std::uint32_t end = end_of_run_of_width<Width>(values, slot, count);
        if (!visit(slot, end - slot))
            return false;
        slot = end;
    }
    return true;
}

// The width is a template argument because memcmp of a constant size compiles to a load and a compare.
template <typename Visit>
bool visit_runs(const std::byte* values, std::uint32_t width, std::uint32_t count, Visit&& visit) {
    switch (width) {
    case 1:
        return visit_runs_of_width<1>(values, count, visit);
    case 2:
        return visit_runs_of_width<2>(values, count, visit);
    case 4:
        return visit_runs_of_width<4>(values, count, visit);
    case 8:
        return visit_runs_of_width<8>(values, count, visit);
    case 32:
        return visit_runs_of_width<32>(values, count, visit);
    default:
        return visit_runs_of_width<64>(values, count, visit);
    }
}

// Bytes the column's payload takes as run lengths; stops counting at `limit`.
std::size_t run_length_bytes(const std::byte* values, std::uint32_t width, std::uint32_t count,
                             std::size_t limit) {
    std::size_t total = 0;
    visit_runs(values, width, count, [&](std::uint32_t, std::uint32_t run) {
        total += varint_bytes(run) + width;
        return total < limit;
    });
    return total;
}

void append_runs(std::vector<std::byte>& out, const std::byte* values, std::uint32_t width,
                 std::uint32_t count) {
    visit_runs(values, width, count, [&](std::uint32_t slot, std::uint32_t run) {
        append_varint(out, run);
        const std::byte* value = values + std::size_t{slot} * width;
        out.insert(out.end(), value, value + width);
        return true;
    });
}

void append_gaps(std::vector<std::byte>& out, std::span<const std::uint32_t> slots) {
    std::uint32_t next = 0;
    for (const std::uint32_t slot : slots) {
        append_varint(out, slot - next);
        next = slot + 1;
    }
}

// Reads forward through the body of a message; every read is checked.
class Reader {
  public:
    explicit Reader(std::span<const std::byte> bytes) : rest_(bytes) {}

    std::size_t size() const { return rest_.size(); }

    bool u8(std::uint8_t& value) {
        if (rest_.empty())
            return false;
        value = static_cast<std::uint8_t>(rest_[0]);
        rest_ = rest_.subspan(1);
        return true;
    }

    bool bytes(std::size_t count, std::span<const std::byte>& part) {
        if (rest_.size() < count)
            return false;
        part = rest_.first(count);
        rest_ = rest_.subspan(count);
        return true;
    }

    StateMessageError varint(std::uint32_t& value) {
        std::uint64_t sum = 0;
        for (std::size_t i = 0; i < max_varint_bytes; ++i) {
            std::uint8_t part = 0;
            if (!u8(part))
                return StateMessageError::truncated;
            sum |= std::uint64_t{part & 0x7Fu} << (7 * i);
            if (part < 0x80) {
                if (sum > 0xFFFFFFFFu)
                    return StateMessageError::varint_overflow;
                value = static_cast<std::uint32_t>(sum);
                return StateMessageError::none;
            }
        }
        return StateMessageError::varint_overflow;
    }

  private:
    std::span<const std::byte> rest_;
};

StateMessageError read_values(Reader& reader, ColumnChange& column) {
    std::span<const std::byte> part;
    if (!reader.bytes(std::size_t{column.count} * width_of(column.type), part))
        return StateMessageError::truncated;
    column.values.assign(part.begin(), part.end());
    return StateMessageError::none;
}

StateMessageError read_runs(Reader& reader, ColumnChange& column) {
    for (std::uint32_t covered = 0; covered < column.count;) {
        std::uint32_t run = 0;
        if (const auto error = reader.varint(run); error != StateMessageError::none)
            return error;
        if (run == 0 || run > column.count - covered)
            return StateMessageError::bad_run;
        std::span<const std::byte> value;
        if (!reader.bytes(width_of(column.type), value))
            return StateMessageError::truncated;
        column.runs.push_back(run);
        column.values.insert(column.values.end(), value.begin(), value.end());
        covered += run;
    }
    return StateMessageError::none;
}

StateMessageError read_sparse(Reader& reader, ColumnChange& column) {
    // Each slot takes at least one byte of gap and its value: refuse before memory is taken for a lie.
    if (std::size_t{column.count} * (1 + width_of(column.type)) > reader.size())
        return StateMessageError::truncated;
    column.slots.reserve(column.count);
    std::uint32_t next = 0;
    for (std::uint32_t i = 0; i < column.count; ++i) {
        std::uint32_t gap = 0;
        if (const auto error = reader.varint(gap); error != StateMessageError::none)
            return error;
        if (gap >= max_state_slots || next >= max_state_slots - gap)
            return StateMessageError::slot_out_of_range;
        column.slots.push_back(next + gap);
        next += gap + 1;
    }
    return read_values(reader, column);
}

StateMessageError read_column_header(Reader& reader, StateMessageKind kind, ColumnChange& column) {
    std::uint8_t name_bytes = 0;
    std::uint8_t type = 0;
    std::uint8_t encoding = 0;
    std::span<const std::byte> name;
    if (!reader.u8(name_bytes) || !reader.bytes(name_bytes, name) || !reader.u8(type) || !reader.u8(encoding))
        return StateMessageError::truncated;
    column.name.assign(reinterpret_cast<const char*>(name.data()), name.size());
    if (column.name.empty() || !is_utf8(column.name))
        return StateMessageError::bad_column_name;
    column.type = static_cast<ColumnType>(type);
    if (!is_streamable(column.type))
        return StateMessageError::unknown_type;
    if (encoding > static_cast<std::uint8_t>(ColumnEncoding::sparse))
        return StateMessageError::unknown_encoding;
    column.encoding = static_cast<ColumnEncoding>(encoding);
    if (column.encoding == ColumnEncoding::sparse && kind == StateMessageKind::snapshot)
        return StateMessageError::sparse_in_snapshot;
    if (const auto error = reader.varint(column.count); error != StateMessageError::none)
        return error;
    return column.count > max_state_slots ? StateMessageError::too_many_slots : StateMessageError::none;
}

StateMessageError read_column(Reader& reader, StateMessageKind kind, ColumnChange& column) {
    if (const auto error = read_column_header(reader, kind, column); error != StateMessageError::none)
        return error;
    switch (column.encoding) {
    case ColumnEncoding::dense:
        return read_values(reader, column);
    case ColumnEncoding::run_lengths:
        return read_runs(reader, column);
    case ColumnEncoding::sparse:
        return read_sparse(reader, column);
    }
    return StateMessageError::unknown_encoding;
}

// Magic, version, hash, kind, ticks: everything before the columns.
StateMessageError read_header(std::span<const std::byte> bytes, StateMessage& message) {
    if (bytes.size() < header_bytes + hash_bytes)
        return StateMessageError::too_short;
    if (!std::equal(std::begin(magic), std::end(magic), bytes.begin()))
        return StateMessageError::bad_magic;
    if (bytes[3] != version)
        return StateMessageError::unknown_version;
    const std::size_t hashed = bytes.size() - hash_bytes;
    if (load_integer<std::uint64_t>(bytes.data() + hashed) != XXH3_64bits(bytes.data(), hashed))
        return StateMessageError::bad_hash;
    if (bytes[4] > std::byte{1})
        return StateMessageError::unknown_kind;
    message.kind = static_cast<StateMessageKind>(bytes[4]);
    if (bytes[5] != std::byte{0} || bytes[6] != std::byte{0} || bytes[7] != std::byte{0})
        return StateMessageError::reserved_not_zero;
    message.tick = load_integer<std::uint64_t>(bytes.data() + 8);
    message.base_tick = load_integer<std::uint64_t>(bytes.data() + 16);
    const bool snapshot = message.kind == StateMessageKind::snapshot;
    if (snapshot ? message.base_tick != message.tick : message.base_tick > message.tick)
        return StateMessageError::bad_base_tick;
    return StateMessageError::none;
}

bool is_continuation(std::string_view text, std::size_t at) {
    return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80;
}

} // namespace

StateMessageBuilder::StateMessageBuilder(StateMessageKind kind, std::uint64_t tick, std::uint64_t base_tick)
    : kind_(kind) {
    if (kind == StateMessageKind::snapshot ? base_tick != tick : base_tick > tick)
        throw std::invalid_argument("the base tick of a state message does not fit its kind");
    bytes_.insert(bytes_.end(), std::begin(magic), std::end(magic));
    bytes_.push_back(version);
    bytes_.push_back(static_cast<std::byte>(kind));
    bytes_.resize(bytes_.size() + 3);
    append_integer(bytes_, tick);
    append_integer(bytes_, base_tick);
    append_integer(bytes_, std::uint16_t{0});
}

void StateMessageBuilder::check_column(std::string_view name, ColumnType type, std::uint32_t count) const {
    if (bytes_.empty())
        throw std::invalid_argument("the state message is finished already");
    if (column_count_ == max_state_columns)
        throw std::invalid_argument("a state message has at most 256 columns");
    if (name.empty() || name.size() > max_column_name_bytes || !is_utf8(name))
        throw std::invalid_argument("a column name is 1 to 255 bytes of UTF-8");
    if (std::find(names_.begin(), names_.end(), name) != names_.end())
        throw std::invalid_argument("the state message has this column already");
    if (!is_streamable(type))
        throw std::invalid_argument("unknown column type");
    if (count > max_state_slots)
        throw std::invalid_argument("a column of a state message has at most 2^26 slots");
}

void StateMessageBuilder::begin_column(std::string_view name, ColumnType type, ColumnEncoding encoding,
                                       std::uint32_t count) {
    names_.emplace_back(name);
    ++column_count_;
    bytes_.push_back(static_cast<std::byte>(name.size()));
    for (const char letter : name)
        bytes_.push_back(static_cast<std::byte>(letter));
    bytes_.push_back(static_cast<std::byte>(type));
    bytes_.push_back(static_cast<std::byte>(encoding));
    append_varint(bytes_, count);
}

void StateMessageBuilder::add_dense(std::string_view name, ColumnType type, std::uint32_t count,
                                    std::span<const std::byte> values) {
    check_column(name, type, count);
    const std::uint32_t width = width_of(type);
    if (values.size() != std::size_t{count} * width)
        throw std::invalid_argument("the values do not fit the number of slots");
    if (run_length_bytes(values.data(), width, count, values.size()) < values.size()) {
        begin_column(name, type, ColumnEncoding::run_lengths, count);
        append_runs(bytes_, values.data(), width, count);
    } else {
        begin_column(name, type, ColumnEncoding::dense, count);
        bytes_.insert(bytes_.end(), values.begin(), values.end());
    }
}

void StateMessageBuilder::add_sparse(std::string_view name, ColumnType type,
                                     std::span<const std::uint32_t> slots,
                                     std::span<const std::byte> values) {
    const std::size_t count = slots.size();
    check_column(name, type,
                 count > max_state_slots ? max_state_slots + 1 : static_cast<std::uint32_t>(count));
    if (kind_ == StateMessageKind::snapshot)
        throw std::invalid_argument("a snapshot has whole columns only");
    if (values.size() != count * width_of(type))
        throw std::invalid_argument("the values do not fit the number of slots");
    if (std::adjacent_find(slots.begin(), slots.end(), std::greater_equal<>()) != slots.end())
        throw std::invalid_argument("changed slots must ascend");
    if (!slots.empty() && slots.back() >= max_state_slots)
        throw std::invalid_argument("a slot of a state message is below 2^26");
    begin_column(name, type, ColumnEncoding::sparse, static_cast<std::uint32_t>(count));
    append_gaps(bytes_, slots);
    bytes_.insert(bytes_.end(), values.begin(), values.end());
}

std::uint32_t StateMessageBuilder::add_difference(std::string_view name, ColumnType type, std::uint32_t count,
                                                  std::span<const std::byte> before,
                                                  std::span<const std::byte> after) {
    check_column(name, type, count);
    if (kind_ == StateMessageKind::snapshot)
        throw std::invalid_argument("a snapshot has whole columns only");
    const std::size_t width = width_of(type);
    if (before.size() != count * width || after.size() != count * width)
        throw std::invalid_argument("the values do not fit the number of slots");
    std::vector<std::uint32_t> slots;
    std::vector<std::byte> values;
    std::size_t sparse_bytes = 0;
    std::uint32_t next = 0;
    for (std::uint32_t slot = 0; slot < count; ++slot) {
        const std::byte* value = after.data() + slot * width;
        if (std::memcmp(before.data() + slot * width, value, width) == 0)
            continue;
        sparse_bytes += varint_bytes(slot - next) + width;
        next = slot + 1;
        slots.push_back(slot);
        values.insert(values.end(), value, value + width);
    }
    const auto changed = static_cast<std::uint32_t>(slots.size());
    if (changed == 0)
        return 0;
    const std::size_t dense_bytes =
        run_length_bytes(after.data(), static_cast<std::uint32_t>(width), count, after.size());
    if (sparse_bytes <= std::min(dense_bytes, after.size()))
        add_sparse(name, type, slots, values);
    else
        add_dense(name, type, count, after);
    return changed;
}

std::vector<std::byte> StateMessageBuilder::finish() {
    if (bytes_.empty())
        throw std::invalid_argument("the state message is finished already");
    const auto columns = static_cast<std::uint16_t>(column_count_);
    std::memcpy(bytes_.data() + column_count_offset, &columns, sizeof columns);
    append_integer(bytes_, std::uint64_t{XXH3_64bits(bytes_.data(), bytes_.size())});
    return std::exchange(bytes_, {});
}

StateMessageError decode_state_message(std::span<const std::byte> bytes, StateMessage& message) {
    message.columns.clear();
    if (const auto error = read_header(bytes, message); error != StateMessageError::none)
        return error;
    const auto column_count = load_integer<std::uint16_t>(bytes.data() + column_count_offset);
    if (column_count > max_state_columns)
        return StateMessageError::too_many_columns;
    Reader reader(bytes.subspan(header_bytes, bytes.size() - header_bytes - hash_bytes));
    for (std::uint32_t i = 0; i < column_count; ++i) {
        ColumnChange column;
        if (const auto error = read_column(reader, message.kind, column); error != StateMessageError::none)
            return error;
        const auto same_name = [&](const ColumnChange& other) { return other.name == column.name; };
        if (std::any_of(message.columns.begin(), message.columns.end(), same_name))
            return StateMessageError::duplicate_column;
        message.columns.push_back(std::move(column));
    }
    return reader.size() == 0 ? StateMessageError::none : StateMessageError::trailing_bytes;
}

std::string_view name_of(StateMessageError error) {
    static constexpr std::string_view names[] = {
        "none",
        "too short",
        "bad magic",
        "unknown version",
        "bad hash",
        "unknown kind",
        "reserved bytes not zero",
        "bad base tick",
        "too many columns",
        "truncated",
        "bad column name",
        "duplicate column",
        "unknown column type",
        "unknown encoding",
        "sparse column in a snapshot",
        "varint overflow",
        "too many slots",
        "bad run length",
        "slot out of range",
        "trailing bytes",
    };
    const auto index = static_cast<std::size_t>(error);
    return index < std::size(names) ? names[index] : "unknown";
}

std::size_t utf8_sequence_bytes(std::string_view text, std::size_t at) {
    const auto lead = static_cast<unsigned char>(text[at]);
    if (lead < 0x80)
        return 1;
    if (lead < 0xC2 || lead > 0xF4 || !is_continuation(text, at + 1))
        return 0;
    if (lead < 0xE0)
        return 2;
    const auto second = static_cast<unsigned char>(text[at + 1]);
    if (!is_continuation(text, at + 2))
        return 0;
    if (lead < 0xF0)
        return (lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F) ? 0 : 3;
    if (!is_continuation(text, at + 3))
        return 0;
    return (lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second > 0x8F) ? 0 : 4;
}

bool is_utf8(std::string_view text) {
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t length = utf8_sequence_bytes(text, at);
        if (length == 0)
            return false;
        at += length;
    }
    return true;
}

} // namespace gamelan::codec
