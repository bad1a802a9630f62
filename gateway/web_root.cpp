#include "gateway/web_root.hpp"

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <utility>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace gamelan::gateway {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::pair<std::string_view, std::string_view>, 22> content_types = {{
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".mjs", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".json", "application/json"},
    {".map", "application/json"},
    {".webmanifest", "application/manifest+json"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".jpg", "image/jpeg"},
    {".jpeg", "image/jpeg"},
    {".webp", "image/webp"},
    {".avif", "image/avif"},
    {".ico", "image/x-icon"},
    {".wasm", "application/wasm"},
    {".woff2", "font/woff2"},
    {".woff", "font/woff"},
    {".glb", "model/gltf-binary"},
    {".mp3", "audio/mpeg"},
    {".ogg", "audio/ogg"},
    {".txt", "text/plain; charset=utf-8"},
    {".md", "text/markdown; charset=utf-8"},
}};

std::string read_whole(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream content;
    content << file.rdbuf();
    if (!file)
        throw std::runtime_error("cannot read '" + path.string() + "'");
    return std::move(content).str();
}

std::string etag_of(std::string_view body) {
    char text[24];
    std::snprintf(text, sizeof text, "\"%016llx\"",
                  static_cast<unsigned long long>(XXH3_64bits(body.data(), body.size())));
    return text;
}

std::shared_ptr<const WebFile> load_file(const fs::path& path, std::string_view name) {
    auto file = std::make_shared<WebFile>();
    // An empty file has no buffer to stream, which would look like a read error.
    if (fs::file_size(path) > 0)
        file->body = read_whole(path);
    file->content_type = content_type_of(name);
    file->etag = etag_of(file->body);
    file->immutable = name.starts_with("/assets/");
    return file;
}

} // namespace

std::string_view content_type_of(std::string_view path) {
    for (const auto& [ending, type] : content_types)
        if (path.ends_with(ending))
            return type;
    return "application/octet-stream";
}

void WebRoot::load(const std::string& folder) try {
    decltype(files_) files;
    std::size_t total_bytes = 0;
    for (auto entry = fs::recursive_directory_iterator(folder); entry != fs::recursive_directory_iterator();
         ++entry) {
        if (entry->path().filename().string().starts_with(".")) {
            entry.disable_recursion_pending();
            continue;
        }
        if (entry->is_symlink() || !entry->is_regular_file())
            continue;
        total_bytes += entry->file_size();
        if (files.size() == max_web_files || total_bytes > max_web_bytes)
            throw std::runtime_error("'" + folder + "' has more than 4096 files or 256 MiB");
        const std::string name = "/" + fs::relative(entry->path(), folder).generic_string();
        files.emplace(name, load_file(entry->path(), name));
    }
    files_ = std::move(files);
} catch (const fs::filesystem_error& error) {
    throw std::runtime_error("cannot read the folder '" + folder + "': " + error.code().message());
}

std::shared_ptr<const WebFile> WebRoot::find(std::string_view path) const {
    const auto found =
        path.ends_with('/') ? files_.find(std::string(path) + "index.html") : files_.find(path);
    return found == files_.end() ? nullptr : found->second;
}

} // namespace gamelan::gateway
