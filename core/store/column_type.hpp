// The fixed-width value types a hot column can hold, shared by the store, the codecs and the protocol.
#pragma once

#include <cstdint>
#include <string_view>

namespace gamelan {

// Numbers are part of stored and wire formats (docs/formats.md): never renumber.
enum class ColumnType : std::uint8_t {
    boolean = 1,
    u8 = 2,
    i16 = 3,
    i32 = 4,
    i64 = 5,
    f32 = 6,
    f64 = 7,
    text32 = 8, // UTF-8, zero padded, at most 32 bytes
    text64 = 9, // UTF-8, zero padded, at most 64 bytes
    bit = 10,   // one bit a slot, 64 slots a word: which slots have a row, which values are NULL
    i8 = 11,
    code = 12,    // 32 bits that are equal or not, without an order: an enum's label by its hash
    bytes16 = 13, // equal or not: uuid
    span = 14,    // interval: i64 microseconds, i32 days, i32 months
    value = 15,   // variable length, in the value heap (value.hpp): text, bytea, jsonb, numeric, arrays
    version = 16, // u64 tick of a row's last change; a block may hold one for all its slots
    decimal = 17, // numeric within kernels (core/kernel/decimal.hpp), of no column
};

// Bytes one value takes in a block and in a checkpoint; 0 for bits and for a number that is no type.
constexpr std::uint32_t width_of(ColumnType type) {
    switch (type) {
    case ColumnType::boolean:
    case ColumnType::u8:
        return 1;
    case ColumnType::i16:
        return 2;
    case ColumnType::i32:
    case ColumnType::f32:
        return 4;
    case ColumnType::i64:
    case ColumnType::f64:
        return 8;
    case ColumnType::text32:
        return 32;
    case ColumnType::text64:
        return 64;
    case ColumnType::bit:
        return 0;
    case ColumnType::i8:
        return 1;
    case ColumnType::code:
        return 4;
    case ColumnType::bytes16:
    case ColumnType::span:
    case ColumnType::value:
    case ColumnType::decimal:
        return 16;
    case ColumnType::version:
        return 8;
    }
    return 0;
}

// Whether values sort, as order_key() (snapshot.hpp) has them; of the others only equality is known.
constexpr bool has_order(ColumnType type) {
    switch (type) {
    case ColumnType::boolean:
    case ColumnType::u8:
    case ColumnType::i8:
    case ColumnType::i16:
    case ColumnType::i32:
    case ColumnType::i64:
    case ColumnType::f32:
    case ColumnType::f64:
        return true;
    default:
        return false;
    }
}

// Whether state messages can carry it; the others stay in the server.
constexpr bool is_streamable(ColumnType type) {
    return type >= ColumnType::boolean && type <= ColumnType::text64;
}

// The name used in the JSON protocol and in SQL views.
constexpr std::string_view name_of(ColumnType type) {
    switch (type) {
    case ColumnType::boolean:
        return "bool";
    case ColumnType::u8:
        return "u8";
    case ColumnType::i16:
        return "i16";
    case ColumnType::i32:
        return "i32";
    case ColumnType::i64:
        return "i64";
    case ColumnType::f32:
        return "f32";
    case ColumnType::f64:
        return "f64";
    case ColumnType::text32:
    case ColumnType::text64:
        return "text";
    case ColumnType::bit:
        return "bit";
    case ColumnType::i8:
        return "i8";
    case ColumnType::code:
        return "code";
    case ColumnType::bytes16:
        return "bytes16";
    case ColumnType::span:
        return "span";
    case ColumnType::value:
        return "value";
    case ColumnType::version:
        return "version";
    case ColumnType::decimal:
        return "decimal";
    }
    return "unknown";
}

} // namespace gamelan
