// Unbound systems as bytes, for the log and for checkpoints. docs/formats.md, "Kernel program".
#pragma once

#include "core/kernel/unbound.hpp"

#include <string>
#include <string_view>

namespace gamelan::codec {

inline constexpr std::size_t max_program_bytes = 1 << 20;
inline constexpr std::size_t max_program_name_bytes = 255; // of any name or key in it

// Throws what kernel::check() throws, and Error(feature_not_supported) beyond the limits above. Equal systems
// give equal bytes.
std::string encode_program(const kernel::UnboundSystem& system);
// Checks everything: what it returns can be bound and played without harm. Throws Error(corrupt_data).
kernel::UnboundSystem decode_program(std::string_view bytes);

} // namespace gamelan::codec
