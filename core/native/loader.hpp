// Where native systems come from: functions of shared libraries, which the core cannot load by itself.
#pragma once

#include "core/base/error.hpp"
#include "include/gamelan/system.hpp"

#include <string>
#include <string_view>

namespace gamelan::native {

class Loader {
  public:
    virtual ~Loader() = default;
    // What the library exports under that name, whatever it is; it stays for the life of the process. Throws
    // Error.
    virtual const void* find(const std::string& library, const std::string& symbol) = 0;
};

// One for the process; it must outlive all worlds.
void install(Loader* loader);

// `program`: "library:symbol", as rules name a native system. Throws Error(undefined_file 58P01) when there
// is no such library, Error(undefined_function 42883) when it has no such system, and
// Error(feature_not_supported) when it was built for another version of the interface.
const gamelan_system& resolve(std::string_view program);

} // namespace gamelan::native
