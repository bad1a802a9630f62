// What the preloaded shims share: the functions they stand in front of, and which file a descriptor is.
#pragma once

#include <dlfcn.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace shim {

// The function of that name behind this library. F: its type.
template <class F>
F* next(const char* name) {
    void* found = dlsym(RTLD_NEXT, name);
    if (found == nullptr)
        std::abort();
    return reinterpret_cast<F*>(found);
}

// What a descriptor is open on. Empty for what has no path.
struct Path {
    char text[512] = "";
    explicit Path(int fd) {
        char link[32];
        std::snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        const ssize_t length = readlink(link, text, sizeof text - 1);
        text[length > 0 ? length : 0] = '\0';
    }
    bool begins_with(const char* prefix) const {
        return prefix[0] != '\0' && std::strncmp(text, prefix, std::strlen(prefix)) == 0;
    }
    bool contains(const char* part) const { return std::strstr(text, part) != nullptr; }
};

// Of the environment; empty when it is not set.
inline const char* variable(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
}

inline off_t size_of(int fd) {
    struct stat status {};
    return fstat(fd, &status) == 0 ? status.st_size : 0;
}

} // namespace shim
