// Errors that reach users: an SQLSTATE, a message, and what to do about it.
#pragma once

#include "core/base/no_postgres.hpp"

#include <exception>
#include <string>
#include <string_view>

namespace gamelan {

// Class WG is ours (SQL reserves classes beginning with I-Z for implementations). docs/errors.md lists them.
namespace sqlstate {
inline constexpr std::string_view undefined_world = "WG001";
inline constexpr std::string_view undefined_action = "WG002";
inline constexpr std::string_view missing_argument = "WG003";
inline constexpr std::string_view unexpected_argument = "WG004";
inline constexpr std::string_view argument_type_mismatch = "WG005";
inline constexpr std::string_view undefined_cell = "WG006";
inline constexpr std::string_view cell_already_claimed = "WG007";
inline constexpr std::string_view not_owner = "WG008";
inline constexpr std::string_view not_joined = "WG009";
inline constexpr std::string_view world_not_running = "WG010";
inline constexpr std::string_view queue_full = "WG011";
inline constexpr std::string_view action_refused = "WG012";
inline constexpr std::string_view worker_not_running = "WG013";
inline constexpr std::string_view recovery_failed = "WG014";
inline constexpr std::string_view undefined_game = "WG015";
inline constexpr std::string_view invalid_config = "WG016";
inline constexpr std::string_view name_taken = "WG017";
inline constexpr std::string_view world_full = "WG018";
inline constexpr std::string_view corrupt_data = "WG019";
inline constexpr std::string_view undefined_entity = "WG020";
inline constexpr std::string_view too_soon = "WG021";
inline constexpr std::string_view quarantined = "WG022";
inline constexpr std::string_view checkpoint_key_missing = "WG023";
// Postgres's own, where a user would expect them.
inline constexpr std::string_view undefined_table = "42P01";
inline constexpr std::string_view undefined_column = "42703";
inline constexpr std::string_view datatype_mismatch = "42804";
inline constexpr std::string_view unique_violation = "23505";
inline constexpr std::string_view serialization_failure = "40001";
inline constexpr std::string_view feature_not_supported = "0A000";
inline constexpr std::string_view out_of_memory = "53200";
inline constexpr std::string_view snapshot_too_old = "72000";
inline constexpr std::string_view invalid_parameter = "22023";
inline constexpr std::string_view internal = "XX000";
} // namespace sqlstate

class Error : public std::exception {
  public:
    Error(std::string_view code, std::string message, std::string detail = {}, std::string hint = {})
        : code_(code), message_(std::move(message)), detail_(std::move(detail)), hint_(std::move(hint)) {}

    const char* what() const noexcept override { return message_.c_str(); }
    const std::string& code() const noexcept { return code_; }
    const std::string& message() const noexcept { return message_; }
    const std::string& detail() const noexcept { return detail_; }
    const std::string& hint() const noexcept { return hint_; }

  private:
    std::string code_; // five characters
    std::string message_;
    std::string detail_;
    std::string hint_;
};

} // namespace gamelan
