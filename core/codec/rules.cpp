#include "core/codec/rules.hpp"

#include "core/base/bytes.hpp"
#include "core/base/hash.hpp"

#include <cmath>

namespace gamelan::codec {

namespace {

using game::Phase;
using game::Rules;
using game::RunOn;
using game::SystemPath;
using game::SystemRule;

constexpr std::string_view subject = "the rules of a world";
constexpr std::string_view magic = "GLR";
constexpr std::uint8_t version = 1;

void require(bool holds, const char* what) {
    if (!holds)
        throw Error(sqlstate::invalid_config, std::string("the rules of a world have ") + what);
}

void check_list(const std::vector<std::string>& list, std::size_t most, std::size_t longest,
                const char* what) {
    require(list.size() <= most, what);
    for (const std::string& text : list)
        require(text.size() <= longest, what);
}

void check_system(const SystemRule& system) {
    require(!system.name.empty() && system.name.size() <= max_rule_name_bytes,
            "a system without a name, or with too long a one");
    require(system.phase <= Phase::output, "a system in an unknown phase");
    require(system.run_on <= RunOn::destroy, "a system that runs on something unknown");
    require(system.path <= SystemPath::calling, "a system that runs in an unknown way");
    require(system.every_n_ticks >= 1, "a system that runs every zero ticks");
    require(system.program.size() <= max_program_bytes && system.condition.size() <= max_program_bytes,
            "too long a program");
    check_list(system.observed, max_rule_observed, max_rule_name_bytes, "a system that observes too much");
    check_list(system.reads, max_rule_columns, max_rule_column_bytes, "a system that reads too much");
    check_list(system.writes, max_rule_columns, max_rule_column_bytes, "a system that writes too much");
}

// The same when rules are written and when they are read.
void check(const Rules& rules) {
    require(rules.tick_rate_hz >= 1 && rules.tick_rate_hz <= max_tick_rate_hz,
            "a tick rate beyond its limits");
    require(std::isfinite(rules.time_scale) && rules.time_scale >= 0,
            "a time scale that is no number from 0");
    require(rules.systems.size() <= max_systems, "too many systems");
    for (const SystemRule& system : rules.systems)
        check_system(system);
}

void put_list(ByteWriter& out, const std::vector<std::string>& list) {
    out.put_varint(list.size());
    for (const std::string& text : list)
        out.put_text(text);
}

std::vector<std::string> get_list(ByteReader& in, std::size_t most, std::size_t longest) {
    const std::uint64_t count = in.get_varint();
    if (count > most || count > in.remaining())
        in.fail("a list is longer than its limit");
    std::vector<std::string> out;
    out.reserve(count);
    for (std::uint64_t i = 0; i < count; ++i)
        out.emplace_back(in.get_text(longest));
    return out;
}

SystemRule get_system(ByteReader& in) {
    SystemRule system;
    system.name = in.get_text(max_rule_name_bytes);
    system.phase = in.get<Phase>();
    system.priority = in.get<std::int32_t>();
    system.run_on = in.get<RunOn>();
    system.observed = get_list(in, max_rule_observed, max_rule_name_bytes);
    system.every_n_ticks = in.get<std::uint32_t>();
    const auto is_enabled = in.get<std::uint8_t>();
    if (is_enabled > 1)
        in.fail("a system is neither enabled nor disabled");
    system.is_enabled = is_enabled == 1;
    system.path = in.get<SystemPath>();
    system.program = in.get_text(max_program_bytes);
    system.condition = in.get_text(max_program_bytes);
    system.reads = get_list(in, max_rule_columns, max_rule_column_bytes);
    system.writes = get_list(in, max_rule_columns, max_rule_column_bytes);
    return system;
}

} // namespace

std::string encode_rules(const Rules& rules) {
    check(rules);
    ByteWriter out;
    out.put_bytes(magic);
    out.put(version);
    out.put(rules.tick_rate_hz);
    out.put(rules.time_scale);
    out.put_varint(rules.max_events_per_tick);
    out.put_varint(rules.systems.size());
    for (const SystemRule& system : rules.systems) {
        out.put_text(system.name);
        out.put(system.phase);
        out.put(system.priority);
        out.put(system.run_on);
        put_list(out, system.observed);
        out.put(system.every_n_ticks);
        out.put(static_cast<std::uint8_t>(system.is_enabled));
        out.put(system.path);
        out.put_text(system.program);
        out.put_text(system.condition);
        put_list(out, system.reads);
        put_list(out, system.writes);
    }
    out.put(hash64(out.view()));
    require(out.size() <= max_rules_bytes, "too many bytes");
    return out.take();
}

Rules decode_rules(std::string_view bytes) {
    ByteReader in(bytes, subject);
    if (bytes.size() > max_rules_bytes)
        in.fail("they are longer than their limit");
    if (in.get_bytes(magic.size()) != magic)
        in.fail("they do not begin with their magic");
    if (const auto found = in.get<std::uint8_t>(); found != version)
        in.fail("their version is " + std::to_string(found) + ", this library knows 1");
    if (in.remaining() < sizeof(std::uint64_t))
        in.fail("they end too early");
    const std::string_view body = bytes.substr(0, bytes.size() - sizeof(std::uint64_t));
    ByteReader tail(bytes.substr(body.size()), subject);
    if (tail.get<std::uint64_t>() != hash64(body))
        in.fail("their checksum differs");

    Rules out;
    out.tick_rate_hz = in.get<std::uint32_t>();
    out.time_scale = in.get<double>();
    const std::uint64_t limit = in.get_varint();
    if (limit == 0 || limit > max_events)
        in.fail("its limit of events is out of range");
    out.max_events_per_tick = static_cast<std::uint32_t>(limit);
    const std::uint64_t systems = in.get_varint();
    if (systems > max_systems)
        in.fail("there are too many systems");
    for (std::uint64_t i = 0; i < systems; ++i)
        out.systems.push_back(get_system(in));
    if (in.remaining() != sizeof(std::uint64_t))
        in.fail("bytes are left over");
    try {
        check(out);
    } catch (const Error& error) {
        in.fail(error.message());
    }
    return out;
}

} // namespace gamelan::codec
