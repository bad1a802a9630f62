// The types that columns of components can have, with values worth trying.
#pragma once

#include "test/oracle/random.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gamelan::oracle {

// What can be compared with each other without a cast that may fail.
enum class Family {
    boolean,
    character,
    number,
    moment,
    interval,
    uuid,
    enumeration,
    text,
    bytes,
    json,
    array
};

struct Type {
    std::string name;
    Family family;
    std::vector<std::string> values;  // in the type's text form, all of them valid
    std::string refused;              // a value that its domain refuses; empty = none
    const char* canonical;            // how to print %: equal values print the same
    const char* index;                // which indexes there may be: "", "hash", "ordered" (both)
    std::vector<const char*> changes; // expressions of the type in %; these may fail
};

using Value = std::optional<std::string>;

// All types; the user-defined ones are made by cold_schema().
const std::vector<Type>& types();
const Type& type_named(std::string_view name);

// Mostly a common value, sometimes a rare one, sometimes NULL.
Value random_value(Random& random, const Type& type);
// Not NULL, short.
std::string plain_value(Random& random, const Type& type);

std::string quote(std::string_view text);
std::string literal(const Value& value, const Type& type);
// % in `pattern` replaced.
std::string fill(std::string_view pattern, std::string_view with);

} // namespace gamelan::oracle
