// The systems of fighters.hpp as loops that somebody wrote for them: over plain arrays in place, and over
// blocks that are copied before they change. Only bench/core/systems_bench.cpp uses it.
#pragma once

#include "bench/core/fighters.hpp"

#include "core/base/hash.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

namespace gamelan::bench {

inline constexpr std::size_t float_columns = 8;
inline constexpr std::size_t integer_columns = 6;
inline constexpr std::array<std::pair<const char*, const char*>, float_columns> float_names{
    {{"position", "x"},
     {"position", "y"},
     {"position", "z"},
     {"velocity", "x"},
     {"velocity", "y"},
     {"velocity", "z"},
     {"weapon", "cooldown"},
     {"weapon", "heat"}}};
inline constexpr std::array<std::pair<const char*, const char*>, integer_columns> integer_names{
    {{"health", "hp"},
     {"health", "shield"},
     {"health", "poison"},
     {"weapon", "shots"},
     {"score", "points"},
     {"score", "deaths"}}};

// Columns of consecutive fighters.
struct Rows {
    std::array<float*, float_columns> reals;
    std::array<std::int32_t*, integer_columns> integers;
    std::size_t count;

    float* at(std::size_t axis) const { return reals[axis]; }
    float* speed(std::size_t axis) const { return reals[3 + axis]; }
    float* cooldown() const { return reals[6]; }
    float* heat() const { return reals[7]; }
    std::int32_t* hp() const { return integers[0]; }
    std::int32_t* shield() const { return integers[1]; }
    std::int32_t* poison() const { return integers[2]; }
    std::int32_t* shots() const { return integers[3]; }
    std::int32_t* points() const { return integers[4]; }
    std::int32_t* deaths() const { return integers[5]; }
};

struct Fighters {
    std::array<std::vector<float>, float_columns> reals;
    std::array<std::vector<std::int32_t>, integer_columns> integers;

