// Distances in double precision, also where squares overflow or vanish.
#pragma once

#include <algorithm>
#include <cmath>

namespace gamelan::spatial {

// Scaling by powers of two loses nothing. Beyond these, squares are not safe.
inline constexpr int most_scale_bits = 1000;

// Whether a difference is at most a radius long.
class Reach {
  public:
    explicit Reach(double radius) {
        int exponent = 0;
        (void)std::frexp(radius, &exponent);
        if (radius == 0)
            exponent = -most_scale_bits;
        scale_ = std::ldexp(1.0, std::clamp(-exponent, -most_scale_bits, most_scale_bits));
        const double scaled = radius * scale_;
        square_ = scaled * scaled;
    }

    bool has(double x, double y, double z) const {
        x *= scale_;
        y *= scale_;
        z *= scale_;
        return x * x + y * y + z * z <= square_;
    }

  private:
    double scale_;
    double square_;
};

// The square root of the sum of squares; infinite when it is greater than any number.
inline double distance(double x, double y, double z) {
    const double greatest = std::max({std::abs(x), std::abs(y), std::abs(z)});
    if (greatest == 0 || (greatest > 0x1p-450 && greatest < 0x1p450))
        return std::sqrt(x * x + y * y + z * z);
    if (std::isinf(greatest))
        return greatest;
    int exponent = 0;
    (void)std::frexp(greatest, &exponent);
    exponent = std::clamp(exponent, -most_scale_bits, most_scale_bits);
    const double scale = std::ldexp(1.0, -exponent);
    x *= scale;
    y *= scale;
    z *= scale;
    return std::ldexp(std::sqrt(x * x + y * y + z * z), exponent);
}

} // namespace gamelan::spatial
