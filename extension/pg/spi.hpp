// Short forms of SPI for fixed statements. Postgres zone: they raise; a C++ caller that holds objects wraps
// them in pg_call. All statements run in the current transaction, between SPI_connect and SPI_finish.
#pragma once

#include "core/base/no_postgres.hpp"

#include <cstdint>
#include <initializer_list>
#include <string_view>

#include "extension/pg/pg.hpp"

namespace gamelan::pg::spi {

struct Argument {
    Oid type;
    Datum value;
    bool is_null;
};

Argument bigint(std::int64_t value);
Argument integer(std::int32_t value);
Argument float8(double value);
Argument text(std::string_view value);
Argument bytes(std::string_view value);
Argument json(std::string_view value);
Argument null_of(Oid type);
// Arrays of any one of the types above; elements are given as arguments of that type.
Argument array(Oid element_type, const Argument* elements, std::size_t count);

// Returns the number of rows. Plans are kept for the life of the process, keyed by the address of `sql`.
std::uint64_t run(const char* sql, std::initializer_list<Argument> arguments);
// The same with the active snapshot, for statements that only read: several see the same.
std::uint64_t read(const char* sql, std::initializer_list<Argument> arguments);

bool is_null(std::uint64_t row, int column);
std::int64_t bigint_at(std::uint64_t row, int column);
std::int32_t integer_at(std::uint64_t row, int column);
TimestampTz time_at(std::uint64_t row, int column);
// Valid until SPI_finish; columns count from 1.
std::string_view text_at(std::uint64_t row, int column);
std::string_view bytes_at(std::uint64_t row, int column);
Jsonb* json_at(std::uint64_t row, int column);

// A transaction of a background worker, with SPI connected and a snapshot. `activity` shows in
// pg_stat_activity.
void begin(const char* activity);
void commit();
// Ends it without effect; for a caller that caught an error.
void abort();

} // namespace gamelan::pg::spi