    static Fighters of(const Snapshot& view, std::uint32_t count) {
        Fighters out;
        const auto column = [&](const auto& name) {
            return *view.find_column(*view.find_component(name.first), name.second);
        };
        for (std::size_t c = 0; c < float_columns; ++c)
            for (std::uint32_t slot = 1; slot <= count; ++slot)
                out.reals[c].push_back(view.get<float>(column(float_names[c]), slot));
        for (std::size_t c = 0; c < integer_columns; ++c)
            for (std::uint32_t slot = 1; slot <= count; ++slot)
                out.integers[c].push_back(view.get<std::int32_t>(column(integer_names[c]), slot));
        return out;
    }
    Rows rows() {
        Rows out{{}, {}, reals[0].size()};
        for (std::size_t c = 0; c < float_columns; ++c)
            out.reals[c] = reals[c].data();
        for (std::size_t c = 0; c < integer_columns; ++c)
            out.integers[c] = integers[c].data();
        return out;
    }
    std::uint64_t digest() const {
        std::uint64_t out = 0;
        const auto add = [&](const auto& column) {
            out =
                hash64({reinterpret_cast<const char*>(column.data()), column.size() * sizeof column[0]}, out);
        };
        for (const auto& column : reals)
            add(column);
        for (const auto& column : integers)
            add(column);
        return out;
    }
};

using HandSystem = void (*)(const Rows&, float dt);

// out[i] = f(out[i], other[i])
template <class T, class U, class F>
void change(T* out, const U* other, std::size_t count, F f) {
    for (std::size_t i = 0; i < count; ++i)
        out[i] = f(out[i], other[i]);
}

inline void move(const Rows& rows, float dt) {
    for (std::size_t axis = 0; axis < 3; ++axis)
        change(rows.at(axis), rows.speed(axis), rows.count,
               [dt](float at, float by) { return at + by * dt; });
}
inline void move_the_healthy(const Rows& rows, float dt) {
    const std::int32_t* const hp = rows.hp();
    for (std::size_t axis = 0; axis < 3; ++axis) {
        float* const at = rows.at(axis);
        const float* const by = rows.speed(axis);
        for (std::size_t i = 0; i < rows.count; ++i)
            at[i] = hp[i] > 49 ? at[i] + by[i] * dt : at[i];
    }
}
inline void slow(const Rows& rows, float) {
    for (std::size_t axis = 0; axis < 3; ++axis)
        change(rows.speed(axis), rows.speed(axis), rows.count, [](float v, float) { return v * 0.999F; });
}
inline void fall(const Rows& rows, float dt) {
    const float by = 9.81F * dt;
    change(rows.speed(2), rows.speed(2), rows.count,
           [by](float v, float) { return v - by < -50.0F ? -50.0F : v - by; });
}
inline void come_in_again(const Rows& rows, float) {
    for (std::size_t axis = 0; axis < 3; ++axis)
        change(rows.at(axis), rows.at(axis), rows.count,
               [](float at, float) { return at > 1000.0F ? at - 1000.0F : at; });
}
template <std::size_t axis>
void bounce_back(const Rows& rows, float) {
    change(rows.speed(axis), rows.at(axis), rows.count,
           [](float v, float at) { return at < 0.0F ? std::fabs(v) : v; });
}
inline void cool_weapon(const Rows& rows, float dt) {
    change(rows.cooldown(), rows.cooldown(), rows.count,
           [dt](float v, float) { return v - dt < 0.0F ? 0.0F : v - dt; });
}
inline void cool_barrel(const Rows& rows, float dt) {
    change(rows.heat(), rows.heat(), rows.count,
           [dt](float v, float) { return v - dt < 0.0F ? 0.0F : v - dt; });
}
inline void fire(const Rows& rows, float) {
    float* const cooldown = rows.cooldown();
    std::int32_t* const shots = rows.shots();
    const std::int32_t* const hp = rows.hp();
    for (std::size_t i = 0; i < rows.count; ++i) {
        const bool fires = (cooldown[i] <= 0.0F) & (hp[i] > 0);
        cooldown[i] = fires ? 0.5F : cooldown[i];
        shots[i] += fires ? 1 : 0;
    }
}
inline void heal(const Rows& rows, float) {
    change(rows.hp(), rows.hp(), rows.count,
           [](std::int32_t v, std::int32_t) { return v < 100 ? v + 1 : v; });
}
inline void charge(const Rows& rows, float) {
    change(rows.shield(), rows.shield(), rows.count,
           [](std::int32_t v, std::int32_t) { return v < 50 ? v + 1 : v; });
}
inline void recover(const Rows& rows, float) {
    change(rows.poison(), rows.poison(), rows.count,
           [](std::int32_t v, std::int32_t) { return v > 0 ? v - 1 : v; });
}
inline void suffer(const Rows& rows, float) {
    change(rows.hp(), rows.poison(), rows.count,
           [](std::int32_t v, std::int32_t poison) { return v - (poison > 90 ? 1 : 0); });
}
inline void die(const Rows& rows, float) {
    change(rows.deaths(), rows.hp(), rows.count,
           [](std::int32_t v, std::int32_t hp) { return hp <= 0 ? v + 1 : v; });
}
inline void revive(const Rows& rows, float) {
    std::int32_t* const hp = rows.hp();
    std::int32_t* const shield = rows.shield();
    std::int32_t* const poison = rows.poison();
    for (std::size_t i = 0; i < rows.count; ++i) {
        const bool is_dead = hp[i] <= 0;
        shield[i] = is_dead ? 50 : shield[i];
        poison[i] = is_dead ? 0 : poison[i];
        hp[i] = is_dead ? 100 : hp[i];
    }
}
inline void score(const Rows& rows, float) {
    change(rows.points(), rows.shots(), rows.count,
           [](std::int32_t v, std::int32_t shots) { return v + (shots & 1); });
}
template <std::size_t column>
void start_over(const Rows& rows, float) {
    change(rows.integers[column], rows.integers[column], rows.count,
           [](std::int32_t v, std::int32_t) { return v > 1000000 ? v - 1000000 : v; });
}

inline const std::vector<HandSystem> four_by_hand{move, slow, fall, come_in_again};
inline const std::vector<HandSystem> twenty_by_hand{
    move,        slow,        fall,  come_in_again, bounce_back<0>, bounce_back<1>, bounce_back<2>,
    cool_weapon, cool_barrel, fire,  heal,          charge,         recover,        suffer,
    die,         revive,      score, start_over<4>, start_over<3>,  start_over<5>};

// Blocks of 1,024 fighters behind pointers; what was replaced is used again, last first, after the tick.
class CopiedFighters {
  public:
    // `written`: numbers of the columns, floats first.
    CopiedFighters(const Fighters& from, std::vector<std::size_t> written)
        : count_(from.reals[0].size()), blocks_((count_ + block_rows - 1) / block_rows),
          written_(std::move(written)) {
        constexpr std::size_t columns = float_columns + integer_columns;
        constexpr std::size_t stride = block_rows + 16;
        memory_.resize((columns + written_.size()) * blocks_ * stride);
        std::byte* next = reinterpret_cast<std::byte*>(memory_.data());
        const auto take = [&] { return std::exchange(next, next + stride * sizeof(float)); };
        for (std::size_t b = 0; b < blocks_; ++b)
            for (std::size_t c = 0; c < columns; ++c) {
                table_.push_back(take());
                const void* values = c < float_columns
                                         ? static_cast<const void*>(from.reals[c].data() + b * block_rows)
                                         : from.integers[c - float_columns].data() + b * block_rows;
                std::memcpy(table_.back(), values, rows_of(b) * sizeof(float));
            }
        for (std::size_t i = 0; i < written_.size() * blocks_; ++i)
            free_.push_back(take());
    }

