#include "extension/pg/native_library.hpp"

#include <algorithm>
#include <dlfcn.h>
#include <map>
#include <set>
#include <unistd.h>

#include "extension/pg/bridge.hpp"

namespace gamelan::pg {

namespace {

constexpr std::string_view libdir = "$libdir";
constexpr std::size_t max_reported = 1000;

std::string file_name_of(std::string library) {
    if (library.starts_with("$libdir/"))
        library.erase(0, libdir.size() + 1);
    const bool is_plain =
        !library.empty() && library.front() != '.' && std::all_of(library.begin(), library.end(), [](char c) {
            return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
                   c == '-' || c == '.';
        });
    if (!is_plain)
        throw Error(sqlstate::invalid_parameter, "a library of native systems is named without a path", {},
                    "Install it into the directory that pg_config --pkglibdir prints.");
    return library.ends_with(DLSUFFIX) ? library : library + DLSUFFIX;
}

std::string path_of(const std::string& library) {
    const std::string file = file_name_of(library);
    std::string_view rest = Dynamic_library_path;
    while (!rest.empty()) {
        const std::size_t end = std::min(rest.find(':'), rest.size());
        std::string directory(rest.substr(0, end));
        rest.remove_prefix(std::min(end + 1, rest.size()));
        if (directory.starts_with(libdir))
            directory.replace(0, libdir.size(), pkglib_path);
        const std::string path = directory + "/" + file;
        if (access(path.c_str(), R_OK) == 0)
            return path;
    }
    throw Error("58P01", "library \"" + file + "\" of native systems is not installed", {},
                "Install it into the directory that pg_config --pkglibdir prints.");
}

class Libraries final : public native::Loader {
  public:
    const void* find(const std::string& library, const std::string& symbol) override {
        void* handle = open(library);
        const void* entry = dlsym(handle, symbol.c_str());
        if (entry == nullptr)
            throw Error("42883", "library \"" + library + "\" has no system \"" + symbol + "\"");
        return entry;
    }

  private:
    void* open(const std::string& library) {
        if (const auto known = handles_.find(library); known != handles_.end())
            return known->second;
        const std::string path = path_of(library);
        void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
        if (handle == nullptr)
            throw Error("58P01", "library \"" + library + "\" of native systems cannot be loaded", dlerror());
        handles_.emplace(library, handle);
        return handle;
    }

    std::map<std::string, void*> handles_;
};

} // namespace

void install_native_loader() {
    static Libraries* const libraries = new Libraries; // the process ends without running destructors
    native::install(libraries);
}

void leave_out_missing(game::Rules& rules) {
    static auto& reported = *new std::set<std::string>;
    for (game::SystemRule& rule : rules.systems) {
        if (rule.path != game::SystemPath::native || !rule.is_enabled)
            continue;
        try {
            (void)native::resolve(rule.program);
        } catch (const Error& error) {
            rule.is_enabled = false;
            if (reported.size() >= max_reported || !reported.insert(rule.program + error.message()).second)
                continue;
            pg_call([&] {
                ereport(WARNING, (errmsg("native system \"%s\" is left out: %s", rule.name.c_str(),
                                         error.message().c_str()),
                                  errhint("Install the library, and start the server again.")));
            });
        }
    }
}

} // namespace gamelan::pg
