// Between Postgres's values and those of the hot store: which types a component's column can have, and how
// a Datum becomes the bytes of a column and comes back.
//
//   bool, "char", int2, int4, int8, float4, float8, date, timestamp, timestamptz    their own bytes
//   interval, uuid                                                              their 16 bytes
//   enum           low 32 bits of XXH3 of the label: the same in every database, unlike the label's Oid
//   text, varchar, bytea, jsonb, numeric, arrays of those and the above        contents of the varlena
//   domain         as its base type
//
// NULL is the caller's to handle.
#pragma once

#include "core/base/hash.hpp"
#include "core/store/column_type.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "extension/pg/pg.hpp"

extern "C" {
#include "utils/date.h"
#include "utils/uuid.h"
}

namespace gamelan::pg {

// What the hint of an error about an unsupported type says.
inline constexpr const char* supported_types_hint =
    "Columns can be boolean, \"char\", smallint, integer, bigint, real, double precision, date, timestamp, "
    "timestamptz, interval, uuid, an enum, text, varchar, bytea, jsonb, numeric, an array of a built-in type "
    "of these, or a domain over one of them.";

inline std::uint32_t code_of_label(std::string_view label) {
    return static_cast<std::uint32_t>(hash64(label));
}

// The labels of one enum as this session knows them. Lives as long as the process.
struct EnumLabels;

// A value as the store takes it. Short ones lie in `inline_bytes`, others in the current memory context.
struct EncodedValue {
    const char* outside = nullptr;
    std::uint32_t bytes = 0;
    alignas(8) char inline_bytes[16] = {};

    std::string_view view() const { return {outside != nullptr ? outside : inline_bytes, bytes}; }
};

// How the values of one column are read and written. Plain data: may live in palloc'd memory, for as long as
// a statement. Everything here is Postgres zone and raises, except what says that it does not.
struct ColumnCodec {
    Oid type = InvalidOid; // as declared
    Oid base = InvalidOid; // behind the domains
    ColumnType stored = ColumnType::i32;
    EnumLabels* labels = nullptr; // of a code

    // `at`: width_of(stored) bytes, aligned to 8 for 16-byte types. The Datum of an interval or a uuid points
    // to `at` itself: it is good for as long as the bytes are, that is while the reader's pin is held. Raises
    // only for a code that no label has (XX001). Not for values.
    Datum decode_fixed(const void* at) const {
        switch (stored) {
        case ColumnType::boolean:
            return BoolGetDatum(*static_cast<const std::uint8_t*>(at) != 0);
        case ColumnType::u8:
            return UInt8GetDatum(*static_cast<const std::uint8_t*>(at));
        case ColumnType::i8:
            return CharGetDatum(*static_cast<const char*>(at));
        case ColumnType::i16:
            return Int16GetDatum(load<std::int16_t>(at));
        case ColumnType::i32:
            return Int32GetDatum(load<std::int32_t>(at));
        case ColumnType::i64:
            return Int64GetDatum(load<std::int64_t>(at));
        case ColumnType::f32:
            return Float4GetDatum(load<float>(at));
        case ColumnType::f64:
            return Float8GetDatum(load<double>(at));
        case ColumnType::code:
            return decode_code(load<std::uint32_t>(at));
        case ColumnType::bytes16:
        case ColumnType::span:
            return PointerGetDatum(at);
        default:
            return raise_not_fixed();
        }
    }

    // The contents of a value; the Datum is made in the current memory context.
    Datum decode_value(std::string_view contents) const;

    // Either of the two, with 16-byte types copied.
    Datum decode(std::string_view bytes) const;

    // Takes a Datum of the column's type or of its base type.
    void encode(Datum value, EncodedValue& out) const;

  private:
    template <class T>
    static T load(const void* at) {
        T value;
        std::memcpy(&value, at, sizeof value);
        return value;
    }

    Datum decode_code(std::uint32_t code) const;
    [[noreturn]] static Datum raise_not_fixed();
};
static_assert(std::is_trivially_copyable_v<ColumnCodec>);
static_assert(sizeof(Interval) == 16 && offsetof(Interval, day) == 8 && offsetof(Interval, month) == 12,
              "a span is an interval's bytes");
static_assert(sizeof(pg_uuid_t) == 16);

// What the store calls the type; nothing when it cannot hold it. Postgres zone: looks into the catalogs.
std::optional<ColumnType> column_type_of(Oid type);

// Raises 0A000 with a hint for a type that cannot be held.
ColumnCodec column_codec_of(Oid type);

// Two labels of the enum that share a code, as palloc'd texts; false when there are none.
bool find_label_collision(Oid enum_type, const char** one, const char** other);

// C++ zone: the same for single values. `type` may be any type that column_type_of knows; `stored` is what it
// answers.
void encode_datum(Oid type, ColumnType stored, Datum value, std::string& out);
Datum decode_value(Oid type, ColumnType stored, std::string_view bytes, MemoryContext context);

} // namespace gamelan::pg
