// Unbound systems as bytes, for the log and for checkpoints. docs/formats.md, "Kernel program".
#pragma once

#include "core/kernel/unbound.hpp"

#include <string>
#include <string_view>

namespace gamelan::codec {

inline constexpr std::size_t max_program_bytes = 1 << 20;

// Throws Error(feature_not_supported) beyond max_program_bytes.
std::string encode_program(const kernel::UnboundSystem& system);
// Checks everything: what it returns can be bound and played without harm. Throws Error(corrupt_data).
kernel::UnboundSystem decode_program(std::string_view bytes);

} // namespace gamelan::codec
