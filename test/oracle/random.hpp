// The one source of chance: everything the oracle does follows from its seed.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

namespace gamelan::oracle {

class Random {
  public:
    explicit Random(std::uint64_t seed) : engine_(seed) {}

    // 0 .. count - 1. The engine's own bits, since distributions differ between libraries.
    std::size_t below(std::size_t count) { return static_cast<std::size_t>(engine_() % count); }
    std::size_t between(std::size_t least, std::size_t most) { return least + below(most - least + 1); }
    bool one_in(std::size_t count) { return below(count) == 0; }
    bool percent(std::size_t chance) { return below(100) < chance; }
    std::uint64_t bits() { return engine_(); }

    template <class T>
    const T& pick(const std::vector<T>& from) {
        return from[below(from.size())];
    }
    template <class T>
    T& pick(std::vector<T>& from) {
        return from[below(from.size())];
    }

  private:
    std::mt19937_64 engine_;
};

} // namespace gamelan::oracle
