// The movement of docs/native.md, and systems that fail, tell of events and draw numbers.
#include <gamelan/system.hpp>

#include <cstdlib>

GAMELAN_SYSTEM(movement, gamelan::writes<float>("position.x"), gamelan::writes<float>("position.y"),
               gamelan::reads<float>("velocity.dx"), gamelan::reads<float>("velocity.dy"))
(const gamelan::Tick& tick, gamelan::Block& block) {
    const auto x = block.write<float>(0);
    const auto y = block.write<float>(1);
    const auto dx = block.read<float>(2);
    const auto dy = block.read<float>(3);
    block.each([&](std::uint32_t row) {
        x.set(row, static_cast<float>(x[row] + dx[row] * tick.dt()));
        y.set(row, static_cast<float>(y[row] + dy[row] * tick.dt()));
    });
}

GAMELAN_SYSTEM(fall_over, gamelan::writes<float>("position.x"))
(const gamelan::Tick&, gamelan::Block& block) {
    const auto x = block.write<float>(0);
    block.each([&](std::uint32_t row) {
        x.set(row, -1);
        if (block.entity(row) == 1500)
            gamelan::fail("22003", "entity 1500 fell over");
    });
}

GAMELAN_SYSTEM(gamble, gamelan::writes<double>("luck.drawn"), gamelan::writes<std::int64_t>("luck.wins"))
(const gamelan::Tick& tick, gamelan::Block& block) {
    const auto drawn = block.write<double>(0);
    const auto wins = block.write<std::int64_t>(1);
    block.each([&](std::uint32_t row) {
        const double number = tick.random(static_cast<std::int64_t>(block.entity(row)));
        if (number < 0.25) {
            drawn.set_null(row);
            return;
        }
        drawn.set(row, number);
        if (number > 0.9) {
            wins.set(row, wins[row] + 1);
            tick.emit("won", block.entity(row), {{"number", number}, {"wins", wins[row]}});
        }
    });
}

GAMELAN_SYSTEM(mistyped, gamelan::writes<double>("position.x"))
(const gamelan::Tick&, gamelan::Block&) {}

GAMELAN_SYSTEM(end_the_worker, gamelan::reads<float>("position.x"))
(const gamelan::Tick&, gamelan::Block&) {
    std::abort();
}
