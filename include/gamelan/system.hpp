// Systems for Gamelan out of shared libraries: all that such a library needs, and the only header. The
// structures below are a C interface, versioned; the C++ parts are inline and end in the library.
//
//   GAMELAN_SYSTEM(movement, gamelan::writes<float>("position.x"), gamelan::reads<float>("velocity.dx"))
//   (const gamelan::Tick& tick, gamelan::Block& block) {
//       const auto x = block.write<float>(0);
//       const auto dx = block.read<float>(1);
//       block.each([&](std::uint32_t row) {
//           x.set(row, static_cast<float>(x[row] + dx[row] * tick.dt()));
//       });
//   }
//
// A system is called once for each block of up to 1,024 entities, in their order, and plays the rows that
// have all components whose columns it names. It must be a function of what it is given: no clocks, no other
// chance than Tick::random(), no state of its own, no input or output, or a replay of the log will differ.
// Compile with -ffp-contract=off.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <initializer_list>
#include <string>
#include <type_traits>
#include <utility>

extern "C" {

enum { GAMELAN_ABI_VERSION = 1 };
static const std::uint64_t GAMELAN_MAGIC = 0x006e616c656d6167; // "gamelan"

// As in columns of components; an enum's values are hashes of their labels.
enum gamelan_type {
    GAMELAN_BOOLEAN = 1,
    GAMELAN_I16 = 3,
    GAMELAN_I32 = 4,
    GAMELAN_I64 = 5,
    GAMELAN_F32 = 6,
    GAMELAN_F64 = 7,
};

struct gamelan_column {
    const char* name; // "component.column"
    std::uint32_t type;
    std::uint32_t is_written;
};

// A value that an event tells of.
struct gamelan_field {
    const char* key; // letters, digits, underscores
    std::uint32_t type;
    const void* value;
};

struct gamelan_tick {
    std::uint64_t tick;
    std::int64_t now_us; // simulated, since 2000
    double dt;           // simulated seconds of the tick
    void* host;
    // A number from 0 to below 1 that the world's seed, the tick and the key decide.
    double (*random)(void* host, std::int64_t key);
    // The system fails: nothing of what it did in this tick remains. Returns; the block's results are not
    // looked at any more. `sqlstate`: five letters or digits.
    void (*fail)(void* host, const char* sqlstate, const char* message);
    // Something happened. `entity`: a handle, 0 for none.
    void (*emit)(void* host, const char* type, std::uint64_t entity, const gamelan_field* fields,
                 std::uint32_t field_count);
};

// Arrays of one element, or one bit, for each slot. What is written where `present` has no bit, or where
// `touched` gets none, is dropped.
struct gamelan_block {
    std::uint32_t slot_count; // a multiple of 64
    std::uint32_t column_count;
    const std::uint64_t* present;  // rows to play
    const std::uint64_t* entities; // handles
    // By column, in the order of the declaration. Those of columns that are read only must not be written.
    void* const* values;
    std::uint64_t* const* nulls;
    std::uint64_t* const* touched; // of written columns: rows that the system has written; zeros at first
};

// What a library exports under the system's name.
struct gamelan_system {
    std::uint64_t magic; // GAMELAN_MAGIC
    std::uint32_t abi_version;
    std::uint32_t system_bytes, tick_bytes, block_bytes; // sizes of the structures, as compiled
    const char* name;
    const gamelan_column* columns;
    std::uint32_t column_count;
    void (*run)(const gamelan_tick*, const gamelan_block*);
};

} // extern "C"

namespace gamelan {

class Failure : public std::exception {
  public:
    Failure(std::string sqlstate, std::string message)
        : sqlstate_(std::move(sqlstate)), message_(std::move(message)) {}
    const char* sqlstate() const noexcept { return sqlstate_.c_str(); }
    const char* what() const noexcept override { return message_.c_str(); }

  private:
    std::string sqlstate_;
    std::string message_;
};

[[noreturn]] inline void fail(std::string sqlstate, std::string message) {
    throw Failure(std::move(sqlstate), std::move(message));
}

template <class T>
constexpr std::uint32_t type_of() {
    if constexpr (std::is_same_v<T, bool>)
        return GAMELAN_BOOLEAN;
    else if constexpr (std::is_same_v<T, std::int16_t>)
        return GAMELAN_I16;
    else if constexpr (std::is_same_v<T, std::int32_t>)
        return GAMELAN_I32;
    else if constexpr (std::is_same_v<T, std::int64_t>)
        return GAMELAN_I64;
    else if constexpr (std::is_same_v<T, float>)
        return GAMELAN_F32;
    else
        return GAMELAN_F64;
}

template <class T>
constexpr gamelan_column reads(const char* column) {
    return {column, type_of<T>(), 0};
}
template <class T>
constexpr gamelan_column writes(const char* column) {
    return {column, type_of<T>(), 1};
}

namespace detail {

inline bool bit(const std::uint64_t* words, std::uint32_t row) {
    return (words[row / 64] >> row % 64 & 1) != 0;
}
inline void set_bit(std::uint64_t* words, std::uint32_t row, bool value) {
    const std::uint64_t mask = std::uint64_t{1} << row % 64;
    words[row / 64] = value ? words[row / 64] | mask : words[row / 64] & ~mask;
}

} // namespace detail

// A column of a block. The value of a NULL is 0.
template <class T>
class Reader {
  public:
    Reader(const void* values, const std::uint64_t* nulls)
        : values_(static_cast<const T*>(values)), nulls_(nulls) {}
    T operator[](std::uint32_t row) const { return values_[row]; }
    bool is_null(std::uint32_t row) const { return detail::bit(nulls_, row); }
    const T* data() const { return values_; }

