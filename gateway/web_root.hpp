// The page's files, read into memory once: a request only looks a name up, so no path can lead out of the
// folder.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace gamelan::gateway {

inline constexpr std::size_t max_web_files = 4096;
inline constexpr std::size_t max_web_bytes = std::size_t{256} << 20;

struct WebFile {
    std::string body;
    std::string_view content_type;
    std::string etag;       // quoted
    bool immutable = false; // its name holds a hash of its content: it lies under /assets/
};

class WebRoot {
  public:
    // Reads all regular files below `folder`, symbolic links and names that begin with a dot left out;
    // replaces what was there. Throws std::runtime_error, and then keeps what was there.
    void load(const std::string& folder);

    // `path` is the decoded path of a request, "/" first. A path that ends in "/" means its index.html. Null:
    // none.
    std::shared_ptr<const WebFile> find(std::string_view path) const;

  private:
    std::map<std::string, std::shared_ptr<const WebFile>, std::less<>> files_;
};

// By the ending of a file's name; application/octet-stream for an unknown one.
std::string_view content_type_of(std::string_view path);

} // namespace gamelan::gateway
