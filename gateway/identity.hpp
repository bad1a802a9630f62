// Tokens, the secrets that make a client the same player again, and the actor names the database knows them
// by.
#pragma once

#include <string>
#include <string_view>

namespace gamelan::gateway {

// 64 hex digits from the system's random source. Throws std::runtime_error when it has none.
std::string new_token();

// 16 hex digits that name a connection in logs; not secret.
std::string new_session_name();

// True for a text that new_token() could have made.
bool is_token(std::string_view text);

// "guest:" and the first 32 hex digits of the token's SHA-256.
std::string actor_of(std::string_view token);

} // namespace gamelan::gateway