  private:
    const T* values_;
    const std::uint64_t* nulls_;
};

template <class T>
class Writer : public Reader<T> {
  public:
    Writer(void* values, std::uint64_t* nulls, std::uint64_t* touched)
        : Reader<T>(values, nulls), values_(static_cast<T*>(values)), nulls_(nulls), touched_(touched) {}
    void set(std::uint32_t row, T value) const {
        values_[row] = value;
        detail::set_bit(nulls_, row, false);
        detail::set_bit(touched_, row, true);
    }
    void set_null(std::uint32_t row) const {
        values_[row] = T{};
        detail::set_bit(nulls_, row, true);
        detail::set_bit(touched_, row, true);
    }
    // For loops over whole arrays: write here, and say afterwards that all rows were written.
    T* data() const { return values_; }
    void touch_all(std::uint32_t slot_count) const { std::memset(touched_, 0xff, slot_count / 8); }

  private:
    T* values_;
    std::uint64_t* nulls_;
    std::uint64_t* touched_;
};

class Block {
  public:
    Block(const gamelan_block& block, const gamelan_column* columns) : block_(block), columns_(columns) {}

    std::uint32_t slot_count() const { return block_.slot_count; }
    bool has(std::uint32_t row) const { return detail::bit(block_.present, row); }
    std::uint64_t entity(std::uint32_t row) const { return block_.entities[row]; }
    // By its place in the declaration. Fails when that says otherwise.
    template <class T>
    Reader<T> read(std::uint32_t column) const {
        check(column, type_of<T>(), false);
        return {block_.values[column], block_.nulls[column]};
    }
    template <class T>
    Writer<T> write(std::uint32_t column) const {
        check(column, type_of<T>(), true);
        return {block_.values[column], block_.nulls[column], block_.touched[column]};
    }
    // Calls f(row) for the rows to play.
    template <class F>
    void each(F&& f) const {
        for (std::uint32_t row = 0; row < block_.slot_count; ++row)
            if (has(row))
                f(row);
    }

  private:
    void check(std::uint32_t column, std::uint32_t type, bool is_written) const {
        if (column >= block_.column_count || columns_[column].type != type ||
            (is_written && columns_[column].is_written == 0))
            fail("42804", "column " + std::to_string(column) + " was not declared so");
    }

    const gamelan_block& block_;
    const gamelan_column* columns_;
};

// A value of an event.
class Field {
  public:
    template <class T>
    Field(const char* key, const T& value) : field_{key, type_of<T>(), &value} {
        static_assert(std::is_arithmetic_v<T>, "a number or a boolean");
        static_assert(type_of<T>() != GAMELAN_F64 || std::is_same_v<T, double>, "use a type of known width");
    }
    const gamelan_field& raw() const { return field_; }

  private:
    gamelan_field field_;
};

class Tick {
  public:
    explicit Tick(const gamelan_tick& tick) : tick_(tick) {}

    std::uint64_t number() const { return tick_.tick; }
    std::int64_t now_us() const { return tick_.now_us; }
    double dt() const { return tick_.dt; }
    double random(std::int64_t key) const { return tick_.random(tick_.host, key); }
    void emit(const char* type, std::uint64_t entity, std::initializer_list<Field> fields = {}) const {
        gamelan_field raw[16];
        std::uint32_t count = 0;
        for (const Field& field : fields)
            if (count < 16)
                raw[count++] = field.raw();
        tick_.emit(tick_.host, type, entity, raw, count);
    }

  private:
    const gamelan_tick& tick_;
};

namespace detail {

// No exception leaves the library.
template <void (*system)(const Tick&, Block&), const gamelan_column* columns>
void run(const gamelan_tick* tick, const gamelan_block* block) noexcept {
    try {
        Block view(*block, columns);
        system(Tick(*tick), view);
    } catch (const Failure& failure) {
        tick->fail(tick->host, failure.sqlstate(), failure.what());
    } catch (const std::exception& error) {
        tick->fail(tick->host, "XX000", error.what());
    } catch (...) {
        tick->fail(tick->host, "XX000", "the system threw something that is no exception");
    }
}

} // namespace detail
} // namespace gamelan

// clang-format off
// Declares and begins a system: GAMELAN_SYSTEM(name, columns…)(const gamelan::Tick& tick, gamelan::Block& block) {…}
#define GAMELAN_SYSTEM(system_name, ...)                                                                      \
    static void system_name##_body(const gamelan::Tick&, gamelan::Block&);                                    \
    static constexpr gamelan_column system_name##_columns[] = {__VA_ARGS__};                                  \
    extern "C" {                                                                                              \
    extern __attribute__((visibility("default"))) const gamelan_system system_name;                           \
    }                                                                                                         \
    const gamelan_system system_name = {                                                                      \
        GAMELAN_MAGIC, GAMELAN_ABI_VERSION, sizeof(gamelan_system), sizeof(gamelan_tick),                     \
        sizeof(gamelan_block), #system_name, system_name##_columns,                                           \
        sizeof(system_name##_columns) / sizeof(system_name##_columns[0]),                                     \
        &gamelan::detail::run<&system_name##_body, system_name##_columns>};                                   \
    static void system_name##_body
// clang-format on
