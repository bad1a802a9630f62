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
};

// Bytes one value takes in a block, in a checkpoint and on the wire; 0 for a number that is no type.
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
    }
    return 0;
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
    }
    return "unknown";
}

} // namespace gamelan
