// Points and directions in space. Only + − × ÷ √, each rounded once, so that the same numbers come out in
// every language and on every machine; the build gives -ffp-contract=off, without which a compiler may fuse ×
// and +.
#pragma once

#include "core/base/no_postgres.hpp"

#include <cmath>

namespace gamelan::grid {

struct Vector3 {
    double x, y, z;

    friend bool operator==(const Vector3&, const Vector3&) = default;
};

inline Vector3 operator+(const Vector3& a, const Vector3& b) {
    return {a.x + b.x, a.y + b.y, a.z + b.z};
}
inline Vector3 operator-(const Vector3& a, const Vector3& b) {
    return {a.x - b.x, a.y - b.y, a.z - b.z};
}
inline double dot(const Vector3& a, const Vector3& b) {
    return (a.x * b.x + a.y * b.y) + a.z * b.z;
}
inline Vector3 cross(const Vector3& a, const Vector3& b) {
    return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}
inline double length(const Vector3& a) {
    return std::sqrt(dot(a, a));
}
inline Vector3 normalised(const Vector3& a) {
    const double l = length(a);
    return {a.x / l, a.y / l, a.z / l};
}
// The middle of the great-circle arc between two points of the unit sphere that are not opposite.
inline Vector3 arc_middle(const Vector3& a, const Vector3& b) {
    return normalised(a + b);
}

} // namespace gamelan::grid
