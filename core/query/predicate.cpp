// Each comparison is a loop without branches that writes one byte a slot, which compilers turn into vector
// instructions, and a multiplication that gathers eight such bytes into eight bits.
#include "core/query/predicate.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

namespace gamelan::query {

namespace {

constexpr std::uint32_t word_slots = 64;
// Up to this many values of a list are compared one after the other with all slots; longer lists are searched
// for each slot.
constexpr std::size_t max_swept_list = 8;

struct Bytes16 {
    std::uint64_t halves[2];
    bool operator==(const Bytes16&) const = default;
    bool operator<(const Bytes16& other) const {
        return halves[0] != other.halves[0] ? halves[0] < other.halves[0] : halves[1] < other.halves[1];
    }
};

// A type without an order of its own, kept apart from u32.
struct Code {
    std::uint32_t value;
    bool operator==(const Code&) const = default;
    bool operator<(const Code& other) const { return value < other.value; }
};

template <class T>
bool is_nan(T value) {
    if constexpr (std::is_floating_point_v<T>)
        return std::isnan(value);
    else
        return false;
}

// Postgres's order, in which NaN is the greatest number.
template <class T>
bool precedes(T a, T b) {
    if constexpr (std::is_floating_point_v<T>)
        return !is_nan(a) && (is_nan(b) || a < b);
    else
        return a < b;
}

// Eight bytes of 0 or 1 to eight bits: byte i is shifted to bit 56 + i, and no two terms of the product meet.
std::uint64_t gather_bits(const std::uint8_t* bytes) {
    static_assert(std::endian::native == std::endian::little);
    std::uint64_t out = 0;
    for (std::uint32_t i = 0; i < word_slots; i += 8) {
        std::uint64_t chunk;
        std::memcpy(&chunk, bytes + i, sizeof chunk);
        out |= (chunk * 0x0102040810204080ULL >> 56) << i;
    }
    return out;
}

template <class T, class F>
void sweep(std::uint64_t* mask, std::uint32_t words, const std::byte* values, F passes) {
    for (std::uint32_t w = 0; w < words; ++w) {
        if (mask[w] == 0)
            continue;
        T group[word_slots];
        std::memcpy(group, values + std::size_t{w} * sizeof group, sizeof group);
        std::uint8_t hits[word_slots];
        for (std::uint32_t i = 0; i < word_slots; ++i)
            hits[i] = passes(group[i]) ? 1 : 0;
        mask[w] &= gather_bits(hits);
    }
}

template <class T>
void sweep_nan(Condition condition, std::uint64_t* mask, std::uint32_t words, const std::byte* values) {
    switch (condition) {
    case Condition::equal:
    case Condition::greater_equal:
        return sweep<T>(mask, words, values, [](T v) { return is_nan(v); });
    case Condition::not_equal:
    case Condition::less:
        return sweep<T>(mask, words, values, [](T v) { return !is_nan(v); });
    case Condition::greater:
        std::fill_n(mask, words, 0);
        return;
    default:
        return;
    }
}

// For an operand that is a number, "greater" is "not less or equal", so that NaN passes.
template <class T>
void sweep_ordered(Condition condition, std::uint64_t* mask, std::uint32_t words, const std::byte* values,
                   T operand) {
    switch (condition) {
    case Condition::less:
        return sweep<T>(mask, words, values, [operand](T v) { return v < operand; });
    case Condition::less_equal:
        return sweep<T>(mask, words, values, [operand](T v) { return v <= operand; });
    case Condition::greater:
        return sweep<T>(mask, words, values, [operand](T v) { return !(v <= operand); });
    case Condition::greater_equal:
        return sweep<T>(mask, words, values, [operand](T v) { return !(v < operand); });
    default:
        return;
    }
}

template <class F>
decltype(auto) with_type(ColumnType type, F&& f) {
    switch (type) {
    case ColumnType::boolean:
    case ColumnType::u8:
        return f(std::uint8_t{});
    case ColumnType::i8:
        return f(std::int8_t{});
    case ColumnType::i16:
        return f(std::int16_t{});
    case ColumnType::i32:
        return f(std::int32_t{});
    case ColumnType::i64:
        return f(std::int64_t{});
    case ColumnType::f32:
        return f(float{});
    case ColumnType::f64:
        return f(double{});
    case ColumnType::code:
        return f(Code{});
    case ColumnType::bytes16:
        return f(Bytes16{});
    default:
        throw Error(sqlstate::internal, "a column of this type cannot be compared");
    }
}

template <class T>
inline constexpr bool has_comparisons = std::is_arithmetic_v<T>;

template <class T>
T load(const std::byte* at) {
    T out;
    std::memcpy(&out, at, sizeof out);
    return out;
}

bool is_equality(Condition condition) {
    return condition == Condition::equal || condition == Condition::not_equal ||
           condition == Condition::in_list;
}

// The test that remains when the operand lies below everything the column can hold, or above it.
Condition beyond(Condition condition, bool is_above) {
    switch (condition) {
    case Condition::not_equal:
        return Condition::always;
    case Condition::less:
    case Condition::less_equal:
        return is_above ? Condition::always : Condition::never;
    case Condition::greater:
    case Condition::greater_equal:
        return is_above ? Condition::never : Condition::always;
    default:
        return Condition::never;
    }
}

} // namespace

bool supports(ColumnType type, Condition condition) {
    if (condition == Condition::is_null || condition == Condition::is_not_null)
        return true;
    const bool has_equality = type == ColumnType::code || type == ColumnType::bytes16;
    return has_order(type) || (has_equality && is_equality(condition));
}

template <class T>
T Predicate::operand_as() const {
    return load<T>(operand_.data());
}

void Predicate::set(Condition condition, const std::byte* operand) {
    condition_ = condition;
    std::memcpy(operand_.data(), operand, width_of(type_));
    least_key_ = greacondition_key_ = store::order_key(type_, operand);
}

void Predicate::set_integer(Condition condition, std::int64_t operand) {
    with_type(type_, [&]<class T>(T) {
        if constexpr (std::is_integral_v<T>) {
            if (operand < std::int64_t{std::numeric_limits<T>::min()})
                return set(beyond(condition, false));
            if (operand > std::int64_t{std::numeric_limits<T>::max()})
                return set(beyond(condition, true));
            const T narrowed = static_cast<T>(operand);
            set(condition, reinterpret_cast<const std::byte*>(&narrowed));
        } else {
            throw Error(sqlstate::internal, "a column of this type cannot be compared with an integer");
        }
    });
}

void Predicate::set_widened(Condition condition, double operand) {
    const float nearest = static_cast<float>(operand);
    const double widened = nearest;
    if (widened != operand && !std::isnan(operand)) {
        // No f32 equals the operand; `nearest` is its neighbour above or below.
        const bool is_above = widened > operand;
        if (condition == Condition::equal || condition == Condition::not_equal)
            return set(beyond(condition, true));
        if (condition == Condition::less || condition == Condition::less_equal)
            condition = is_above ? Condition::less : Condition::less_equal;
        else
            condition = is_above ? Condition::greater_equal : Condition::greater;
    }
    set(condition, reinterpret_cast<const std::byte*>(&nearest));
}

void Predicate::set_list(std::span<const std::byte> values) {
    condition_ = values.empty() ? Condition::never : Condition::in_list;
    list_.assign(values.begin(), values.end());
    with_type(type_, [&]<class T>(T) {
        // Bytes of a vector are aligned for any type of fixed width.
        T* first = reinterpret_cast<T*>(list_.data());
        std::sort(first, first + list_.size() / sizeof(T), [](T a, T b) { return precedes(a, b); });
    });
    set_keys();
}

void Predicate::set_keys() {
    const std::uint32_t width = width_of(type_);
    least_key_ = std::numeric_limits<std::uint64_t>::max();
    greacondition_key_ = 0;
    for (std::size_t at = 0; at < list_.size(); at += width) {
        const std::uint64_t key = store::order_key(type_, list_.data() + at);
        least_key_ = std::min(least_key_, key);
        greacondition_key_ = std::max(greacondition_key_, key);
    }
}

template <class T>
void Predicate::narrow_by_list(std::uint64_t* mask, std::uint32_t words, const std::byte* values) const {
    const T* first = reinterpret_cast<const T*>(list_.data());
    const T* last = first + list_.size() / sizeof(T);
    for (std::uint32_t w = 0; w < words; ++w) {
        std::uint64_t passing = 0;
        for (std::uint64_t left = mask[w]; left != 0; left &= left - 1) {
            const auto slot = static_cast<std::uint32_t>(std::countr_zero(left));
            const T value = load<T>(values + (std::size_t{w} * word_slots + slot) * sizeof(T));
            if (std::binary_search(first, last, value, [](T a, T b) { return precedes(a, b); }))
                passing |= std::uint64_t{1} << slot;
        }
        mask[w] = passing;
    }
}

template <class T>
void Predicate::narrow_as(std::uint64_t* mask, std::uint32_t words, const std::byte* values) const {
    if (condition_ == Condition::in_list) {
        const std::size_t count = list_.size() / sizeof(T);
        if (count > max_swept_list)
            return narrow_by_list<T>(mask, words, values);
        T list[max_swept_list];
        std::memcpy(list, list_.data(), list_.size());
        return sweep<T>(mask, words, values, [&list, count](T v) {
            bool is_hit = false;
            for (std::size_t i = 0; i < count; ++i)
                is_hit |= v == list[i] || (is_nan(v) && is_nan(list[i]));
            return is_hit;
        });
    }
    const T operand = operand_as<T>();
    if constexpr (std::is_floating_point_v<T>)
        if (is_nan(operand))
            return sweep_nan<T>(condition_, mask, words, values);
    if (condition_ == Condition::equal)
        return sweep<T>(mask, words, values, [operand](T v) { return v == operand; });
    if (condition_ == Condition::not_equal)
        return sweep<T>(mask, words, values, [operand](T v) { return !(v == operand); });
    if constexpr (has_comparisons<T>)
        sweep_ordered<T>(condition_, mask, words, values, operand);
}

void Predicate::narrow_values(std::uint64_t* mask, std::uint32_t words, const std::byte* values) const {
    if (values == nullptr) {
        constexpr std::byte zero[16] = {};
        if (!passes(zero))
            std::fill_n(mask, words, 0);
        return;
    }
    with_type(type_, [&]<class T>(T) { narrow_as<T>(mask, words, values); });
}

void Predicate::narrow(std::uint64_t* mask, std::uint32_t words, const std::byte* values,
                       const std::uint64_t* nulls) const {
    if (condition_ == Condition::never || (condition_ == Condition::is_null && nulls == nullptr)) {
        std::fill_n(mask, words, 0);
        return;
    }
    if (condition_ == Condition::is_null) {
        for (std::uint32_t w = 0; w < words; ++w)
            mask[w] &= nulls[w];
        return;
    }
    if (nulls != nullptr)
        for (std::uint32_t w = 0; w < words; ++w)
            mask[w] &= ~nulls[w];
    if (condition_ != Condition::is_not_null && condition_ != Condition::always)
        narrow_values(mask, words, values);
}

bool Predicate::passes(const std::byte* value) const {
    switch (condition_) {
    case Condition::never:
    case Condition::is_null:
        return false;
    case Condition::always:
    case Condition::is_not_null:
        return true;
    default:
        break;
    }
    return with_type(type_, [&]<class T>(T) {
        const T v = load<T>(value);
        if (condition_ == Condition::in_list) {
            const T* first = reinterpret_cast<const T*>(list_.data());
            return std::binary_search(first, first + list_.size() / sizeof(T), v,
                                      [](T a, T b) { return precedes(a, b); });
        }
        const T operand = operand_as<T>();
        switch (condition_) {
        case Condition::equal:
            return !precedes(v, operand) && !precedes(operand, v);
        case Condition::not_equal:
            return precedes(v, operand) || precedes(operand, v);
        case Condition::less:
            return precedes(v, operand);
        case Condition::less_equal:
            return !precedes(operand, v);
        case Condition::greater:
            return precedes(operand, v);
        default:
            return !precedes(v, operand);
        }
    });
}

void Predicate::key_ranges(std::vector<KeyRange>& out) const {
    constexpr std::uint64_t greatest = std::numeric_limits<std::uint64_t>::max();
    const std::uint64_t key = least_key_;
    out.clear();
    switch (condition_) {
    case Condition::equal:
        return out.push_back({key, key});
    case Condition::less_equal:
        return out.push_back({0, key});
    case Condition::greater_equal:
        return out.push_back({key, greatest});
    case Condition::less:
        if (key > 0)
            out.push_back({0, key - 1});
        return;
    case Condition::greater:
        if (key < greatest)
            out.push_back({key + 1, greatest});
        return;
    case Condition::always:
        return out.push_back({0, greatest});
    case Condition::in_list:
        for (std::size_t at = 0; at < list_.size(); at += width_of(type_)) {
            const std::uint64_t element = store::order_key(type_, list_.data() + at);
            if (out.empty() || out.back().high != element)
                out.push_back({element, element});
        }
        return;
    default:
        return;
    }
}

bool Predicate::may_match(const store::Zone& zone) const {
    switch (condition_) {
    case Condition::never:
        return false;
    case Condition::equal:
    case Condition::in_list:
        return least_key_ <= zone.greatest && greacondition_key_ >= zone.least;
    case Condition::not_equal:
        // Two values of a type without an order may share a key.
        return !has_order(type_) || zone.least != least_key_ || zone.greatest != least_key_;
    case Condition::less:
        return zone.least < least_key_;
    case Condition::less_equal:
        return zone.least <= least_key_;
    case Condition::greater:
        return zone.greatest > least_key_;
    case Condition::greater_equal:
        return zone.greatest >= least_key_;
    case Condition::always:
    case Condition::is_not_null:
    case Condition::is_null:
        return true;
    }
    return true;
}

} // namespace gamelan::query
