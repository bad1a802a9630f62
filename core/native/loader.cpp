#include "core/native/loader.hpp"

#include <cstring>

namespace gamelan::native {

namespace {

constinit Loader* installed = nullptr;
constexpr std::uint32_t max_columns = 256;

void check(const gamelan_system* system, const std::string& name) {
    if (system->abi_version != GAMELAN_ABI_VERSION || system->system_bytes != sizeof(gamelan_system) ||
        system->tick_bytes != sizeof(gamelan_tick) || system->block_bytes != sizeof(gamelan_block))
        throw Error(sqlstate::feature_not_supported,
                    "native system \"" + name + "\" was built for another version of gamelan/system.hpp",
                    "The server has version " + std::to_string(GAMELAN_ABI_VERSION) + ", the library " +
                        std::to_string(system->abi_version) + ".",
                    "Build the library anew.");
    if (system->run == nullptr || system->columns == nullptr || system->column_count == 0 ||
        system->column_count > max_columns)
        throw Error("42883", "native system \"" + name + "\" names no columns, or no function");
}

} // namespace

void install(Loader* loader) {
    installed = loader;
}

const gamelan_system& resolve(std::string_view program) {
    const std::size_t colon = program.rfind(':');
    if (installed == nullptr || colon == std::string_view::npos)
        throw Error(sqlstate::feature_not_supported, "native systems cannot be loaded here");
    const std::string symbol(program.substr(colon + 1));
    const void* found = installed->find(std::string(program.substr(0, colon)), symbol);
    // Any symbol may have been named.
    std::uint64_t magic = 0;
    std::memcpy(&magic, found, sizeof magic);
    if (magic != GAMELAN_MAGIC)
        throw Error("42883", "\"" + symbol + "\" is no native system", {},
                    "A library makes one with GAMELAN_SYSTEM of gamelan/system.hpp.");
    const auto* system = static_cast<const gamelan_system*>(found);
    check(system, symbol);
    return *system;
}

} // namespace gamelan::native
