// Copies that leave the caches to what is read again soon, and need not fetch what they overwrite.
#pragma once

#include <cstddef>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace gamelan::kernel {

// `out` and `in` are aligned to 64 bytes, of which `bytes` is a multiple.
inline void copy_past_caches(std::byte* out, const std::byte* in, std::size_t bytes) {
#if defined(__SSE2__)
    for (std::size_t i = 0; i < bytes; i += 64) {
        const auto* from = reinterpret_cast<const __m128i*>(in + i);
        auto* to = reinterpret_cast<__m128i*>(out + i);
        const __m128i a = _mm_load_si128(from);
        const __m128i b = _mm_load_si128(from + 1);
        const __m128i c = _mm_load_si128(from + 2);
        const __m128i d = _mm_load_si128(from + 3);
        _mm_stream_si128(to, a);
        _mm_stream_si128(to + 1, b);
        _mm_stream_si128(to + 2, c);
        _mm_stream_si128(to + 3, d);
    }
#else
    std::memcpy(out, in, bytes);
#endif
}

// Before other processors may look.
inline void end_copies_past_caches() {
#if defined(__SSE2__)
    _mm_sfence();
#endif
}

} // namespace gamelan::kernel
