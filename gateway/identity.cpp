#include "gateway/identity.hpp"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <span>
#include <stdexcept>

namespace gamelan::gateway {
namespace {

constexpr std::size_t token_bytes = 32;

std::string hex(std::span<const unsigned char> bytes) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string text;
    for (const unsigned char byte : bytes) {
        text += digits[byte >> 4];
        text += digits[byte & 15];
    }
    return text;
}

std::string random_hex(std::size_t bytes) {
    unsigned char raw[token_bytes];
    if (RAND_bytes(raw, static_cast<int>(bytes)) != 1)
        throw std::runtime_error("the system's random source failed");
    return hex(std::span(raw, bytes));
}

} // namespace

std::string new_token() {
    return random_hex(token_bytes);
}

std::string new_session_name() {
    return random_hex(8);
}

bool is_token(std::string_view text) {
    const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
    return text.size() == 2 * token_bytes && std::all_of(text.begin(), text.end(), is_hex);
}

std::string actor_of(std::string_view token) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    if (EVP_Digest(token.data(), token.size(), digest, &size, EVP_sha256(), nullptr) != 1)
        throw std::runtime_error("SHA-256 is not available");
    return "guest:" + hex(std::span(digest, 16));
}

} // namespace gamelan::gateway
