// C++ objects that live as long as a memory context: Postgres calls no destructor when a statement fails, but
// it does call what is registered with a context.
#pragma once

#include <utility>

#include "extension/pg/bridge.hpp"

namespace gamelan::fdw {

template <class T, class... Arguments>
T* make_in(MemoryContext context, Arguments&&... arguments) {
    auto* callback =
        static_cast<MemoryContextCallback*>(MemoryContextAllocZero(context, sizeof(MemoryContextCallback)));
    T* made = pg::sql_boundary([&] { return new T(std::forward<Arguments>(arguments)...); });
    callback->func = [](void* object) { delete static_cast<T*>(object); };
    callback->arg = made;
    MemoryContextRegisterResetCallback(context, callback);
    return made;
}

} // namespace gamelan::fdw