    void tick(const std::vector<HandSystem>& systems, float dt) {
        for (std::size_t b = 0; b < blocks_; ++b) {
            for (const std::size_t c : written_) {
                std::byte*& place = table_[b * (float_columns + integer_columns) + c];
                std::byte* const fresh = free_.back();
                free_.pop_back();
                std::memcpy(fresh, place, block_rows * sizeof(float));
                replaced_.push_back(std::exchange(place, fresh));
            }
            const Rows rows = block(b);
            for (const HandSystem system : systems)
                system(rows, dt);
        }
        free_.insert(free_.end(), replaced_.begin(), replaced_.end());
        replaced_.clear();
    }
    std::uint64_t digest() const {
        Fighters out;
        for (std::size_t b = 0; b < blocks_; ++b) {
            const Rows rows = block(b);
            for (std::size_t c = 0; c < float_columns; ++c)
                out.reals[c].insert(out.reals[c].end(), rows.reals[c], rows.reals[c] + rows.count);
            for (std::size_t c = 0; c < integer_columns; ++c)
                out.integers[c].insert(out.integers[c].end(), rows.integers[c],
                                       rows.integers[c] + rows.count);
        }
        return out.digest();
    }

  private:
    std::size_t rows_of(std::size_t b) const {
        return std::min<std::size_t>(block_rows, count_ - b * block_rows);
    }
    Rows block(std::size_t b) const {
        Rows out{{}, {}, rows_of(b)};
        std::byte* const* const columns = table_.data() + b * (float_columns + integer_columns);
        for (std::size_t c = 0; c < float_columns; ++c)
            out.reals[c] = reinterpret_cast<float*>(columns[c]);
        for (std::size_t c = 0; c < integer_columns; ++c)
            out.integers[c] = reinterpret_cast<std::int32_t*>(columns[float_columns + c]);
        return out;
    }

    std::size_t count_;
    std::size_t blocks_;
    std::vector<std::size_t> written_;
    std::vector<float> memory_;
    std::vector<std::byte*> table_;
    std::vector<std::byte*> free_;
    std::vector<std::byte*> replaced_;
};

} // namespace gamelan::bench
