#include "core/kernel/masks.hpp"

#include <bit>
#include <cstring>

namespace gamelan::kernel {

namespace {

static_assert(std::endian::native == std::endian::little);
constexpr std::uint64_t ones = 0x0101010101010101ULL;

// Eight bits to eight bytes, for each byte.
constexpr std::array<std::uint64_t, 256> make_spread() {
    std::array<std::uint64_t, 256> out{};
    for (std::uint32_t byte = 0; byte < 256; ++byte)
        for (std::uint32_t bit = 0; bit < 8; ++bit)
            out[byte] |= static_cast<std::uint64_t>(byte >> bit & 1) << (8 * bit);
    return out;
}
constexpr std::array<std::uint64_t, 256> spread = make_spread();

std::uint64_t load(const Byte* bytes) {
    std::uint64_t out;
    std::memcpy(&out, bytes, sizeof out);
    return out;
}

} // namespace

void bits_to_bytes(const std::uint64_t* words, Byte* bytes, std::uint32_t lanes) {
    for (std::uint32_t word = 0; word < lanes / 64; ++word)
        for (std::uint32_t byte = 0; byte < 8; ++byte) {
            const std::uint64_t eight = spread[words[word] >> (8 * byte) & 0xff];
            std::memcpy(bytes + 64 * word + 8 * byte, &eight, sizeof eight);
        }
}

// Byte i is shifted to bit 56 + i; no two terms of the product meet.
void bytes_to_bits(const Byte* bytes, std::uint64_t* words, std::uint32_t lanes) {
    for (std::uint32_t word = 0; word < lanes / 64; ++word) {
        std::uint64_t out = 0;
        for (std::uint32_t byte = 0; byte < 8; ++byte)
            out |= (load(bytes + 64 * word + 8 * byte) * 0x0102040810204080ULL >> 56) << (8 * byte);
        words[word] = out;
    }
}

// Not every processor that we are built for can count bits by itself.
std::uint32_t count_bits(const std::uint64_t* words, std::uint32_t lanes) {
    constexpr std::uint64_t pairs = 0x5555555555555555ULL;
    constexpr std::uint64_t nibbles = 0x3333333333333333ULL;
    constexpr std::uint64_t bytes = 0x0f0f0f0f0f0f0f0fULL;
    std::uint64_t total = 0;
    for (std::uint32_t word = 0; word < lanes / 64; ++word) {
        std::uint64_t x = words[word];
        x -= x >> 1 & pairs;
        x = (x & nibbles) + (x >> 2 & nibbles);
        total += (x + (x >> 4)) & bytes;
    }
    // Sixteen words at most: no byte's sum is beyond 128.
    static_assert(max_lanes / 64 * 8 < 256);
    constexpr std::uint64_t even = 0x00ff00ff00ff00ffULL;
    return static_cast<std::uint32_t>(((total & even) + (total >> 8 & even)) * 0x0001000100010001ULL >> 48);
}

// Eight sums side by side, of so few that none overflows its byte.
std::uint32_t count_bytes(const Byte* bytes, std::uint32_t lanes) {
    static_assert(max_lanes / 8 < 256);
    std::uint64_t sums = 0;
    for (std::uint32_t i = 0; i < lanes; i += 8)
        sums += load(bytes + i);
    constexpr std::uint64_t even = 0x00ff00ff00ff00ffULL;
    const std::uint64_t pairs = (sums & even) + (sums >> 8 & even);
    return static_cast<std::uint32_t>(pairs * 0x0001000100010001ULL >> 48);
}

std::uint32_t first_lane(const Byte* bytes, const Byte* mask, std::uint32_t limit) {
    for (std::uint32_t first = 0; first < limit; first += 64) {
        std::uint64_t any = 0;
        for (std::uint32_t i = 0; i < 64; i += 8)
            any |= load(bytes + first + i) & (mask ? load(mask + first + i) : ones);
        for (std::uint32_t lane = first; any != 0 && lane < first + 64 && lane < limit; ++lane)
            if (bytes[lane] != 0 && (!mask || mask[lane] != 0))
                return lane;
    }
    return limit;
}

} // namespace gamelan::kernel
