// The systems of fighters.hpp over an EnTT registry, when its single header is at hand ($ENTT_INCLUDE when
// the build is configured). Only bench/core/systems_bench.cpp uses it.
#pragma once

#include "bench/core/fighters_by_hand.hpp"

#include <entt/entt.hpp>

namespace gamelan::bench {

class EnttFighters {
    struct Position {
        float x, y, z;
    };
    struct Velocity {
        float x, y, z;
    };
    struct Health {
        std::int32_t hp, shield, poison;
    };
    struct Weapon {
        float cooldown, heat;
        std::int32_t shots;
    };
    struct Score {
        std::int32_t points, deaths;
    };
    // Its fastest way over two components: both lie in the same order.
    auto movers() { return registry_.group<Position, Velocity>(); }

  public:
    explicit EnttFighters(const Fighters& from) {
        for (std::size_t i = 0; i < from.reals[0].size(); ++i) {
            const auto entity = registry_.create();
            entities_.push_back(entity);
            const auto& r = from.reals;
            const auto& n = from.integers;
            registry_.emplace<Position>(entity, r[0][i], r[1][i], r[2][i]);
            registry_.emplace<Velocity>(entity, r[3][i], r[4][i], r[5][i]);
            registry_.emplace<Health>(entity, n[0][i], n[1][i], n[2][i]);
            registry_.emplace<Weapon>(entity, r[6][i], r[7][i], n[3][i]);
            registry_.emplace<Score>(entity, n[4][i], n[5][i]);
        }
        (void)movers();
    }

    void move(float dt) {
        movers().each([dt](Position& at, const Velocity& by) {
            at.x += by.x * dt;
            at.y += by.y * dt;
            at.z += by.z * dt;
        });
    }
    void move_the_healthy(float dt) {
        registry_.view<Position, const Velocity, const Health>().each(
            [dt](Position& at, const Velocity& by, const Health& health) {
                if (health.hp > 49) {
                    at.x += by.x * dt;
                    at.y += by.y * dt;
                    at.z += by.z * dt;
                }
            });
    }
    void four(float dt) {
        move(dt);
        registry_.view<Velocity>().each([](Velocity& v) {
            v.x *= 0.999F;
            v.y *= 0.999F;
            v.z *= 0.999F;
        });
        const float by = 9.81F * dt;
        registry_.view<Velocity>().each([by](Velocity& v) { v.z = std::max(v.z - by, -50.0F); });
        registry_.view<Position>().each([](Position& at) {
            for (float* axis : {&at.x, &at.y, &at.z})
                if (*axis > 1000.0F)
                    *axis -= 1000.0F;
        });
    }
    void twenty(float dt) {
        four(dt);
        movers().each([](const Position& at, Velocity& v) { v.x = at.x < 0 ? std::fabs(v.x) : v.x; });
        movers().each([](const Position& at, Velocity& v) { v.y = at.y < 0 ? std::fabs(v.y) : v.y; });
        movers().each([](const Position& at, Velocity& v) { v.z = at.z < 0 ? std::fabs(v.z) : v.z; });
        const auto weapons = registry_.view<Weapon>();
        const auto healths = registry_.view<Health>();
        const auto scores = registry_.view<Score>();
        weapons.each([dt](Weapon& w) { w.cooldown = std::max(w.cooldown - dt, 0.0F); });
        weapons.each([dt](Weapon& w) { w.heat = std::max(w.heat - dt, 0.0F); });
        registry_.view<Weapon, const Health>().each([](Weapon& w, const Health& h) {
            if (w.cooldown <= 0 && h.hp > 0) {
                w.cooldown = 0.5F;
                ++w.shots;
            }
        });
        healths.each([](Health& h) { h.hp += h.hp < 100; });
        healths.each([](Health& h) { h.shield += h.shield < 50; });
        healths.each([](Health& h) { h.poison -= h.poison > 0; });
        healths.each([](Health& h) { h.hp -= h.poison > 90; });
        registry_.view<Score, const Health>().each([](Score& s, const Health& h) { s.deaths += h.hp <= 0; });
        healths.each([](Health& h) {
            if (h.hp <= 0)
                h = {100, 50, 0};
        });
        registry_.view<Score, const Weapon>().each(
            [](Score& s, const Weapon& w) { s.points += w.shots & 1; });
        scores.each([](Score& s) { s.points -= s.points > 1000000 ? 1000000 : 0; });
        weapons.each([](Weapon& w) { w.shots -= w.shots > 1000000 ? 1000000 : 0; });
        scores.each([](Score& s) { s.deaths -= s.deaths > 1000000 ? 1000000 : 0; });
    }
    std::uint64_t digest() const {
        Fighters out;
        for (const entt::entity entity : entities_) {
            const auto& [at, v, h, w, s] = registry_.get<Position, Velocity, Health, Weapon, Score>(entity);
            const float reals[] = {at.x, at.y, at.z, v.x, v.y, v.z, w.cooldown, w.heat};
            const std::int32_t integers[] = {h.hp, h.shield, h.poison, w.shots, s.points, s.deaths};
            for (std::size_t c = 0; c < float_columns; ++c)
                out.reals[c].push_back(reals[c]);
            for (std::size_t c = 0; c < integer_columns; ++c)
                out.integers[c].push_back(integers[c]);
        }
        return out.digest();
    }

  private:
    entt::registry registry_;
    std::vector<entt::entity> entities_;
};

} // namespace gamelan::bench
