// What single operations of kernels cost for each lane, values in the first cache: the figures of the table
// in core/kernel/cost.cpp come from here.
#include "core/automaton/simd_level.hpp"
#include "core/kernel/operation.hpp"

#include <benchmark/benchmark.h>

#include <random>
#include <string>
#include <vector>

namespace {

using namespace gamelan;
using namespace gamelan::kernel;

constexpr std::uint32_t lanes = 1024;
constexpr std::size_t widest_bytes = 16;

void fill(std::byte* values, ColumnType type, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    for (std::uint32_t i = 0; i < lanes; ++i) {
        const auto small = static_cast<std::int64_t>(random() % 100) + 1;
        Value value = Value::of(type, small);
        if (type == ColumnType::f32)
            value = Value::of(type, static_cast<float>(small));
        else if (type == ColumnType::f64)
            value = Value::of(type, static_cast<double>(small));
        else if (type == ColumnType::boolean)
            value = Value::of(type, static_cast<std::uint8_t>(small & 1));
        else if (type == ColumnType::decimal)
            value = Value::of(type, small << 8);
        value.copy_to(values + std::size_t{i} * width_of(type));
    }
}

void run(benchmark::State& state, const Operation* operation, const std::vector<ColumnType>& inputs) {
    alignas(64) static std::byte rooms[4][lanes * widest_bytes];
    alignas(64) static std::byte out[lanes * widest_bytes];
    Lanes call{out, {}, lanes / group_lanes, nullptr};
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        fill(rooms[i], inputs[i], i + 1);
        call.inputs[i] = rooms[i];
    }
    const auto level = static_cast<std::size_t>(automaton::simd_level());
    for (auto _ : state) {
        benchmark::DoNotOptimize(operation->loops[level](call));
        benchmark::ClobberMemory();
    }
    state.counters["ns_per_lane"] = benchmark::Counter(
        lanes * 1e-9, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

void add(const std::string& name, Op op, ColumnType type, std::vector<ColumnType> inputs) {
    const Operation* operation = find_operation(op, type, type, Operand::lanes);
    if (operation)
        benchmark::RegisterBenchmark((name + "/" + std::string(name_of(type))).c_str(),
                                     [=](benchmark::State& state) { run(state, operation, inputs); });
}

void add_all() {
    using enum ColumnType;
    for (const ColumnType type : {i16, i32, i64, f32, f64, span, decimal}) {
        add("add", Op::add, type, {type, type});
        add("multiply", Op::multiply, type, {type, type});
        add("divide", Op::divide, type, {type, type});
    }
    for (const ColumnType type : {boolean, i16, i32, i64, f32, f64, span, decimal, bytes16}) {
        add("less", Op::less, type, {type, type});
        add("greatest", Op::greatest, type, {type, type});
    }
    for (const Op op : {Op::floor, Op::round, Op::sqrt, Op::exp, Op::ln, Op::sin, Op::cos})
        add("function " + std::to_string(static_cast<int>(op)), op, f64, {f64});
    for (const Op op : {Op::power, Op::atan2})
        add("function " + std::to_string(static_cast<int>(op)), op, f64, {f64, f64});
    add("random", Op::random, i64, {i64, i64});
    add("average", Op::average, decimal, {decimal, i64});
    for (const auto& [from, to] :
         {std::pair{i32, f64}, std::pair{f64, f32}, std::pair{f64, i32}, std::pair{i32, decimal},
          std::pair{decimal, i32}, std::pair{decimal, f64}}) {
        const Operation* cast = find_cast(from, to);
        const std::vector<ColumnType> inputs{from};
        benchmark::RegisterBenchmark(
            ("cast/" + std::string(name_of(from)) + "/" + std::string(name_of(to))).c_str(),
            [=](benchmark::State& state) { run(state, cast, inputs); });
    }
    for (const std::uint32_t width : {1U, 4U, 8U, 16U}) {
        const Operation* select = find_select(width);
        const ColumnType type = width == 1 ? boolean : width == 4 ? i32 : width == 8 ? i64 : bytes16;
        const std::vector<ColumnType> inputs{boolean, type, type};
        benchmark::RegisterBenchmark(("select/" + std::to_string(width)).c_str(),
                                     [=](benchmark::State& state) { run(state, select, inputs); });
    }
}

} // namespace

int main(int argc, char** argv) {
    add_all();
    benchmark::Initialize(&argc, argv);
    benchmark::RunSpecifiedBenchmarks();
    return 0;
}
